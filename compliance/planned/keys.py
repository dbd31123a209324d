"""Planned KMS keys, aliases and grants."""

from __future__ import annotations

import json
from typing import Any, Final

from compliance.estate.planned_arns import arn_of
from compliance.estate.terraform import Planned
from compliance.planned.answers import Shown, Translate
from compliance.planned.values import block, renamed, tags, truth, whole

_ORIGINS: Final = {"aws_kms_external_key": "EXTERNAL", "aws_kms_replica_external_key": "EXTERNAL"}
KINDS: Final = ("aws_kms_key", "aws_kms_external_key", "aws_kms_replica_key", "aws_kms_replica_external_key")


def key_of(shown: Shown, value: Any) -> str:
    """The id of the key that an attribute refers to."""
    target = shown.by_id.get(str(value))
    return target.id if target is not None else str(value or "").rpartition("key/")[2]


def _key(shown: Shown, resource: Planned) -> None:
    values, key = resource.values, resource.id
    arn = f"arn:aws:kms:{resource.region}:{resource.account}:key/{key}"
    shown.add(resource, "kms:ListKeys", "Keys", {"KeyId": key, "KeyArn": arn})
    metadata = {
        "KeyId": key,
        "Arn": arn,
        "KeyManager": "CUSTOMER",
        "KeyState": "Disabled" if values.get("is_enabled") is False else "Enabled",
        "KeySpec": values.get("customer_master_key_spec") or "SYMMETRIC_DEFAULT",
        "Origin": _ORIGINS.get(resource.type, "AWS_CLOUDHSM" if values.get("custom_key_store_id") else "AWS_KMS"),
        "MultiRegion": truth(values.get("multi_region")) or "replica" in resource.type,
    }
    shown.put(resource, "kms:DescribeKey", {"KeyMetadata": metadata}, KeyId=key)
    rotation: dict[str, Any] = {"KeyRotationEnabled": truth(values.get("enable_key_rotation"))}
    rotation["RotationPeriodInDays"] = whole(values.get("rotation_period_in_days"), 365)
    shown.put(resource, "kms:GetKeyRotationStatus", rotation, KeyId=key)
    labels = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tags(resource)]
    shown.put(resource, "kms:ListResourceTags", {"Tags": labels}, KeyId=key)
    if values.get("policy"):
        shown.put(resource, "kms:GetKeyPolicy", {"Policy": values["policy"]}, KeyId=key, PolicyName="default")
    for subject in (key, arn):
        shown.about(subject, resource)


def defaults(shown: Shown) -> None:
    """Answers for what no resource says about a planned key: AWS's default policy, and no grants."""
    for key in shown.of(*KINDS):
        place = (key.account, key.region)
        root = {"AWS": f"arn:aws:iam::{key.account}:root"}
        statement = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        shown.default(place, "kms:GetKeyPolicy", {"Policy": policy}, KeyId=key.id, PolicyName="default")
        shown.default(place, "kms:ListGrants", {"Grants": []}, KeyId=key.id)


def _policy(shown: Shown, resource: Planned) -> None:
    key = key_of(shown, resource.values.get("key_id"))
    policy = {"Policy": resource.values.get("policy")}
    shown.put(resource, "kms:GetKeyPolicy", policy, KeyId=key, PolicyName="default")
    shown.about(f"arn:aws:kms:{resource.region}:{resource.account}:key/{key}", resource)


def _alias(shown: Shown, resource: Planned) -> None:
    name, key = str(resource.values.get("name")), key_of(shown, resource.values.get("target_key_id"))
    shown.add(resource, "kms:ListAliases", "Aliases", {"AliasName": name, "TargetKeyId": key})
    shown.about(name, resource)
    if (target := shown.by_id.get(key)) is not None:
        shown.about(name, target)


def _grant(shown: Shown, resource: Planned) -> None:
    grantee = str(resource.values.get("grantee_principal"))
    target = shown.by_id.get(grantee)
    limits = block(resource.values, "constraints")
    grant = {
        "GrantId": resource.address,
        "Name": resource.values.get("name") or resource.address,
        "GranteePrincipal": arn_of(target) if target is not None else grantee,
        "Operations": list(resource.values.get("operations") or ()),
        "Constraints": renamed(
            limits,
            {
                "encryption_context_equals": "EncryptionContextEquals",
                "encryption_context_subset": "EncryptionContextSubset",
            },
        ),
    }
    key = key_of(shown, resource.values.get("key_id"))
    shown.add(resource, "kms:ListGrants", "Grants", grant, KeyId=key)
    shown.about(f"arn:aws:kms:{resource.region}:{resource.account}:key/{key}", resource)


TRANSLATIONS: Final[dict[str, Translate]] = {
    **dict.fromkeys(KINDS, _key),
    "aws_kms_key_policy": _policy,
    "aws_kms_alias": _alias,
    "aws_kms_grant": _grant,
}
