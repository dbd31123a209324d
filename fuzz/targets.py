"""What is fuzzed: one function per parser, and seeds for each. Only `AttestationError` may come out of a target."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives import serialization

from attestation.certificates import load_certificates
from attestation.errors import AttestationError
from attestation.kinds import nvidia_rim
from attestation.kinds.tpm_parts import assemble
from attestation.kinds.tpm_pcr_file import read_pcr_file
from attestation.ledger.entry import read_line
from attestation.nitro_issuer import make_root
from attestation.policy import AppraisalPolicy, load_policy
from attestation.tcg.eventlog import parse as parse_log
from attestation.tcg.replay import consistency
from attestation.verify import KINDS, Inputs, judge

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
Target = Callable[[bytes], None]


class AcceptedError(AssertionError):
    """Evidence was accepted under a root that signed nothing: the worst that fuzzing can find."""


def _kind(kind: str) -> Target:
    """Judges bytes as evidence under a root that signed nothing: even genuine evidence among the seeds is refused."""
    root = make_root("signed nothing", AT).certificate.public_bytes(serialization.Encoding.PEM)

    def run(data: bytes) -> None:
        verdict = judge(kind, Inputs(data, roots=(root,), at=AT), AppraisalPolicy(require_anchored=True))
        if verdict.accepted:
            raise AcceptedError(f"{kind}: accepted {data[:64].hex()}…")

    return run


def _event_log(data: bytes) -> None:
    log = parse_log(data)
    for event in log.events:
        event.as_json()
    consistency(log)


def _certificates(data: bytes) -> None:
    load_certificates(data, "fuzz")


def _policy(data: bytes) -> None:
    load_policy(data, "fuzz")


def _manifest(data: bytes) -> None:
    nvidia_rim.read(data, 0, AT)


def _pcr_file(data: bytes) -> None:
    read_pcr_file(data, (("sha256", (0, 7)),))


def _parts(data: bytes) -> None:
    """Files apart: the input cut at a byte that parts rarely hold."""
    assemble({f"part{number}": part for number, part in enumerate(data.split(b"\xfe\xfe"))})


def _ledger(data: bytes) -> None:
    read_line(data, "fuzz")


TARGETS: dict[str, Target] = {
    **{kind: _kind(kind) for kind in KINDS},
    "event-log": _event_log,
    "certificates": _certificates,
    "policy": _policy,
    "rim": _manifest,
    "ledger": _ledger,
    "pcr-file": _pcr_file,
    "tpm-parts": _parts,
}


def run(name: str, data: bytes) -> None:
    """One input through one target; a clear refusal is what is wanted."""
    try:
        TARGETS[name](data)
    except AttestationError:
        return
