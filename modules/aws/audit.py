"""The audit account's store of evidence: its own key and a bucket from which nobody, root included, deletes early."""

from __future__ import annotations

from cdktn_provider_aws.kms_alias import KmsAlias
from cdktn_provider_aws.kms_key import KmsKey
from cdktn_provider_aws.s3_account_public_access_block import S3AccountPublicAccessBlock
from cdktn_provider_aws.s3_bucket_object_lock_configuration import (
    S3BucketObjectLockConfigurationA,
    S3BucketObjectLockConfigurationRuleA,
    S3BucketObjectLockConfigurationRuleDefaultRetentionA,
)
from constructs import Construct

from modules.aws.bucket import PrivateBucket
from modules.aws.keys import DELETION_WINDOW_DAYS
from modules.aws.site import PlatformSite, policy_text
from modules.policy.buckets import audit_bucket_policy
from modules.policy.keys import audit_key_policy
from tenancy import names


class AuditStore(Construct):
    """The locked bucket, in COMPLIANCE mode for the platform's retention, under the audit account's own key."""

    def __init__(self, scope: Construct, name: str, site: PlatformSite) -> None:
        super().__init__(scope, name)
        platform = site.platform
        parties = (platform.name, site.account_id, site.management_account_id, site.region)
        alias, bucket = names.audit_key_alias(platform.name), names.audit_bucket(platform.name)
        self.key = KmsKey(
            self,
            "key",
            description="Audit: the organisation's trail",
            policy=policy_text("key", alias, audit_key_policy(*parties)),
            enable_key_rotation=True,
            rotation_period_in_days=platform.floors.key_rotation_days,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            multi_region=False,
            tags=site.tags(Name=alias.removeprefix("alias/"), purpose="audit"),
        )
        KmsAlias(self, "alias", name=alias, target_key_id=self.key.key_id)
        S3AccountPublicAccessBlock(
            self,
            "no-public-buckets",
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )
        self.store = PrivateBucket(
            self,
            "trail",
            bucket=bucket,
            key_arn=self.key.arn,
            policy=policy_text("bucket", bucket, audit_bucket_policy(*parties)),
            tags=site.tags(purpose="audit"),
            object_lock=True,
        )
        retention = S3BucketObjectLockConfigurationRuleDefaultRetentionA(
            mode="COMPLIANCE", days=platform.audit.retention_days
        )
        self.lock = S3BucketObjectLockConfigurationA(
            self,
            "lock",
            bucket=self.store.bucket.id,
            object_lock_enabled="Enabled",
            rule=S3BucketObjectLockConfigurationRuleA(default_retention=retention),
            depends_on=[self.store.versioning],
        )
