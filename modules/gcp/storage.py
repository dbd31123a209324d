"""A tenant's buckets, and how long what lies in them is kept."""

from __future__ import annotations

from typing import Any

from constructs import Construct

from modules.gcp.bucket import PrivateBucket
from modules.gcp.keys import Keys
from modules.gcp.site import GcpSite
from modules.policy.gcp_iam import bucket_policy
from tenancy.names import BUCKET_PURPOSES, BucketPurpose
from tenancy.platform import Platform
from tenancy.tenant import Tenant

REPLACED_MODEL_DAYS = 90
"""How long a model that was overwritten can be brought back."""

UNFINISHED_UPLOAD_DAYS = 1


class Storage(Construct):
    """The data, checkpoint and model buckets.

    All three are encrypted under the key `disk`, which the storage service uses. The keys of data, checkpoints and
    models are never the service's: what lies in the buckets is sealed under them before it gets there.
    """

    def __init__(self, scope: Construct, name: str, site: GcpSite, keys: Keys, waits_for: list[Construct]) -> None:
        super().__init__(scope, name)
        self.buckets = {purpose: self._bucket(site, keys, purpose, waits_for) for purpose in BUCKET_PURPOSES}

    def _bucket(self, site: GcpSite, keys: Keys, purpose: BucketPurpose, waits_for: list[Construct]) -> PrivateBucket:
        labels = {"purpose": purpose}
        if purpose == "data":
            labels["sensitivity"] = strictest_class(site.platform, site.tenant)
        return PrivateBucket(
            self,
            purpose,
            project=site.names.project,
            bucket=site.names.bucket(purpose),
            region=site.region,
            key=keys.key("disk"),
            policy=bucket_policy(site.scope, purpose),
            labels=site.labels(**labels),
            depends_on=[keys.policies["disk"], *waits_for],
            versioning={"enabled": True},
            # Versions are what brings an object back; a second bin would keep data longer than its limit.
            soft_delete_policy={"retention_duration_seconds": 0},
            lifecycle_rule=[*_retention(site.tenant, purpose), _unfinished_uploads()],
        )


def strictest_class(platform: Platform, tenant: Tenant) -> str:
    """The label of a bucket that holds several data sets: the class of theirs that may be kept for the least time."""
    classes = {dataset.sensitivity for dataset in tenant.datasets}
    return min(classes, key=lambda name: (platform.sensitivity_classes[name].max_retention_days, name))


def _retention(tenant: Tenant, purpose: BucketPurpose) -> list[dict[str, Any]]:
    if purpose == "data":
        return [rule for held in tenant.datasets for rule in _delete_after(held.retention_days, [f"{held.id}/"])]
    if purpose == "checkpoint":
        # A checkpoint may come from any of the data sets, and it can be made again.
        return _delete_after(min(held.retention_days for held in tenant.datasets), [])
    return [_delete({"days_since_noncurrent_time": REPLACED_MODEL_DAYS, "with_state": "ARCHIVED"})]


def _delete_after(days: int, prefixes: list[str]) -> list[dict[str, Any]]:
    """Objects and their versions are gone `days` after they were written.

    Deleting the live version only makes it a noncurrent one, so it goes a day early and the version a day later
    (Cloud Storage documentation, "Object Lifecycle Management").
    """
    where: dict[str, Any] = {"matches_prefix": prefixes} if prefixes else {}
    return [
        _delete({"age": max(days - 1, 1), "with_state": "LIVE", **where}),
        _delete({"days_since_noncurrent_time": 1, "with_state": "ARCHIVED", **where}),
    ]


def _delete(condition: dict[str, Any]) -> dict[str, Any]:
    return {"action": {"type": "Delete"}, "condition": condition}


def _unfinished_uploads() -> dict[str, Any]:
    return {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": UNFINISHED_UPLOAD_DAYS}}
