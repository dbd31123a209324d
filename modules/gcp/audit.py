"""The audit project's store of evidence: its own key, a locked log bucket and a locked bucket of objects."""

from __future__ import annotations

from cdktn import TerraformResourceLifecycle
from cdktn_provider_google.kms_crypto_key import KmsCryptoKey
from cdktn_provider_google.kms_crypto_key_iam_policy import KmsCryptoKeyIamPolicy
from cdktn_provider_google.kms_key_ring import KmsKeyRing
from cdktn_provider_google.logging_folder_sink import LoggingFolderSink
from cdktn_provider_google.logging_project_bucket_config import LoggingProjectBucketConfig
from cdktn_provider_google.organization_iam_member import OrganizationIamMember
from cdktn_provider_google.project_iam_member import ProjectIamMember
from cdktn_provider_google.service_account import ServiceAccount
from constructs import Construct

from modules.gcp.bucket import PrivateBucket
from modules.gcp.keys import ALGORITHM, DESTRUCTION_DAYS, seconds
from modules.gcp.made import made
from modules.gcp.site import GcpPlatformSite, auditor_role
from modules.policy import gcp_audit
from modules.policy.gcp_iam import rendered
from modules.policy.gcp_scope import COLLECTOR, service_account
from tenancy import names


class AuditStore(Construct):
    """What every tenant's projects log, kept where no tenant and no administrator can delete it early.

    Under the audit project's own key, so that shredding a tenant's keys leaves the evidence readable.
    """

    def __init__(self, scope: Construct, name: str, site: GcpPlatformSite, folders: dict[str, str]) -> None:
        super().__init__(scope, name)
        self._site = site
        self._key()
        self.log_bucket = self._log_bucket()
        sinks = {which: self._sinks(which, folder) for which, folder in folders.items()}
        self._objects([sink.writer_identity for found in sinks.values() for sink in found])

    def add_collector(self) -> None:
        """The scan's service account: it lists what there is and reads settings, in the whole organisation."""
        site = self._site
        account = made(
            ServiceAccount,
            self,
            "collector",
            project=site.audit_project,
            account_id=COLLECTOR,
            display_name="Reads settings for the compliance scan",
        )
        # On the organisation: perimeters, boundaries and the policies that every folder inherits are there.
        made(
            OrganizationIamMember,
            self,
            "collector-reads",
            org_id=site.organisation.id,
            role=auditor_role(site.organisation),
            member=service_account(account.email),
        )

    def _key(self) -> None:
        site = self._site
        keep = TerraformResourceLifecycle(prevent_destroy=True)
        ring = made(
            KmsKeyRing,
            self,
            "ring",
            project=site.audit_project,
            name=gcp_audit.ring(site.platform.name),
            location=site.region,
            lifecycle=keep,
        )
        key = made(
            KmsCryptoKey,
            self,
            "key",
            name=gcp_audit.KEY,
            key_ring=ring.id,
            purpose="ENCRYPT_DECRYPT",
            rotation_period=seconds(site.platform.floors.key_rotation_days),
            destroy_scheduled_duration=seconds(DESTRUCTION_DAYS),
            version_template={"algorithm": ALGORITHM, "protection_level": "HSM"},
            labels=site.labels(purpose="audit"),
            lifecycle=keep,
        )
        self.key_policy = made(
            KmsCryptoKeyIamPolicy,
            self,
            "key-policy",
            crypto_key_id=key.id,
            policy_data=rendered(gcp_audit.audit_key_policy(site.audit_project_number)),
        )
        self.key = gcp_audit.key_name(site.audit_project, site.region, site.platform.name)

    def _log_bucket(self) -> LoggingProjectBucketConfig:
        site = self._site
        return made(
            LoggingProjectBucketConfig,
            self,
            "log-bucket",
            project=site.audit_project,
            location=site.region,
            bucket_id=names.audit_bucket(site.platform.name),
            description="Audit logs of every tenant",
            retention_days=site.platform.audit.retention_days,
            locked=True,
            cmek_settings={"kms_key_name": self.key},
            depends_on=[self.key_policy],
        )

    def _sinks(self, which: str, folder: str) -> list[LoggingFolderSink]:
        """One sink into the log bucket, to be searched; one into objects, to be kept and verified elsewhere."""
        site = self._site
        searched = made(
            LoggingFolderSink,
            self,
            f"{which}-sink",
            folder=folder,
            name=f"{site.platform.name}-{which}",
            destination=f"logging.googleapis.com/{self.log_bucket.id}",
            filter=gcp_audit.EVERY_AUDIT_LOG,
            include_children=True,
        )
        made(
            ProjectIamMember,
            self,
            f"{which}-sink-writes",
            project=site.audit_project,
            role="roles/logging.bucketWriter",
            member=searched.writer_identity,
        )
        kept = made(
            LoggingFolderSink,
            self,
            f"{which}-objects-sink",
            folder=folder,
            name=f"{site.platform.name}-{which}-objects",
            destination=f"storage.googleapis.com/{names.audit_bucket(site.platform.name)}",
            filter=gcp_audit.EVERY_AUDIT_LOG,
            include_children=True,
        )
        return [kept]

    def _objects(self, writers: list[str]) -> None:
        site = self._site
        days = site.platform.audit.retention_days
        PrivateBucket(
            self,
            "objects",
            bucket=names.audit_bucket(site.platform.name),
            region=site.region,
            key=self.key,
            policy=gcp_audit.audit_bucket_policy(writers, f"{COLLECTOR}@{site.audit_project}.iam.gserviceaccount.com"),
            project=site.audit_project,
            labels=site.labels(purpose="audit"),
            # Locked: nobody, the organisation's owner included, shortens it or deletes an object before its time.
            retention_policy={"is_locked": True, "retention_period": str(days * 86400)},
            soft_delete_policy={"retention_duration_seconds": 0},
            depends_on=[self.key_policy],
        )
