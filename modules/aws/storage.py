"""A tenant's buckets, and how long what lies in them is kept."""

from __future__ import annotations

from cdktn_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfiguration,
    S3BucketLifecycleConfigurationRule,
    S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload,
    S3BucketLifecycleConfigurationRuleExpiration,
    S3BucketLifecycleConfigurationRuleFilter,
    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration,
)
from constructs import Construct

from modules.aws.bucket import PrivateBucket
from modules.aws.keys import Keys
from modules.aws.site import Site, policy_text
from modules.policy.buckets import bucket_policy
from tenancy.names import BUCKET_PURPOSES, KEY_OF_BUCKET, BucketPurpose
from tenancy.platform import Platform
from tenancy.tenant import Tenant

REPLACED_MODEL_DAYS = 90
"""How long a model that was overwritten can be brought back."""

UNFINISHED_UPLOAD_DAYS = 1


class Storage(Construct):
    """The data, checkpoint and model buckets, encrypted at rest under the tenant's key for services that store."""

    def __init__(self, scope: Construct, name: str, site: Site, keys: Keys) -> None:
        super().__init__(scope, name)
        self.buckets = {purpose: self._bucket(site, keys, purpose) for purpose in BUCKET_PURPOSES}

    def _bucket(self, site: Site, keys: Keys, purpose: BucketPurpose) -> PrivateBucket:
        bucket, key_arn = site.names.bucket(purpose), keys.arn(KEY_OF_BUCKET[purpose])
        labels = {"purpose": purpose}
        if purpose == "data":
            labels["sensitivity"] = strictest_class(site.platform, site.tenant)
        made = PrivateBucket(
            self,
            purpose,
            bucket=bucket,
            key_arn=key_arn,
            policy=policy_text("bucket", bucket, bucket_policy(site.scope, purpose, key_arn)),
            tags=site.tags(**labels),
        )
        S3BucketLifecycleConfiguration(
            made,
            "lifecycle",
            bucket=made.bucket.id,
            rule=[*_retention(site.tenant, purpose), _unfinished_uploads()],
            depends_on=[made.versioning],
        )
        return made


def strictest_class(platform: Platform, tenant: Tenant) -> str:
    """The label of a bucket that holds several data sets: the class of theirs that may be kept for the least time."""
    classes = {dataset.sensitivity for dataset in tenant.datasets}
    return min(classes, key=lambda name: (platform.sensitivity_classes[name].max_retention_days, name))


def _retention(tenant: Tenant, purpose: BucketPurpose) -> list[S3BucketLifecycleConfigurationRule]:
    if purpose == "data":
        return [
            rule
            for dataset in tenant.datasets
            for rule in _delete_after(dataset.id, f"{dataset.id}/", dataset.retention_days)
        ]
    if purpose == "checkpoint":
        # A checkpoint may come from any of the data sets, and it can be made again.
        return _delete_after("checkpoints", "", min(dataset.retention_days for dataset in tenant.datasets))
    return [
        S3BucketLifecycleConfigurationRule(
            id="replaced-models",
            status="Enabled",
            filter=[S3BucketLifecycleConfigurationRuleFilter(prefix="")],
            noncurrent_version_expiration=[
                S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(noncurrent_days=REPLACED_MODEL_DAYS)
            ],
        )
    ]


def _delete_after(name: str, prefix: str, days: int) -> list[S3BucketLifecycleConfigurationRule]:
    """Rules under which an object, its versions and its delete marker are gone `days` after it was written.

    In a versioned bucket, expiry only hides the object; the version goes a day later (Amazon S3 user guide,
    "Lifecycle and versioning"), so expiry comes a day early. A limit of one day cannot be met before two.
    """
    under = [S3BucketLifecycleConfigurationRuleFilter(prefix=prefix)]
    return [
        S3BucketLifecycleConfigurationRule(
            id=f"{name}-retention",
            status="Enabled",
            filter=under,
            expiration=[S3BucketLifecycleConfigurationRuleExpiration(days=max(days - 1, 1))],
            noncurrent_version_expiration=[
                S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(noncurrent_days=1)
            ],
        ),
        S3BucketLifecycleConfigurationRule(
            id=f"{name}-delete-markers",
            status="Enabled",
            filter=under,
            expiration=[S3BucketLifecycleConfigurationRuleExpiration(expired_object_delete_marker=True)],
        ),
    ]


def _unfinished_uploads() -> S3BucketLifecycleConfigurationRule:
    return S3BucketLifecycleConfigurationRule(
        id="unfinished-uploads",
        status="Enabled",
        filter=[S3BucketLifecycleConfigurationRuleFilter(prefix="")],
        abort_incomplete_multipart_upload=[
            S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(
                days_after_initiation=UNFINISHED_UPLOAD_DAYS
            )
        ],
    )
