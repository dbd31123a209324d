"""Planned keys and buckets, as the answers of the APIs that will describe them."""

from __future__ import annotations

from typing import Any, Final

from compliance.estate.planned_answers import Answers, ById, Translate, block, blocks, bucket_name, tags_list
from compliance.estate.terraform import Planned


def _key_subject(resource: Planned) -> str:
    return str(resource.values.get("key_id") or resource.id)


def _key(answers: Answers, resource: Planned, _: ById) -> None:
    subject = _key_subject(resource)
    arn = resource.values.get("arn") or f"arn:aws:kms:{resource.region}:{resource.account}:key/{subject}"
    answers.lists(resource, "kms:ListKeys", "Keys", {"KeyId": subject, "KeyArn": arn})
    answers.about(resource, "kms:ListResourceTags", subject)["Tags"] = tags_list(resource)
    if answers.needs(resource, "policy", "key"):
        answers.about(resource, "kms:GetKeyPolicy", subject)["Policy"] = resource.values["policy"]


def _of_key(resource: Planned, by_id: ById, attribute: str) -> str:
    value = str(resource.values.get(attribute, ""))
    target = by_id.get(value)
    return _key_subject(target) if target is not None else value.rsplit("key/", 1)[-1]


def _alias(answers: Answers, resource: Planned, by_id: ById) -> None:
    item = {"AliasName": resource.values.get("name"), "TargetKeyId": _of_key(resource, by_id, "target_key_id")}
    answers.lists(resource, "kms:ListAliases", "Aliases", item)


def _key_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    if answers.needs(resource, "policy", "key"):
        answers.about(resource, "kms:GetKeyPolicy", _of_key(resource, by_id, "key_id"))["Policy"] = resource.values[
            "policy"
        ]


def _kms_grant(answers: Answers, resource: Planned, by_id: ById) -> None:
    if not answers.needs(resource, "grantee_principal", "key"):
        return
    grantee = str(resource.values["grantee_principal"])
    role = by_id.get(grantee)
    if role is not None:
        grantee = f"arn:aws:iam::{role.account}:role{role.values.get('path') or '/'}{role.values.get('name')}"
    grant: dict[str, Any] = {
        "GrantId": resource.address,
        "GranteePrincipal": grantee,
        "Operations": list(resource.values.get("operations") or ()),
    }
    for constraint in blocks(resource, "constraints"):
        names = {
            "encryption_context_equals": "EncryptionContextEquals",
            "encryption_context_subset": "EncryptionContextSubset",
        }
        grant["Constraints"] = {new: constraint[old] for old, new in names.items() if constraint.get(old)}
    answers.lists(resource, "kms:ListGrants", "Grants", grant, _of_key(resource, by_id, "key_id"))


def _bucket(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "bucket", "data"):
        name = str(resource.values["bucket"])
        answers.lists(resource, "s3:ListBuckets", "Buckets", {"Name": name})
        answers.about(resource, "s3:GetBucketTagging", name, Bucket=name)["TagSet"] = tags_list(resource)


def _bucket_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    if answers.needs(resource, "policy", "data"):
        name = bucket_name(resource, by_id)
        answers.about(resource, "s3:GetBucketPolicy", name, Bucket=name)["Policy"] = resource.values["policy"]


def _ownership(answers: Answers, resource: Planned, by_id: ById) -> None:
    name = bucket_name(resource, by_id)
    rule = block(resource, "rule").get("object_ownership", "ObjectWriter")
    answer = answers.about(resource, "s3:GetBucketOwnershipControls", name, Bucket=name)
    answer["OwnershipControls"] = {"Rules": [{"ObjectOwnership": rule}]}


_BLOCKS: Final = {
    "block_public_acls": "BlockPublicAcls", "ignore_public_acls": "IgnorePublicAcls",
    "block_public_policy": "BlockPublicPolicy", "restrict_public_buckets": "RestrictPublicBuckets",
}  # fmt: skip


def _public_access_block(answers: Answers, resource: Planned, by_id: ById) -> None:
    blocks = {new: bool(resource.values.get(old)) for old, new in _BLOCKS.items()}
    if resource.type == "aws_s3_account_public_access_block":
        answers.about(resource, "s3control:GetPublicAccessBlock")["PublicAccessBlockConfiguration"] = blocks
        return
    name = bucket_name(resource, by_id)
    answers.about(resource, "s3:GetPublicAccessBlock", name, Bucket=name)["PublicAccessBlockConfiguration"] = blocks


_CANNED: Final = {
    "public-read": "AllUsers",
    "public-read-write": "AllUsers",
    "authenticated-read": "AuthenticatedUsers",
}


def _bucket_acl(answers: Answers, resource: Planned, by_id: ById) -> None:
    name = bucket_name(resource, by_id)
    group = _CANNED.get(str(resource.values.get("acl")))
    grants = answers.about(resource, "s3:GetBucketAcl", name, Bucket=name).setdefault("Grants", [])
    if group is not None:
        uri = f"http://acs.amazonaws.com/groups/global/{group}"
        grants.append({"Grantee": {"Type": "Group", "URI": uri}, "Permission": "READ"})
    for policy in blocks(resource, "access_control_policy"):
        for grant in policy.get("grant") or ():
            for grantee in grant.get("grantee") or ():
                found = {"ID": grantee.get("id") or "", "URI": grantee.get("uri") or ""}
                grants.append({"Grantee": found, "Permission": grant.get("permission")})


def _replication(answers: Answers, resource: Planned, by_id: ById) -> None:
    name = bucket_name(resource, by_id)
    rules: list[dict[str, Any]] = []
    for rule in blocks(resource, "rule"):
        for destination in rule.get("destination") or ():
            target = by_id.get(str(destination.get("bucket")))
            bucket = f"arn:aws:s3:::{target.values.get('bucket')}" if target is not None else destination.get("bucket")
            rules.append(
                {
                    "Status": rule.get("status"),
                    "Destination": {"Bucket": bucket, "Account": destination.get("account") or ""},
                }
            )
    answers.about(resource, "s3:GetBucketReplication", name, Bucket=name)["ReplicationConfiguration"] = {"Rules": rules}


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_kms_key": _key,
    "aws_kms_external_key": _key,
    "aws_kms_replica_key": _key,
    "aws_kms_alias": _alias,
    "aws_kms_key_policy": _key_policy,
    "aws_kms_grant": _kms_grant,
    "aws_s3_bucket": _bucket,
    "aws_s3_bucket_policy": _bucket_policy,
    "aws_s3_bucket_ownership_controls": _ownership,
    "aws_s3_bucket_public_access_block": _public_access_block,
    "aws_s3_bucket_acl": _bucket_acl,
    "aws_s3_account_public_access_block": _public_access_block,
    "aws_s3_bucket_replication_configuration": _replication,
}
