"""One entrance for every kind of evidence: files in, claims or verdict out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from attestation.appraise import appraise
from attestation.certificates import Roots, load_certificates
from attestation.errors import AttestationError
from attestation.kinds import gcp_token, nitro, nvidia, snp, tdx, tpm
from attestation.kinds.tpm_evidence import read_key
from attestation.kinds.tpm_parts import is_public
from attestation.policy import AppraisalPolicy
from attestation.result import Claims, Verdict
from attestation.tcg.eventlog import parse as parse_log
from attestation.tcg.tpm_structures import PublicKey

KINDS = ("tpm", "nitro", "tdx", "snp", "nvidia", "gcp-token")


@dataclass(frozen=True)
class Inputs:
    """Everything that came with one piece of evidence, as file contents."""

    evidence: bytes
    collateral: bytes | None = None
    certificates: tuple[bytes, ...] = ()
    manifests: tuple[bytes, ...] = ()
    """NVIDIA's reference integrity manifests."""
    event_log: bytes | None = None
    roots: tuple[bytes, ...] = ()
    """Certificates to trust instead of the vendor's pinned root."""
    nonce: bytes | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class _Given:
    certificates: tuple[x509.Certificate, ...] = ()
    keys: tuple[PublicKey, ...] = ()
    self_signed: tuple[x509.Certificate, ...] = field(default=())


def _given(files: Sequence[bytes]) -> _Given:
    certificates: list[x509.Certificate] = []
    keys: list[PublicKey] = []
    for index, data in enumerate(files):
        what = f"certificates file {index + 1}"
        if is_public(data):
            keys.append(read_key(data, what)[0])
        else:
            certificates += load_certificates(data, what, explained=True)
    return _Given(tuple(certificates), tuple(keys), tuple(c for c in certificates if c.subject == c.issuer))


def verify(kind: str, inputs: Inputs) -> Claims:
    """Claims of the evidence; what every file is used for is in docs/attestation.md.

    Raises:
        AttestationError: malformed input, or an unknown kind.
    """
    if kind not in KINDS:
        raise AttestationError(f"kind {kind!r}: expected one of {', '.join(KINDS)}")
    roots = Roots(certificates=_given(inputs.roots).certificates) if inputs.roots else None
    if kind == "gcp-token":
        keys = inputs.certificates[0] if inputs.certificates else inputs.collateral
        return gcp_token.verify(inputs.evidence, keys=keys, roots=roots, nonce=inputs.nonce, now=inputs.at)
    given = _given(inputs.certificates)
    if kind == "nitro":
        if roots is None and given.certificates:
            roots = Roots(certificates=given.certificates)
        return nitro.verify(inputs.evidence, roots=roots, nonce=inputs.nonce, now=inputs.at)
    if kind == "tpm":
        if roots is None and given.self_signed:
            roots = Roots(certificates=given.self_signed)
        return tpm.verify(
            inputs.evidence,
            certificates=given.certificates,
            trusted_keys=given.keys,
            roots=roots,
            event_log=inputs.collateral if inputs.event_log is None else inputs.event_log,
            nonce=inputs.nonce,
            now=inputs.at,
        )
    if kind == "tdx":
        log = parse_log(inputs.event_log) if inputs.event_log is not None else None
        return tdx.verify(
            inputs.evidence,
            collateral=inputs.collateral,
            event_log=log,
            certificates=given.certificates,
            roots=roots,
            nonce=inputs.nonce,
            now=inputs.at,
        )
    if kind == "snp":
        return snp.verify(
            inputs.evidence, certificates=given.certificates, roots=roots, nonce=inputs.nonce, now=inputs.at
        )
    return nvidia.verify(
        inputs.evidence,
        certificates=given.certificates,
        manifests=inputs.manifests,
        roots=roots,
        manifest_roots=roots,
        nonce=inputs.nonce,
        now=inputs.at,
    )


def judge(kind: str, inputs: Inputs, policy: AppraisalPolicy) -> Verdict:
    """Verification and appraisal in one step.

    Raises:
        AttestationError: malformed input.
    """
    return appraise(verify(kind, inputs), policy, now=inputs.at)
