"""Compares what a booted machine attests with an image's reference values, and names what differs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from attestation.appraise import appraise
from attestation.errors import AttestationError
from attestation.kinds import tpm
from attestation.kinds.tpm_evidence import read_key
from attestation.policy import AppraisalPolicy
from attestation.reference import ReferenceRegister, ReferenceValues
from attestation.tcg.eventlog import EventLog
from attestation.tcg.eventlog import parse as parse_log
from attestation.tcg.tpm_structures import PublicKey
from images.errors import ImageError

BANKS = ("sha256", "sha384")
ADDED = {
    4: "an image that was started",
    7: "a Secure Boot event",
    9: "a command line or initrd",
    11: "a section or phase",
}


@dataclass(frozen=True)
class Outcome:
    """The result of `verify_boot`: accepted or not, each check's sentence, and the registers that differ."""

    accepted: bool
    reasons: tuple[str, ...]
    differences: tuple[str, ...]
    not_evaluated: tuple[str, ...]
    image: str
    version: int

    def as_json(self) -> dict[str, Any]:
        """The document that `bulkhead image verify --json` prints."""
        return {
            "image": self.image,
            "version": self.version,
            "verdict": "accepted" if self.accepted else "rejected",
            "differences": list(self.differences),
            "reasons": list(self.reasons),
            "not_evaluated": list(self.not_evaluated),
        }


def verify_boot(
    evidence: Mapping[str, Any],
    reference: ReferenceValues,
    *,
    nonce: bytes,
    attestation_key: bytes,
    now: datetime | None = None,
    minimum_version: int = 0,
) -> Outcome:
    """Whether the machine that made `evidence` booted the image that `reference` describes.

    Args:
        evidence: what `images.guest.evidence.collect` returned on the machine.
        reference: verified reference values.
        nonce: what the machine was asked to sign over.
        attestation_key: TPM2B_PUBLIC of the key that the machine's maker registered.
        now: the time to judge by; the present unless given.
        minimum_version: reference values below it are not accepted.

    Raises:
        ImageError: the evidence is malformed.
    """
    policy = AppraisalPolicy(
        name=f"{reference.image} {reference.version}",
        kinds=("tpm",),
        reference_sets=(reference.reference_set(),),
        minimum_version=minimum_version,
        require_anchored=True,
        require_nonce=True,
        require_event_log=True,
        require_secure_boot=reference.secure_boot,
        pcr_banks=BANKS,
    )
    try:
        claims = tpm.verify(
            json.dumps(evidence).encode(), nonce=nonce, now=now, trusted_keys=(public_key(attestation_key),)
        )
        log = parse_log(base64.b64decode(str(evidence["event_log"])))
    except (AttestationError, KeyError, ValueError) as error:
        raise ImageError(f"the boot's evidence is malformed: {error}") from error
    verdict = appraise(claims, policy, now=now)
    live = claims.values["pcrs"]
    return Outcome(
        accepted=verdict.accepted,
        reasons=tuple(verdict.reasons),
        differences=tuple(differences(reference, live, log)),
        not_evaluated=tuple(check.name for check in verdict.checks if check.ok is None),
        image=reference.image,
        version=reference.version,
    )


def public_key(tpm2b_public: bytes) -> PublicKey:
    """The key in a TPM2B_PUBLIC.

    Raises:
        AttestationError: it is not one.
    """
    return read_key(tpm2b_public, "attestation key")[0]


def differences(reference: ReferenceValues, live: Mapping[str, Mapping[str, str]], log: EventLog | None) -> list[str]:
    """One sentence per register that differs, naming the first extend that does."""
    sentences = []
    for index, register in sorted(reference.registers.items()):
        wrong = [bank for bank in BANKS if live.get(bank, {}).get(str(index)) != getattr(register, bank)]
        if wrong:
            bank = wrong[0]
            actual = live.get(bank, {}).get(str(index), "not quoted")
            cause = first_difference(index, register, log, bank) if log else ""
            sentences.append(
                f"PCR {index} differs: "
                + (cause or f"no logged event explains it: expected {getattr(register, bank)}, got {actual}")
            )
    return sentences


def first_difference(index: int, register: ReferenceRegister, log: EventLog, bank: str) -> str:
    """What the first differing extend is; empty when the log's extends are those expected as far as they go.

    Boot phases are extended by systemd after the firmware's log was closed, so a log that ends earlier is not by itself
    a difference.
    """
    expected: Sequence[tuple[str, str]] = [(extend.what, getattr(extend, bank)) for extend in register.extends]
    actual = [event for event in log.events if event.extends and event.index == index]
    for position, event in enumerate(actual):
        got = event.digests.get(bank, b"").hex()
        if position >= len(expected):
            named = event.content.get("text") or event.content.get("description") or event.type
            tags = event.content.get("tags")
            if tags:
                named = "; ".join(str(tag.get("text", tag.get("id"))) for tag in tags)
            return f"{ADDED.get(index, 'something from outside the image')} was added: {named} ({got})"
        what, digest = expected[position]
        if got != digest:
            return f"{what}: expected {digest}, got {got}"
    return ""
