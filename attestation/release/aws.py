"""The release policy as an AWS KMS key policy.

Condition keys `kms:RecipientAttestation:NitroTPMPCR<n>` (KMS developer guide, "Condition keys for attestation") are
in a request only when it carries a `Recipient` with a valid document, so a negated test holds without one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from attestation.errors import AttestationError
from attestation.policy import ReferenceSet
from attestation.release.policy import AwsTarget, ReleasePolicy, utc

Statement = dict[str, Any]
MAX_POLICY = 32 * 1024
"""Bytes of a key policy (AWS KMS quotas)."""
ATTESTABLE = ["kms:Decrypt", "kms:DeriveSharedSecret", "kms:GenerateDataKey", "kms:GenerateDataKeyPair"]
"""Operations of this key that take a `Recipient`."""
UNATTESTABLE = [
    "kms:GenerateDataKeyPairWithoutPlaintext",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GenerateMac",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:Sign",
]
"""Operations that use the key and cannot carry a document. `Encrypt` is not among them: it discloses nothing."""
REWRAPPING = ["kms:ReEncryptFrom", "kms:ReEncryptTo"]
"""Wrapping anew inside KMS. Under the same key it discloses nothing; under another it would hand the secret over."""
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


def condition_key(register: int) -> str:
    """The condition key of one register."""
    return f"kms:RecipientAttestation:NitroTPMPCR{register}"


def key_policy(policy: ReleasePolicy) -> dict[str, Any]:
    """The whole key policy.

    Raises:
        AttestationError: there is no AWS target, confidential GPUs are required (AWS has none), or the policy would be
            larger than KMS takes.
    """
    target = _target(policy)
    statements = [
        _statement("AllowAdministrationWithoutUse", "Allow", ADMINISTRATION, principal=target.administrators),
        *_allow_release(policy, target),
        *release_denials(policy),
        _statement(
            "DenyUseToAdministrators",
            "Deny",
            [*ATTESTABLE, *UNATTESTABLE, "kms:Encrypt"],
            ArnEquals={"aws:PrincipalArn": list(target.administrators)},
        ),
        _statement(
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


def release_denials(policy: ReleasePolicy) -> list[Statement]:
    """The statements that bind a key to measurements; they can be added to any key policy of the tenant.

    Raises:
        AttestationError: as `key_policy`.
    """
    target = _target(policy)
    return [
        *_deny_without_document(target),
        *_deny_other_images(policy, target),
        *_deny_expired_images(policy, target),
        *_deny_beside_release(target),
    ]


def locked_denials(target: AwsTarget) -> list[Statement]:
    """The statements of a key for which no image is accepted yet: it can be sealed with and opens for no machine."""
    return [
        *_deny_without_document(target),
        *(
            _statement(f"DenyUntilAnImageIsAccepted{label}", "Deny", actions, **conditions)
            for label, actions, conditions in _guarded(target)
        ),
        *_deny_beside_release(target),
    ]


def _deny_beside_release(target: AwsTarget) -> list[Statement]:
    """Stops every use of the key that goes round the release: without a document, by grant, by somebody else."""
    plain = [action for action in UNATTESTABLE if action not in REWRAPPING]
    rewrapping = []
    if target.sealers:
        others = {"ArnNotEquals": {"aws:PrincipalArn": list(target.sealers)}}
        elsewhere = {"BoolIfExists": {"kms:ReEncryptOnSameKey": "false"}}
        rewrapping = [
            _statement("DenyRewrappingByOthers", "Deny", REWRAPPING, **others, **_direct(target)),
            _statement("DenyRewrappingUnderOtherKeys", "Deny", REWRAPPING, **elsewhere, **_direct(target)),
        ]
    return [
        _statement("DenyUseThatCannotBeAttested", "Deny", plain if target.sealers else UNATTESTABLE, **_direct(target)),
        *rewrapping,
        _statement("DenyGrants", "Deny", ["kms:CreateGrant", "kms:ReplicateKey"]),
        _statement(
            "DenyUseByOthers",
            "Deny",
            [*ATTESTABLE, "kms:Encrypt"],
            ArnNotEquals={"aws:PrincipalArn": _all_users(target)},
            **_direct(target),
        ),
    ]


def _target(policy: ReleasePolicy) -> AwsTarget:
    if policy.aws is None:
        raise AttestationError(f"release policy of {policy.tenant}: no AWS target")
    if policy.confidential_gpu == "required":
        raise AttestationError(
            f"release policy of {policy.tenant}: confidential_gpu is required, and AWS has no confidential GPU; "
            "waive it in words or drop the AWS target"
        )
    if not policy.usable(canary=True):
        raise AttestationError(
            f"release policy of {policy.tenant}: no image is accepted; a key nobody can open is a mistake"
        )
    return policy.aws


def _all_users(target: AwsTarget) -> list[str]:
    return sorted({*target.users, *target.canary_users, *target.sealers, *target.openers})


def _statement(
    sid: str,
    effect: str,
    actions: Iterable[str],
    *,
    principal: Iterable[str] | None = None,
    **conditions: Mapping[str, Any],
) -> Statement:
    statement: Statement = {
        "Sid": sid,
        "Effect": effect,
        "Principal": "*" if principal is None else {"AWS": list(principal)},
        "Action": list(actions),
        "Resource": "*",
    }
    if conditions:
        statement["Condition"] = {operator: dict(tests) for operator, tests in conditions.items()}
    return statement


def _direct(target: AwsTarget) -> dict[str, Mapping[str, Any]]:
    """A condition that holds for direct calls: S3 opening its own objects for a user cannot attest."""
    if not target.via_services:
        return {}
    return {"StringNotEqualsIfExists": {"kms:ViaService": list(target.via_services)}}


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
            conditions: dict[str, Mapping[str, Any]] = {"StringEqualsIgnoreCase": _registers(target, reference)}
            if context:
                conditions["StringEquals"] = context
            sid = f"AllowReleaseTo{name}Image{number + 1}"
            statements.append(_statement(sid, "Allow", ATTESTABLE, principal=users, **conditions))
    if target.sealers:
        sealing: dict[str, Mapping[str, Any]] = {"StringEquals": context} if context else {}
        actions = ["kms:Encrypt", "kms:GenerateDataKey"]
        statements.append(_statement("AllowSealing", "Allow", actions, principal=target.sealers, **sealing))
        same = {**sealing, "Bool": {"kms:ReEncryptOnSameKey": "true"}}
        statements.append(_statement("AllowRewrapping", "Allow", REWRAPPING, principal=target.sealers, **same))
    if target.openers:
        opening: dict[str, Mapping[str, Any]] = {"StringEquals": context} if context else {}
        statements.append(_statement("AllowOpening", "Allow", ["kms:Decrypt"], principal=target.openers, **opening))
    return statements


def _registers(target: AwsTarget, reference: ReferenceSet) -> dict[str, list[str]]:
    values = reference.pcrs["sha384"]
    return {condition_key(register): list(values[register]) for register in target.registers}


def _guarded(target: AwsTarget) -> list[tuple[str, list[str], dict[str, Mapping[str, Any]]]]:
    """What attestation guards: all that is attestable, but making keys not for sealers and opening not for openers."""
    exempt = {"kms:GenerateDataKey": ("Making", target.sealers), "kms:Decrypt": ("Opening", target.openers)}
    apart = {action: found for action, found in exempt.items() if found[1]}
    groups: list[tuple[str, list[str], dict[str, Mapping[str, Any]]]] = [
        ("", [action for action in ATTESTABLE if action not in apart], {})
    ]
    for action, (label, arns) in apart.items():
        groups.append((label, [action], {"ArnNotEquals": {"aws:PrincipalArn": list(arns)}}))
    return groups


def _deny_without_document(target: AwsTarget) -> list[Statement]:
    """One statement per register: tests inside one operator are joined by "and"."""
    return [
        _statement(
            f"DenyWithoutPcr{register}{label}",
            "Deny",
            actions,
            Null={condition_key(register): "true"},
            **conditions,
            **_direct(target),
        )
        for label, actions, conditions in _guarded(target)
        for register in target.registers
    ]


def _deny_other_images(policy: ReleasePolicy, target: AwsTarget) -> list[Statement]:
    """Denies every combination of registers that is not one whole accepted image.

    "Not image A and not image B" is an "or" of "and"s, one statement each: a register of A differs and a register of B
    differs. Listing values per register instead would accept PCR 4 of one image with PCR 12 of another.
    """
    groups: list[tuple[str, dict[str, list[str]], tuple[ReferenceSet, ...]]] = []
    ordinary, canary = policy.usable(canary=False), policy.usable(canary=True)
    if ordinary == canary or not target.canary_users:
        groups.append(("", {}, ordinary))
    else:
        canaries = list(target.canary_users)
        groups.append(("", {"ArnNotEquals": canaries}, ordinary))
        groups.append(("Canary", {"ArnEquals": canaries}, canary))
    statements: list[Statement] = []
    for group, who, sets in groups:
        for label, actions, conditions in _guarded(target):
            merged = {operator: {"aws:PrincipalArn": arns} for operator, arns in who.items()}
            for number, tests in enumerate(_differences(target, sets)):
                both = _joined(merged, conditions)
                if both is None:
                    continue
                negated: dict[str, Mapping[str, Any]] = {"StringNotEqualsIgnoreCase": tests} if tests else {}
                sid = f"DenyOther{group}Images{label}{number + 1}"
                statements.append(_statement(sid, "Deny", actions, **negated, **both, **_direct(target)))
    return statements


def _joined(
    left: Mapping[str, Mapping[str, Any]], right: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]] | None:
    """Both conditions at once; with the same negated operator the lists are joined ("none of")."""
    joined: dict[str, Mapping[str, Any]] = dict(left)
    for operator, tests in right.items():
        if operator in joined:
            joined[operator] = {key: sorted({*joined[operator].get(key, ()), *values}) for key, values in tests.items()}
        else:
            joined[operator] = tests
    return joined


def _differences(target: AwsTarget, sets: tuple[ReferenceSet, ...]) -> list[dict[str, list[str]]]:
    """For each way in which every image can be missed, register to the values it does not have; redundant ways out."""
    ways: list[dict[str, frozenset[str]]] = []
    for choice in product(target.registers, repeat=len(sets)):
        way: dict[str, frozenset[str]] = {}
        for register, reference in zip(choice, sets, strict=True):
            key = condition_key(register)
            way[key] = way.get(key, frozenset()) | frozenset(reference.pcrs["sha384"][register])
        ways.append(way)
        if len(ways) > 729:
            raise AttestationError(
                f"{len(sets)} images beside each other are too many for a key policy; retire old ones"
            )
    kept = [
        way
        for i, way in enumerate(ways)
        if not any(_covers(other, way) and (not _covers(way, other) or j < i) for j, other in enumerate(ways) if j != i)
    ]
    return [{key: sorted(values) for key, values in way.items()} for way in kept]


def _covers(wide: Mapping[str, frozenset[str]], narrow: Mapping[str, frozenset[str]]) -> bool:
    """True when whatever `narrow` denies, `wide` denies too."""
    return all(key in narrow and values <= narrow[key] for key, values in wide.items())


def _deny_expired_images(policy: ReleasePolicy, target: AwsTarget) -> list[Statement]:
    statements = []
    for number, reference in enumerate(policy.usable(canary=True)):
        if reference.expires is None:
            continue
        expires = utc(reference.expires).strftime("%Y-%m-%dT%H:%M:%SZ")
        statements.append(
            _statement(
                f"DenyImage{number + 1}OnceExpired",
                "Deny",
                ATTESTABLE,
                StringEqualsIgnoreCase=_registers(target, reference),
                DateGreaterThanEquals={"aws:CurrentTime": expires},
            )
        )
    return statements
