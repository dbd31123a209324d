"""A tenant's keys: one per purpose, rotated, and named by alias."""

from __future__ import annotations

from cdktn_provider_aws.kms_alias import KmsAlias
from cdktn_provider_aws.kms_key import KmsKey
from constructs import Construct

from modules.aws.identity import Identity
from modules.aws.site import Site, policy_text
from modules.policy.keys import key_policy
from tenancy.names import KEY_PURPOSES, KeyPurpose

DELETION_WINDOW_DAYS = 30
"""The longest that KMS takes: time to notice a deletion that no one meant."""


class Keys(Construct):
    """The five keys. `arn("data")` is the ARN of the key for a purpose."""

    def __init__(self, scope: Construct, name: str, site: Site, identity: Identity) -> None:
        super().__init__(scope, name)
        self._site = site
        # KMS refuses a policy whose principals do not exist, and the documents name roles by ARN, not by reference.
        self._roles = list(identity.roles.values())
        self.by_purpose = {purpose: self._key(purpose) for purpose in KEY_PURPOSES}

    def arn(self, purpose: KeyPurpose) -> str:
        """The ARN of the key for a purpose."""
        return self.by_purpose[purpose].arn

    def _key(self, purpose: KeyPurpose) -> KmsKey:
        site = self._site
        alias = site.names.key_alias(purpose)
        key = KmsKey(
            self,
            purpose,
            description=f"Tenant {site.names.tenant}: {purpose}",
            policy=policy_text("key", alias, key_policy(site.scope, purpose)),
            enable_key_rotation=True,
            rotation_period_in_days=site.tenant.key_rotation_days,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            multi_region=False,
            tags=site.tags(Name=alias.removeprefix("alias/"), purpose=purpose),
            depends_on=self._roles,
        )
        KmsAlias(self, f"{purpose}-alias", name=alias, target_key_id=key.key_id)
        return key
