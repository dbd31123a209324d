"""The file layouts in which TPM evidence is found, read into one form.

Accepted, by looking at the content: go-attestation's dump (`AK`, `Quote`, `Log`); an object with `ak_public` and
`tpm_quote` {message, signature, pcrs} as CoCo's trustee has it; Azure's `hcl_report` beside `quote` or `tpm_quote`;
our own object (docs/attestation.md, "TPM evidence"); a bare event log. Binary fields are base64 or hex text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from attestation.certificates import load_certificates
from attestation.errors import AttestationError
from attestation.reader import MAX_EVIDENCE
from attestation.tcg.algorithms import HASHES, SIZES
from attestation.tcg.tpm_structures import Public, PublicKey, parse_public
from attestation.text import binary

_GO_HASHES = {3: "sha1", 5: "sha256", 6: "sha384", 7: "sha512"}
"""Go's crypto.Hash numbers."""
_SIZE_BANK = {20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}


@dataclass(frozen=True)
class TpmEvidence:
    """One TPM's evidence, whatever file it came in. Without `quote` it is only an event log."""

    layout: str
    quote: bytes | None = None
    signature: bytes | None = None
    key: PublicKey | None = None
    public: Public | None = None
    """The AK's TPM public area, when the file has it: only then its attributes can be judged."""
    ak_certificates: tuple[x509.Certificate, ...] = ()
    pcrs: Mapping[str, Mapping[int, bytes]] = field(default_factory=dict)
    event_log: bytes | None = None
    nonce: bytes | None = None
    """The nonce that the file itself claims was asked for."""
    bank: str | None = None
    """The PCR bank that the file itself says was quoted."""
    creation: tuple[bytes, bytes, bytes] | None = None
    """TPM2B creation data, its attestation and signature (go-attestation)."""
    hcl_report: bytes | None = None


def read(evidence: bytes) -> TpmEvidence:
    """The evidence in one form.

    Raises:
        AttestationError: no known layout.
    """
    if len(evidence) > MAX_EVIDENCE:
        raise AttestationError(f"TPM evidence: {len(evidence)} bytes, at most {MAX_EVIDENCE} are read")
    if evidence.lstrip()[:1] != b"{":
        return TpmEvidence("event-log", event_log=evidence)
    try:
        document = json.loads(evidence)
    except (ValueError, RecursionError) as error:
        raise AttestationError(f"TPM evidence: not JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise AttestationError("TPM evidence: expected a JSON object")
    if isinstance(document.get("AK"), Mapping):
        return _go_attestation(document)
    return _object(document)


def _go_attestation(document: Mapping[str, Any]) -> TpmEvidence:
    static, key, quote, log = (document.get(name) or {} for name in ("Static", "AK", "Quote", "Log"))
    for name, part in (("Static", static), ("AK", key), ("Quote", quote), ("Log", log)):
        if not isinstance(part, Mapping):
            raise AttestationError(f"TPM evidence: {name} must be an object")
    if static.get("TPMVersion") != 2:
        raise AttestationError(f"TPM evidence: TPM version {static.get('TPMVersion')}: only TPM 2.0 is supported")
    public = parse_public(binary(key.get("Public"), "AK.Public"))
    pcrs: dict[str, dict[int, bytes]] = {}
    listed = log.get("PCRs") or []
    if not isinstance(listed, list):
        raise AttestationError("TPM evidence: Log.PCRs must be a list")
    for entry in listed:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("Index"), int):
            raise AttestationError("TPM evidence: Log.PCRs must hold objects with Index, Digest and DigestAlg")
        bank = _GO_HASHES.get(entry.get("DigestAlg", -1))
        if bank is None:
            raise AttestationError(f"TPM evidence: Log.PCRs has DigestAlg {entry.get('DigestAlg')!r}")
        _put(pcrs, bank, entry["Index"], binary(entry.get("Digest"), "Log.PCRs.Digest"))
    creation = None
    parts = [bool(key.get(name)) for name in ("CreateData", "CreateAttestation", "CreateSignature")]
    if any(parts):
        if not all(parts):
            raise AttestationError(
                "TPM evidence: AK has some of CreateData, CreateAttestation, CreateSignature, not all"
            )
        data, attest, signature = (
            binary(key[name], f"AK.{name}") for name in ("CreateData", "CreateAttestation", "CreateSignature")
        )
        creation = (data, attest, signature)
    return TpmEvidence(
        "go-attestation",
        quote=binary(quote.get("Quote"), "Quote.Quote"),
        signature=binary(quote.get("Signature"), "Quote.Signature"),
        key=public.key,
        public=public,
        pcrs=pcrs,
        event_log=binary(log["Raw"], "Log.Raw") if log.get("Raw") else None,
        nonce=binary(quote["Nonce"], "Quote.Nonce") if quote.get("Nonce") else None,
        bank=_bank(quote.get("Alg")),
        creation=creation,
    )


def _bank(algorithm: Any) -> str | None:
    if algorithm is None:
        return None
    if not isinstance(algorithm, int) or algorithm not in HASHES:
        raise AttestationError(f"TPM evidence: Quote.Alg {algorithm!r} is not one of {HASHES}")
    return HASHES[algorithm]


