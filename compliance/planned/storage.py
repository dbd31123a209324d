"""Planned buckets, their settings and access points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from compliance.estate.terraform import LATER, Planned
from compliance.planned.answers import Shown, Translate
from compliance.planned.values import block, blocks, renamed, tags, truth, whole

_BLOCKS: Final = {
    "block_public_acls": "BlockPublicAcls",
    "ignore_public_acls": "IgnorePublicAcls",
    "block_public_policy": "BlockPublicPolicy",
    "restrict_public_buckets": "RestrictPublicBuckets",
}
_GROUPS: Final = {
    "public-read": "AllUsers",
    "public-read-write": "AllUsers",
    "authenticated-read": "AuthenticatedUsers",
    "log-delivery-write": "LogDelivery",
}
_INSIDE: Final = {
    "cors_rule": "GetBucketCors",
    "lifecycle_rule": "GetBucketLifecycleConfiguration",
    "logging": "GetBucketLogging",
    "object_lock_configuration": "GetObjectLockConfiguration",
    "replication_configuration": "GetBucketReplication",
    "server_side_encryption_configuration": "GetBucketEncryption",
    "versioning": "GetBucketVersioning",
    "website": "GetBucketWebsite",
}
"""Arguments of `aws_s3_bucket` that have a resource of their own now. They are not read, so what they set is open."""
PLAIN: Final = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
DEFAULTS: Final[dict[str, dict[str, Any] | None]] = {
    "GetBucketPolicy": None,
    "GetBucketOwnershipControls": None,
    "GetBucketAcl": {"Owner": {"ID": "owner"}, "Grants": []},
    "GetPublicAccessBlock": None,
    "GetBucketEncryption": {"ServerSideEncryptionConfiguration": PLAIN},
    "GetBucketVersioning": {},
    "GetObjectLockConfiguration": None,
    "GetBucketLifecycleConfiguration": None,
    "GetBucketReplication": None,
    "GetBucketLogging": {},
    "GetBucketNotificationConfiguration": {},
    "ListBucketInventoryConfigurations": {},
    "GetBucketWebsite": None,
    "GetBucketCors": None,
    "GetBucketTagging": None,
}
"""What S3 answers about a bucket that no resource says anything about."""


def name_of(shown: Shown, resource: Planned, attribute: str = "bucket") -> str:
    """The name of the bucket that an attribute refers to."""
    return _named(shown, resource.values.get(attribute))


def _named(shown: Shown, value: Any) -> str:
    target = shown.by_id.get(str(value))
    return str(target.values.get("bucket")) if target is not None else str(value or "").rpartition(":::")[2]


def _bucket(shown: Shown, resource: Planned) -> None:
    name = str(resource.values.get("bucket") or LATER)
    shown.add(resource, "s3:ListBuckets", "Buckets", {"Name": name})
    shown.about(f"arn:aws:s3:::{name}", resource)
    if held := tags(resource):
        shown.put(resource, "s3:GetBucketTagging", {"TagSet": held}, Bucket=name)
    if policy := resource.values.get("policy"):
        shown.put(resource, "s3:GetBucketPolicy", {"Policy": policy}, Bucket=name)
    if acl := resource.values.get("acl"):
        shown.put(resource, "s3:GetBucketAcl", _canned(str(acl)), Bucket=name)
    for argument, operation in _INSIDE.items():
        if resource.values.get(argument):
            shown.put(resource, f"s3:{operation}", {argument: LATER}, Bucket=name)


def defaults(shown: Shown) -> None:
    """Answers for what no resource sets about a planned bucket."""
    for bucket in shown.of("aws_s3_bucket"):
        place = (bucket.account, bucket.region)
        for operation, answer in DEFAULTS.items():
            shown.default(place, f"s3:{operation}", answer, Bucket=str(bucket.values.get("bucket") or LATER))


def _setting(operation: str, read: Callable[[Shown, Planned], dict[str, Any]]) -> Translate:
    def translate(shown: Shown, resource: Planned) -> None:
        name = name_of(shown, resource)
        shown.put(resource, f"s3:{operation}", read(shown, resource), Bucket=name)
        shown.about(f"arn:aws:s3:::{name}", resource)

    return translate


def _policy(_: Shown, resource: Planned) -> dict[str, Any]:
    return {"Policy": resource.values.get("policy") or LATER}


def _ownership(_: Shown, resource: Planned) -> dict[str, Any]:
    chosen = block(resource.values, "rule").get("object_ownership", "ObjectWriter")
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": chosen}]}}


def _public(_: Shown, resource: Planned) -> dict[str, Any]:
    held = {new: truth(resource.values.get(old)) for old, new in _BLOCKS.items()}
    return {"PublicAccessBlockConfiguration": held}


def _account_public(shown: Shown, resource: Planned) -> None:
    shown.put(resource, "s3control:GetPublicAccessBlock", _public(shown, resource), AccountId=resource.account)


def _acl(_: Shown, resource: Planned) -> dict[str, Any]:
    answer = _canned(str(resource.values.get("acl") or ""))
    for policy in blocks(resource.values, "access_control_policy"):
        for grant in blocks(policy, "grant"):
            grantee = renamed(block(grant, "grantee"), {"id": "ID", "uri": "URI", "type": "Type"})
            answer["Grants"].append({"Grantee": grantee, "Permission": grant.get("permission")})
    return answer


def _canned(acl: str) -> dict[str, Any]:
    group = _GROUPS.get(acl)
    uri = f"http://acs.amazonaws.com/groups/global/{group}"
    grants = [{"Grantee": {"Type": "Group", "URI": uri}, "Permission": "READ"}] if group else []
    return {"Owner": {"ID": "owner"}, "Grants": grants}


def _encryption(_: Shown, resource: Planned) -> dict[str, Any]:
    rules = []
    for rule in blocks(resource.values, "rule"):
        applied = block(rule, "apply_server_side_encryption_by_default")
        default = renamed(applied, {"sse_algorithm": "SSEAlgorithm", "kms_master_key_id": "KMSMasterKeyID"})
        rules.append(
            {
                "ApplyServerSideEncryptionByDefault": default,
                "BucketKeyEnabled": truth(rule.get("bucket_key_enabled")),
            }
        )
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _versioning(_: Shown, resource: Planned) -> dict[str, Any]:
    return {"Status": block(resource.values, "versioning_configuration").get("status", "")}


def _object_lock(_: Shown, resource: Planned) -> dict[str, Any]:
    retention = block(block(resource.values, "rule"), "default_retention")
    held = {"Mode": retention.get("mode"), "Days": whole(retention.get("days")) or 365 * whole(retention.get("years"))}
    enabled = resource.values.get("object_lock_enabled") or "Enabled"
    return {"ObjectLockConfiguration": {"ObjectLockEnabled": enabled, "Rule": {"DefaultRetention": held}}}


def _lifecycle(_: Shown, resource: Planned) -> dict[str, Any]:
    rules = []
    for rule in blocks(resource.values, "rule"):
        expiry, old = block(rule, "expiration"), block(rule, "noncurrent_version_expiration")
        held: dict[str, Any] = {"ID": rule.get("id"), "Status": rule.get("status"), "Filter": _filter(rule)}
        if expiry:
            held["Expiration"] = {"Days": whole(expiry["days"])} if expiry.get("days") else {}
            held["Expiration"] |= renamed(expiry, {"expired_object_delete_marker": "ExpiredObjectDeleteMarker"})
        if old:
            held["NoncurrentVersionExpiration"] = {"NoncurrentDays": whole(old.get("noncurrent_days"))}
        rules.append(held)
    return {"Rules": rules}


def _filter(rule: dict[str, Any]) -> dict[str, Any]:
    held = block(rule, "filter")
    found: dict[str, Any] = {"Prefix": held.get("prefix") or rule.get("prefix") or ""}
    for name, new in (("tag", "Tag"), ("and", "And")):
        if inner := block(held, name):
            found[new] = {key.capitalize(): item for key, item in inner.items() if item}
    for name, new in (
        ("object_size_greater_than", "ObjectSizeGreaterThan"),
        ("object_size_less_than", "ObjectSizeLessThan"),
    ):
        if held.get(name):
            found[new] = held[name]
    return found


def _replication(shown: Shown, resource: Planned) -> dict[str, Any]:
    rules = []
    for rule in blocks(resource.values, "rule"):
        target = block(rule, "destination")
        held = {"Bucket": f"arn:aws:s3:::{_named(shown, target.get('bucket'))}"}
        rules.append({"Status": rule.get("status"), "Destination": held | renamed(target, {"account": "Account"})})
    return {"ReplicationConfiguration": {"Role": resource.values.get("role"), "Rules": rules}}


def _logging(shown: Shown, resource: Planned) -> dict[str, Any]:
    return {"LoggingEnabled": {"TargetBucket": name_of(shown, resource, "target_bucket")}}


def _notification(_: Shown, resource: Planned) -> dict[str, Any]:
    kinds = (("topic", "Topic", "topic_arn"), ("queue", "Queue", "queue_arn"))
    found = {
        f"{kind}Configurations": [{f"{kind}Arn": item.get(arn)} for item in blocks(resource.values, name)]
        for name, kind, arn in (*kinds, ("lambda_function", "LambdaFunction", "lambda_function_arn"))
        if resource.values.get(name)
    }
    return found | ({"EventBridgeConfiguration": {}} if truth(resource.values.get("eventbridge")) else {})


def _inventory(shown: Shown, resource: Planned) -> None:
    target = block(block(resource.values, "destination"), "bucket")
    held = {"S3BucketDestination": {"Bucket": f"arn:aws:s3:::{_named(shown, target.get('bucket_arn'))}"}}
    name = name_of(shown, resource)
    item = {"Id": resource.values.get("name"), "Destination": held}
    api = "s3:ListBucketInventoryConfigurations"
    shown.add(resource, api, "InventoryConfigurationList", item, Bucket=name)
    shown.about(f"arn:aws:s3:::{name}", resource)


def _website(_: Shown, resource: Planned) -> dict[str, Any]:
    return {"IndexDocument": {"Suffix": block(resource.values, "index_document").get("suffix", "")}}


def _cors(_: Shown, resource: Planned) -> dict[str, Any]:
    rules = blocks(resource.values, "cors_rule")
    return {"CORSRules": [{"AllowedOrigins": rule.get("allowed_origins") or []} for rule in rules]}


def _access_point(shown: Shown, resource: Planned) -> None:
    name, asked = str(resource.values.get("name")), {"AccountId": resource.account}
    origin = "VPC" if resource.values.get("vpc_configuration") else "Internet"
    point = {"Name": name, "Bucket": name_of(shown, resource), "NetworkOrigin": origin}
    shown.add(resource, "s3control:ListAccessPoints", "AccessPointList", point, **asked)
    shown.put(resource, "s3control:GetAccessPoint", point, **asked, Name=name)
    if policy := resource.values.get("policy"):
        shown.put(resource, "s3control:GetAccessPointPolicy", {"Policy": policy}, **asked, Name=name)
    else:
        place = (resource.account, resource.region)
        shown.default(place, "s3control:GetAccessPointPolicy", None, **asked, Name=name)


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_s3_bucket": _bucket,
    "aws_s3_bucket_policy": _setting("GetBucketPolicy", _policy),
    "aws_s3_bucket_ownership_controls": _setting("GetBucketOwnershipControls", _ownership),
    "aws_s3_bucket_public_access_block": _setting("GetPublicAccessBlock", _public),
    "aws_s3_account_public_access_block": _account_public,
    "aws_s3_bucket_acl": _setting("GetBucketAcl", _acl),
    "aws_s3_bucket_server_side_encryption_configuration": _setting("GetBucketEncryption", _encryption),
    "aws_s3_bucket_versioning": _setting("GetBucketVersioning", _versioning),
    "aws_s3_bucket_object_lock_configuration": _setting("GetObjectLockConfiguration", _object_lock),
    "aws_s3_bucket_lifecycle_configuration": _setting("GetBucketLifecycleConfiguration", _lifecycle),
    "aws_s3_bucket_replication_configuration": _setting("GetBucketReplication", _replication),
    "aws_s3_bucket_logging": _setting("GetBucketLogging", _logging),
    "aws_s3_bucket_notification": _setting("GetBucketNotificationConfiguration", _notification),
    "aws_s3_bucket_inventory": _inventory,
    "aws_s3_bucket_website_configuration": _setting("GetBucketWebsite", _website),
    "aws_s3_bucket_cors_configuration": _setting("GetBucketCors", _cors),
    "aws_s3_access_point": _access_point,
}
