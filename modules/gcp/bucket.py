"""A private bucket: one access policy, one key, no public access; for tenants and for audit."""

from __future__ import annotations

from typing import Any

from cdktn_provider_google.storage_bucket import StorageBucket
from cdktn_provider_google.storage_bucket_iam_policy import StorageBucketIamPolicy
from constructs import Construct

from modules.gcp.made import made
from modules.policy.gcp_iam import rendered
from modules.policy.gcp_scope import Document


class PrivateBucket(Construct):
    """A bucket with everything that a bucket of ours has. `key` is the resource name of its key.

    `more` are further arguments of the bucket: its project and labels, what it waits for, how long it keeps things.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        bucket: str,
        region: str,
        key: str,
        policy: Document,
        **more: Any,
    ) -> None:
        super().__init__(scope, name)
        only_our_key = {"restriction_mode": "FullyRestricted"}
        self.bucket = made(
            StorageBucket,
            self,
            "bucket",
            name=bucket,
            location=region.upper(),
            # Deleting a bucket that still holds something must stay a decision of its own.
            force_destroy=False,
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            encryption={
                "default_kms_key_name": key,
                "google_managed_encryption_enforcement_config": only_our_key,
                "customer_supplied_encryption_enforcement_config": only_our_key,
            },
            **more,
        )
        made(StorageBucketIamPolicy, self, "policy", bucket=self.bucket.name, policy_data=rendered(policy))
