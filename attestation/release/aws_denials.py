"""What binds a key in AWS KMS to measurements: explicit denials, which can be added to any key policy of the tenant."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from attestation.errors import AttestationError
from attestation.policy import ReferenceSet
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
from attestation.release.policy import AwsTarget, ReleasePolicy, utc


def release_denials(policy: ReleasePolicy) -> list[Statement]:
    """The statements that bind a key to measurements.

    Raises:
        AttestationError: as `target_of`.
    """
    target = target_of(policy)
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
            statement(f"DenyUntilAnImageIsAccepted{label}", "Deny", actions, **conditions)
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
            statement("DenyRewrappingByOthers", "Deny", REWRAPPING, **others, **_direct(target)),
            statement("DenyRewrappingUnderOtherKeys", "Deny", REWRAPPING, **elsewhere, **_direct(target)),
        ]
    return [
        statement("DenyUseThatCannotBeAttested", "Deny", plain if target.sealers else UNATTESTABLE, **_direct(target)),
        *rewrapping,
        statement("DenyGrants", "Deny", ["kms:CreateGrant", "kms:ReplicateKey"]),
        statement(
            "DenyUseByOthers",
            "Deny",
            [*ATTESTABLE, "kms:Encrypt"],
            ArnNotEquals={"aws:PrincipalArn": _all_users(target)},
            **_direct(target),
        ),
    ]


def _all_users(target: AwsTarget) -> list[str]:
    return sorted({*target.users, *target.canary_users, *target.sealers, *target.openers})


def _direct(target: AwsTarget) -> dict[str, Mapping[str, Any]]:
    """A condition that holds for direct calls: S3 opening its own objects for a user cannot attest."""
    if not target.via_services:
        return {}
    return {"StringNotEqualsIfExists": {"kms:ViaService": list(target.via_services)}}


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
        statement(
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
                statements.append(statement(sid, "Deny", actions, **negated, **both, **_direct(target)))
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
            statement(
                f"DenyImage{number + 1}OnceExpired",
                "Deny",
                ATTESTABLE,
                StringEqualsIgnoreCase=registers_of(target, reference),
                DateGreaterThanEquals={"aws:CurrentTime": expires},
            )
        )
    return statements
