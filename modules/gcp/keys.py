"""A tenant's keys: one per purpose, in hardware, rotated, in a project of their own; and who they are released to."""

from __future__ import annotations

from cdktn import TerraformResourceLifecycle
from cdktn_provider_google.iam_workload_identity_pool import IamWorkloadIdentityPool
from cdktn_provider_google.iam_workload_identity_pool_provider import IamWorkloadIdentityPoolProvider
from cdktn_provider_google.kms_crypto_key import KmsCryptoKey
from cdktn_provider_google.kms_crypto_key_iam_policy import KmsCryptoKeyIamPolicy
from cdktn_provider_google.kms_key_ring import KmsKeyRing
from constructs import Construct

from modules.gcp.made import made
from modules.gcp.site import GcpSite
from modules.policy import gcp_iam, gcp_release
from tenancy.names import KEY_PURPOSES, KeyPurpose

ALGORITHM = "GOOGLE_SYMMETRIC_ENCRYPTION"
DESTRUCTION_DAYS = 30
"""Time to notice a destruction that no one meant."""


def seconds(days: int) -> str:
    """A number of days as Cloud KMS writes a duration."""
    return f"{days * 86400}s"


class Release(Construct):
    """The pool of the tenant's machines. Its one provider lets in what proves that it runs an accepted image."""

    def __init__(self, scope: Construct, name: str, site: GcpSite) -> None:
        super().__init__(scope, name)
        self.pool = made(
            IamWorkloadIdentityPool,
            self,
            "pool",
            project=site.names.key_project,
            workload_identity_pool_id=site.names.pool,
            display_name=f"Nodes of {site.names.tenant}"[:32],
            description="Machines that Google Cloud Attestation has vouched for",
        )
        self.provider = made(
            IamWorkloadIdentityPoolProvider,
            self,
            "provider",
            project=site.names.key_project,
            workload_identity_pool_id=self.pool.workload_identity_pool_id,
            display_name="Confidential Space",
            **gcp_release.provider(site.release),
        )
        self.members = gcp_release.attested_members(site.release)


class Keys(Construct):
    """The five keys. `key("data")` is the resource name of the key for a purpose."""

    def __init__(
        self, scope: Construct, name: str, site: GcpSite, release: Release, waits_for: list[Construct]
    ) -> None:
        super().__init__(scope, name)
        self._site = site
        self._waits_for = [*waits_for, release.provider]
        self.ring = made(
            KmsKeyRing,
            self,
            "ring",
            project=site.names.key_project,
            name=site.names.key_ring,
            location=site.region,
            lifecycle=TerraformResourceLifecycle(prevent_destroy=True),
        )
        self.policies = {purpose: self._key(purpose, release.members) for purpose in KEY_PURPOSES}

    def key(self, purpose: KeyPurpose) -> str:
        """The resource name of the key for a purpose."""
        return self._site.names.key(self._site.region, purpose)

    def _key(self, purpose: KeyPurpose, members: list[str]) -> KmsCryptoKeyIamPolicy:
        site = self._site
        key = made(
            KmsCryptoKey,
            self,
            purpose,
            name=purpose,
            key_ring=self.ring.id,
            purpose="ENCRYPT_DECRYPT",
            rotation_period=seconds(site.tenant.key_rotation_days),
            destroy_scheduled_duration=seconds(DESTRUCTION_DAYS),
            version_template={"algorithm": ALGORITHM, "protection_level": "HSM"},
            labels=site.labels(purpose=purpose),
            # Whoever loses a key loses everything that it ever opened.
            lifecycle=TerraformResourceLifecycle(prevent_destroy=True),
        )
        return made(
            KmsCryptoKeyIamPolicy,
            self,
            f"{purpose}-policy",
            crypto_key_id=key.id,
            policy_data=gcp_iam.rendered(gcp_iam.key_policy(site.scope, purpose, members)),
            depends_on=self._waits_for,
        )
