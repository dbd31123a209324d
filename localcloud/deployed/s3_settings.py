"""Block Public Access, object ownership and ACLs of the bucket or object that an access is about."""

from __future__ import annotations

from typing import Any

from compliance.reason.iam.s3 import S3Setting, parse_s3
from localcloud.access import Access
from localcloud.deployed.resource_policies import bucket_of, bucket_record

_BLOCKS = (
    ("BlockPublicAcls", "block_public_acls"),
    ("IgnorePublicAcls", "ignore_public_acls"),
    ("BlockPublicPolicy", "block_public_policy"),
    ("RestrictPublicBuckets", "restrict_public_buckets"),
)


def settings(access: Access) -> S3Setting | None:
    """The settings, or None where the access is not about a bucket that exists."""
    if not access.resource.startswith("arn:aws:s3:::"):
        return None
    bucket = bucket_record(bucket_of(access.resource))
    if bucket is None:
        return None
    document: dict[str, Any] = {
        "objectOwnership": _ownership(bucket),
        "publicAccessBlock": _blocks(bucket.public_access_block),
        "accountPublicAccessBlock": _blocks(_account_block(access.account)),
        "bucketAcl": _acl(bucket.acl),
    }
    _, slash, name = access.resource.removeprefix("arn:aws:s3:::").partition("/")
    if slash:
        key = bucket.keys.get(name)
        acl = getattr(key, "acl", None)
        if acl is not None:
            document["objectAcl"] = _acl(acl)
    return parse_s3(document, access.resource)


def _ownership(bucket: Any) -> str:
    """The object ownership; since April 2023 a bucket without the setting is `BucketOwnerEnforced`."""
    return str(bucket.ownership_rule or "BucketOwnerEnforced")


def _blocks(record: Any) -> dict[str, bool]:
    if record is None:
        return {}
    return {name: str(getattr(record, attribute)).lower() == "true" for name, attribute in _BLOCKS}


def _account_block(account: str) -> Any:
    from moto.s3control.models import s3control_backends  # noqa: PLC0415

    if account not in s3control_backends or "aws" not in dict.keys(s3control_backends[account]):
        return None
    return s3control_backends[account]["aws"].public_access_block


def _acl(acl: Any) -> list[dict[str, Any]]:
    if acl is None:
        return []
    entries = []
    for grant in acl.grants:
        for grantee in grant.grantees:
            named = {"URI": grantee.uri} if grantee.uri else {"ID": str(grantee.id or "")}
            entries += [{"Grantee": named, "Permission": permission} for permission in grant.permissions]
    return entries
