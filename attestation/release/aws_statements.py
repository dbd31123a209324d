"""The parts of a key policy that its permissions and its denials share: operations, conditions, statements.

Condition keys `kms:RecipientAttestation:NitroTPMPCR<n>` (KMS developer guide, "Condition keys for attestation") are
in a request only when it carries a `Recipient` with a valid document, so a negated test holds without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attestation.errors import AttestationError
from attestation.policy import ReferenceSet
from attestation.release.policy import AwsTarget, ReleasePolicy

Statement = dict[str, Any]
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


def condition_key(register: int) -> str:
    """The condition key of one register."""
    return f"kms:RecipientAttestation:NitroTPMPCR{register}"


def target_of(policy: ReleasePolicy) -> AwsTarget:
    """The AWS target of a policy that can be compiled.

    Raises:
        AttestationError: there is none, confidential GPUs are required (AWS has none), or no image is accepted.
    """
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


def statement(
    sid: str,
    effect: str,
    actions: Iterable[str],
    *,
    principal: Iterable[str] | None = None,
    **conditions: Mapping[str, Any],
) -> Statement:
    """A statement about the key; without `principal` it speaks of everyone."""
    made: Statement = {
        "Sid": sid,
        "Effect": effect,
        "Principal": "*" if principal is None else {"AWS": list(principal)},
        "Action": list(actions),
        "Resource": "*",
    }
    if conditions:
        made["Condition"] = {operator: dict(tests) for operator, tests in conditions.items()}
    return made


def registers_of(target: AwsTarget, reference: ReferenceSet) -> dict[str, list[str]]:
    """Condition keys of the bound registers with the values that an image accepts."""
    values = reference.pcrs["sha384"]
    return {condition_key(register): list(values[register]) for register in target.registers}
