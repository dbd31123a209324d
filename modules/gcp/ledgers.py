"""A tenant's own logs: its flows and names in log buckets, its training ledger in a locked bucket, under its key."""

from __future__ import annotations

from cdktn_provider_google.logging_project_bucket_config import LoggingProjectBucketConfig
from cdktn_provider_google.logging_project_sink import LoggingProjectSink
from constructs import Construct

from modules.gcp.bucket import PrivateBucket
from modules.gcp.keys import Keys
from modules.gcp.made import made
from modules.gcp.site import GcpSite
from modules.policy.gcp_iam import ledger_policy

LOGS = {
    "flow": 'log_id("compute.googleapis.com/vpc_flows") OR log_id("compute.googleapis.com/firewall")',
    "names": 'log_id("dns.googleapis.com/dns_queries")',
}
"""Log bucket -> what is routed to it."""


class Ledgers(Construct):
    """The log buckets and the sinks that fill them, and the bucket of the ledger.

    The ledger is a bucket of objects, one per record, that nobody shortens or changes, the tenant included: a log's
    entries are written without condition and read with a delay, and a ledger must do better (trainer.ledger.gcs_log).
    """

    def __init__(self, scope: Construct, name: str, site: GcpSite, keys: Keys, waits_for: list[Construct]) -> None:
        super().__init__(scope, name)
        self.ledger = PrivateBucket(
            self,
            "ledger",
            project=site.names.project,
            bucket=site.names.ledger_bucket,
            region=site.region,
            key=keys.key("disk"),
            policy=ledger_policy(site.scope),
            labels=site.labels(purpose="ledger"),
            depends_on=[keys.policies["disk"], *waits_for],
            retention_policy={"retention_period": str(site.tenant.audit.retention_days * 86400), "is_locked": True},
            soft_delete_policy={"retention_duration_seconds": 0},
        )
        for bucket_id, condition in LOGS.items():
            bucket = made(
                LoggingProjectBucketConfig,
                self,
                bucket_id,
                project=site.names.project,
                location=site.region,
                bucket_id=bucket_id,
                retention_days=site.tenant.audit.retention_days,
                locked=False,
                cmek_settings={"kms_key_name": keys.key("logs")},
                depends_on=[keys.policies["logs"]],
            )
            made(
                LoggingProjectSink,
                self,
                f"{bucket_id}-sink",
                project=site.names.project,
                name=f"{site.names.prefix}-{bucket_id}",
                destination=f"logging.googleapis.com/{bucket.id}",
                filter=condition,
                unique_writer_identity=True,
            )
