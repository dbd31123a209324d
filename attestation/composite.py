"""Composite evidence: CPU, GPU and job shown to belong to one machine and one moment.

Three bindings. The GPU's nonce is derived from the machine's, so one challenge covers both. The GPU's verdict and the
job bundle's hash are measured into a register of the machine before the key is asked for, so the machine's own quote
vouches for both; report data alone would be chosen by software after the fact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attestation.errors import AttestationError
from attestation.result import Check, Claims, Status, compare, failed, judged
from attestation.tcg.algorithms import IDS, SIZES, digest, extend

GPU_LABEL = b"bulkhead gpu nonce v1\0"
JOB_REGISTER = 14
"""PCR for application events: free in the boot chain used here (PCR 8 would be too)."""


def gpu_nonce(machine_nonce: bytes) -> bytes:
    """The 32 bytes to ask the GPU for, from the nonce that the machine was asked for."""
    return hashlib.sha256(GPU_LABEL + machine_nonce).digest()


@dataclass(frozen=True)
class Measured:
    """One thing that the guest extends into the job register, in order."""

    what: str
    content: bytes


def job_events(job_bundle_sha256: str, gpu_verdict: bytes | None) -> tuple[Measured, ...]:
    """What a node extends before it asks for a key: the GPU's verdict when it has one, then the job.

    Raises:
        AttestationError: the hash is not 64 hex characters.
    """
    if len(job_bundle_sha256) != 64 or any(c not in "0123456789abcdef" for c in job_bundle_sha256):
        raise AttestationError(f"job bundle: {job_bundle_sha256!r} is not a SHA-256 in lower-case hex")
    events = [] if gpu_verdict is None else [Measured("gpu-verdict", gpu_verdict)]
    return (*events, Measured("job-bundle", bytes.fromhex(job_bundle_sha256)))


def event_digest(bank: str, event: Measured) -> bytes:
    """What is extended for one event: the hash of its name, a zero byte and its content."""
    return digest(bank, event.what.encode() + b"\0" + event.content)


def expected_register(bank: str, events: Sequence[Measured]) -> bytes:
    """The job register after these events, from zero."""
    value = bytes(SIZES[IDS[bank]])
    for event in events:
        value = extend(bank, value, event_digest(bank, event))
    return value


@dataclass(frozen=True)
class Composite:
    """The claims of the parts and the checks that join them."""

    machine: Claims
    gpu: Claims | None
    checks: tuple[Check, ...]

    @property
    def bound(self) -> bool:
        """Every part is genuine and every binding holds."""
        parts = [self.machine, *([self.gpu] if self.gpu else [])]
        return all(part.genuine for part in parts) and all(check.status is Status.PASS for check in self.checks)


def bind(machine: Claims, gpu: Claims | None, events: Sequence[Measured], nonce: bytes) -> Composite:
    """Joins verified claims of a machine (`tpm`, `nitro`, `tdx`) and of its GPU, for a job.

    Args:
        machine: verified with `nonce`.
        gpu: verified with `gpu_nonce(nonce)`, or None for a machine without one.
        events: what must have been measured, from `job_events`.
        nonce: the challenge.
    """
    checks: list[Check] = [_nonce(machine, "machine_nonce", nonce.hex())]
    if gpu is not None:
        nonces = [device.get("nonce") for device in gpu.values.get("devices", ())]
        wanted = gpu_nonce(nonce).hex()
        good = bool(nonces) and all(value == wanted for value in nonces)
        checks.append(
            judged("gpu_nonce", good, expected=wanted, actual=nonces, detail="derived from the machine's nonce")
        )
        checks.append(
            judged(
                "gpu_verdict_measured",
                any(event.what == "gpu-verdict" for event in events),
                expected="the GPU's verdict among the measured events",
            )
        )
    checks.append(_register(machine, events))
    return Composite(machine, gpu, tuple(checks))


def _nonce(claims: Claims, name: str, nonce: str) -> Check:
    found = [check for check in claims.checks if check.name == "nonce"]
    if not found or found[0].status is Status.NOT_EVALUATED:
        return failed(
            name, expected=nonce, actual=None, detail="the machine's evidence was not verified with the nonce"
        )
    return judged(
        name, found[0].status is Status.PASS and found[0].expected == nonce, expected=nonce, actual=found[0].actual
    )


def _register(machine: Claims, events: Sequence[Measured]) -> Check:
    names = [event.what for event in events]
    detail = f"events {names} in order"
    if machine.kind == "tdx":
        return compare("job_register", expected_register("sha384", events).hex(), machine.values.get("rtmr3"), detail)
    pcrs: Any = machine.values.get("pcrs") or {}
    bank = "sha384"
    if machine.kind == "tpm":
        bank = next((name for name in ("sha384", "sha256") if str(JOB_REGISTER) in pcrs.get(name, {})), "sha384")
        pcrs = pcrs.get(bank, {})
    return compare("job_register", expected_register(bank, events).hex(), pcrs.get(str(JOB_REGISTER)), detail)
