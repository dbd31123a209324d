"""The release policy as an AWS KMS key policy: whom it allows, beside what `aws_denials` denies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attestation.errors import AttestationError
from attestation.release.aws_denials import locked_denials, release_denials
from attestation.release.aws_statements import (
    ATTESTABLE,
    REWRAPPING,
    UNATTESTABLE,
    Statement,
    condition_key,
    registers_of,
    statement,
    target_of,
)
from attestation.release.policy import AwsTarget, ReleasePolicy

__all__ = [
    "ATTESTABLE",
    "REWRAPPING",
    "UNATTESTABLE",
    "condition_key",
    "key_policy",
    "locked_denials",
    "release_denials",
]

MAX_POLICY = 32 * 1024
"""Bytes of a key policy (AWS KMS quotas)."""
ADMINISTRATION = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
]


def key_policy(policy: ReleasePolicy) -> dict[str, Any]:
    """The whole key policy.

    Raises:
        AttestationError: there is no AWS target, confidential GPUs are required (AWS has none), or the policy would be
            larger than KMS takes.
    """
    target = target_of(policy)
    statements = [
        statement("AllowAdministrationWithoutUse", "Allow", ADMINISTRATION, principal=target.administrators),
        *_allow_release(policy, target),
        *release_denials(policy),
        statement(
            "DenyUseToAdministrators",
            "Deny",
            [*ATTESTABLE, *UNATTESTABLE, "kms:Encrypt"],
            ArnEquals={"aws:PrincipalArn": list(target.administrators)},
        ),
        statement(
            "DenyAdministrationToUsers",
            "Deny",
            ["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey"],
            ArnNotEquals={"aws:PrincipalArn": list(target.administrators)},
        ),
    ]
    document = {
        "Version": "2012-10-17",
        "Id": f"{policy.tenant}-{policy.purpose}-v{policy.version}",
        "Statement": statements,
    }
    size = len(json.dumps(document, separators=(",", ":")).encode())
    if size > MAX_POLICY:
        raise AttestationError(
            f"key policy of {policy.tenant}: {size} bytes, KMS takes {MAX_POLICY}; retire old images"
        )
    return document


def _context(target: AwsTarget) -> dict[str, str]:
    return {f"kms:EncryptionContext:{name}": value for name, value in sorted(target.encryption_context.items())}


def _allow_release(policy: ReleasePolicy, target: AwsTarget) -> list[Statement]:
    statements = []
    context = _context(target)
    for name, users, sets in (
        ("", tuple(u for u in target.users if u not in target.canary_users), policy.usable(canary=False)),
        ("Canary", target.canary_users, policy.usable(canary=True)),
    ):
        for number, reference in enumerate(sets if users else ()):
            conditions: dict[str, Mapping[str, Any]] = {"StringEqualsIgnoreCase": registers_of(target, reference)}
            if context:
                conditions["StringEquals"] = context
            sid = f"AllowReleaseTo{name}Image{number + 1}"
            statements.append(statement(sid, "Allow", ATTESTABLE, principal=users, **conditions))
    if target.sealers:
        sealing: dict[str, Mapping[str, Any]] = {"StringEquals": context} if context else {}
        actions = ["kms:Encrypt", "kms:GenerateDataKey"]
        statements.append(statement("AllowSealing", "Allow", actions, principal=target.sealers, **sealing))
        same = {**sealing, "Bool": {"kms:ReEncryptOnSameKey": "true"}}
        statements.append(statement("AllowRewrapping", "Allow", REWRAPPING, principal=target.sealers, **same))
    if target.openers:
        opening: dict[str, Mapping[str, Any]] = {"StringEquals": context} if context else {}
        statements.append(statement("AllowOpening", "Allow", ["kms:Decrypt"], principal=target.openers, **opening))
    return statements