def _put(pcrs: dict[str, dict[int, bytes]], bank: str, index: int, value: bytes) -> None:
    size = next(SIZES[identifier] for identifier, name in HASHES.items() if name == bank)
    if not 0 <= index < 32 or len(value) != size:
        raise AttestationError(f"TPM evidence: PCR {index} of {bank} has {len(value)} bytes, expected {size}")
    if index in pcrs.setdefault(bank, {}):
        raise AttestationError(f"TPM evidence: PCR {index} of {bank} is listed twice")
    pcrs[bank][index] = value


def _object(document: Mapping[str, Any]) -> TpmEvidence:
    quote: Mapping[str, Any] = document
    for name in ("tpm_quote", "quote"):
        if isinstance(document.get(name), Mapping):
            quote = document[name]
    message = quote.get("message", quote.get("quote", quote.get("attest")))
    log = document.get("event_log", quote.get("event_log", document.get("eventlog")))
    event_log = binary(log, "event_log") if log else None
    if message is None:
        if event_log is None:
            raise AttestationError("TPM evidence: neither a quote (`quote`, `tpm_quote.message`) nor an `event_log`")
        return TpmEvidence("event-log", event_log=event_log, pcrs=_pcrs(document.get("pcrs")))
    signature = quote.get("signature", document.get("signature"))
    hcl = document.get("hcl_report", document.get("report"))
    report = binary(hcl, "hcl_report") if hcl else None
    key, public, certificates = _ak(document, report)
    given = document.get("nonce", quote.get("nonce"))
    return TpmEvidence(
        "azure-hcl" if report else "object",
        quote=binary(message, "quote"),
        signature=binary(signature, "signature"),
        key=key,
        public=public,
        ak_certificates=certificates,
        pcrs=_pcrs(quote.get("pcrs", document.get("pcrs"))),
        event_log=event_log,
        nonce=binary(given, "nonce") if given else None,
        hcl_report=report,
    )


def _ak(
    document: Mapping[str, Any], report: bytes | None
) -> tuple[PublicKey | None, Public | None, tuple[x509.Certificate, ...]]:
    certificates: tuple[x509.Certificate, ...] = ()
    for name in ("ak_certificate", "ak_cert", "ak_certificate_chain"):
        value = document.get(name)
        if value:
            raw = value.encode() if isinstance(value, str) and "-----BEGIN" in value else binary(value, name)
            certificates += load_certificates(raw, name)
    for name in ("ak_public", "ak_pub", "ak_pem"):
        value = document.get(name)
        if value:
            raw = value.encode() if isinstance(value, str) and "-----BEGIN" in value else binary(value, name)
            key, public = read_key(raw, name)
            return key, public, certificates
    if certificates:
        return _supported(certificates[0].public_key(), "ak_certificate"), None, certificates
    if report:
        return None, None, ()
    raise AttestationError("TPM evidence: no `ak_public` and no `ak_certificate`: the quote's signer is unknown")


def read_key(raw: bytes, what: str) -> tuple[PublicKey, Public | None]:
    """An AK's public key from PEM, a DER SubjectPublicKeyInfo or a TPM public area."""
    try:
        if raw.lstrip().startswith(b"-----BEGIN"):
            return _supported(serialization.load_pem_public_key(raw), what), None
        if raw[:1] == b"\x30":
            return _supported(serialization.load_der_public_key(raw), what), None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AttestationError(f"{what}: not a public key: {error}") from error
    public = parse_public(raw)
    return public.key, public


def _supported(key: object, what: str) -> PublicKey:
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise AttestationError(f"{what}: a {type(key).__name__}; TPM attestation keys are RSA or ECC")
    return key


def _pcrs(value: Any) -> dict[str, dict[int, bytes]]:
    """PCR values as {bank: {index: hex}}, {index: hex}, or a list of 24 values; the size tells the bank."""
    pcrs: dict[str, dict[int, bytes]] = {}
    if value is None:
        return pcrs
    if isinstance(value, list):
        value = {str(index): entry for index, entry in enumerate(value)}
    if not isinstance(value, Mapping):
        raise AttestationError("TPM evidence: pcrs must be an object or a list")
    for name, entry in value.items():
        if isinstance(entry, Mapping):
            bank = str(name).lower().replace("-", "").replace("_", "")
            if bank not in HASHES.values():
                raise AttestationError(f"TPM evidence: unknown PCR bank {name!r}")
            for index, digest in entry.items():
                _put(pcrs, bank, _index(index), binary(digest, f"pcrs.{name}.{index}"))
        else:
            digest = binary(entry, f"pcrs.{name}")
            if len(digest) not in _SIZE_BANK:
                raise AttestationError(f"TPM evidence: PCR {name} has {len(digest)} bytes")
            _put(pcrs, _SIZE_BANK[len(digest)], _index(name), digest)
    return pcrs


def _index(value: Any) -> int:
    text = str(value).lower().removeprefix("pcr")
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise AttestationError(f"TPM evidence: {value!r} is not a PCR index")
    return int(text)
