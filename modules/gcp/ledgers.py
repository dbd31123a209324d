"""A tenant's own logs: the training ledger and the network's flows, in buckets under the tenant's key."""

from __future__ import annotations

from cdktn_provider_google.logging_project_bucket_config import LoggingProjectBucketConfig
from cdktn_provider_google.logging_project_sink import LoggingProjectSink
from constructs import Construct

from modules.gcp.keys import Keys
from modules.gcp.made import made
from modules.gcp.site import GcpSite

LOGS = {
    "ledger": 'log_id("ledger")',
    "flow": 'log_id("compute.googleapis.com/vpc_flows") OR log_id("compute.googleapis.com/firewall")',
    "names": 'log_id("dns.googleapis.com/dns_queries")',
}
"""Log bucket -> what is routed to it."""

LOCKED = frozenset({"ledger"})
"""Buckets whose retention nobody shortens, the tenant included."""


class Ledgers(Construct):
    """The log buckets and the sinks that fill them."""

    def __init__(self, scope: Construct, name: str, site: GcpSite, keys: Keys) -> None:
        super().__init__(scope, name)
        for bucket_id, condition in LOGS.items():
            bucket = made(
                LoggingProjectBucketConfig,
                self,
                bucket_id,
                project=site.names.project,
                location=site.region,
                bucket_id=bucket_id,
                retention_days=site.tenant.audit.retention_days,
                locked=bucket_id in LOCKED,
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
