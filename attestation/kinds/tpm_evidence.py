"""The file layouts in which TPM evidence is found, read into one form.

Accepted, by looking at the content: go-attestation's dump (`AK`, `Quote`, `Log`); go-tpm-tools' message; an object
with `ak_public` and `tpm_quote` {message, signature, pcrs} as CoCo's trustee has it; Azure's `hcl_report` beside
`quote` or `tpm_quote`; our own object (docs/attestation.md, "TPM evidence"), in which `pcrs` may be a PCR file of
tpm2-tools; what tpm2_quote prints; a bare event log. Binary fields are base64 or hex text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from attestation.certificates import load_certificates, load_der
from attestation.documents import load_json
from attestation.errors import AttestationError
from attestation.kinds import gotpm, tpm_parts
from attestation.kinds.tpm_pcr_file import read_pcr_file
from attestation.kinds.tpm_pcrs import put, read_pcrs
from attestation.reader import MAX_EVIDENCE
from attestation.tcg.algorithms import HASHES, IDS, SIZES
from attestation.tcg.tpm_structures import Public, PublicKey, parse_attest, parse_public
from attestation.text import binary, plain

_GO_HASHES = {3: "sha1", 5: "sha256", 6: "sha384", 7: "sha512"}
"""Go's crypto.Hash numbers."""


@dataclass(frozen=True)
class SignedQuote:
    """A further quote by the same key: a TPM signs one per bank."""

    message: bytes
    signature: bytes
    pcrs: Mapping[str, Mapping[int, bytes]]
    bank: str | None


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
    others: tuple[SignedQuote, ...] = ()
    left_out: tuple[str, ...] = ()
    """Parts of the file that nothing looks at."""


def read(evidence: bytes) -> TpmEvidence:
    """The evidence in one form.

    Raises:
        AttestationError: no known layout.
    """
    if len(evidence) > MAX_EVIDENCE:
        raise AttestationError(f"TPM evidence: {len(evidence)} bytes, at most {MAX_EVIDENCE} are read")
    if evidence[:8] == b"quoted: ":
        return _object(tpm_parts.printed(evidence))
    if evidence.lstrip()[:1] != b"{":
        evidence = plain(evidence, "TPM evidence")
        if gotpm.looks_like(evidence):
            return _message(gotpm.parse(evidence))
        return TpmEvidence("event-log", event_log=evidence)
    document = load_json(evidence, "TPM evidence")
    if not isinstance(document, Mapping):
        raise AttestationError("TPM evidence: expected a JSON object")
    if isinstance(document.get("AK"), Mapping):
        return _go_attestation(document)
    return _object(document)


def _message(message: gotpm.Message) -> TpmEvidence:
    """The quote of the strongest bank first, the others beside it."""
    public = parse_public(message.ak_public)
    if len({quote.bank for quote in message.quotes}) != len(message.quotes):
        raise AttestationError("TPM evidence: two quotes of one bank")
    quotes = []
    for quote in sorted(message.quotes, key=lambda quote: -SIZES[IDS[quote.bank]]):
        pcrs: dict[str, dict[int, bytes]] = {}
        for index, value in quote.pcrs.items():
            put(pcrs, quote.bank, index, value)
        quotes.append(SignedQuote(quote.message, quote.signature, pcrs, quote.bank))
    first, *others = quotes
    return TpmEvidence(
        "go-tpm-tools",
        quote=first.message,
        signature=first.signature,
        key=public.key,
        public=public,
        ak_certificates=tuple(load_der(der, "ak_cert") for der in message.certificates),
        pcrs=first.pcrs,
        event_log=message.event_log or None,
        bank=first.bank,
        others=tuple(others),
        left_out=message.left_out,
    )


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
        put(pcrs, bank, entry["Index"], binary(entry.get("Digest"), "Log.PCRs.Digest"))
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


def _object(document: Mapping[str, Any]) -> TpmEvidence:
    quote: Mapping[str, Any] = document
    for name in ("tpm_quote", "quote"):
        if isinstance(document.get(name), Mapping):
            quote = document[name]
    message = quote.get("message", quote.get("quote", quote.get("attest", quote.get("msg"))))
    log = document.get("event_log", quote.get("event_log", document.get("eventlog")))
    event_log = binary(log, "event_log") if log else None
    if message is None:
        if event_log is None:
            raise AttestationError("TPM evidence: neither a quote (`quote`, `tpm_quote.message`) nor an `event_log`")
        return TpmEvidence("event-log", event_log=event_log, pcrs=read_pcrs(document.get("pcrs")))
    signature = quote.get("signature", quote.get("sig", document.get("signature")))
    key, public, certificates = _ak(document)
    hcl = document.get("hcl_report", document.get("report") if key is None else None)
    report = binary(hcl, "hcl_report") if hcl else None
    given = document.get("nonce", quote.get("nonce"))
    raw = binary(message, "quote")
    pcrs = quote.get("pcrs", document.get("pcrs"))
    if isinstance(pcrs, str):
        values = read_pcr_file(binary(pcrs, "pcrs"), parse_attest(raw).selections)
    else:
        values = read_pcrs(pcrs)
    return TpmEvidence(
        "azure-hcl" if report else "object",
        quote=raw,
        signature=binary(signature, "signature"),
        key=key,
        public=public,
        ak_certificates=certificates,
        pcrs=values,
        event_log=event_log,
        nonce=binary(given, "nonce") if given else None,
        hcl_report=report,
    )


def _ak(
    document: Mapping[str, Any],
) -> tuple[PublicKey | None, Public | None, tuple[x509.Certificate, ...]]:
    """The AK as the file gives it, if it does: as public area, as key, or by its certificate."""
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
        return certified_key(certificates[0]), None, certificates
    return None, None, ()


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


def certified_key(certificate: x509.Certificate) -> PublicKey:
    """The key of an AK certificate.

    Raises:
        AttestationError: a key that cannot sign quotes.
    """
    try:
        return _supported(certificate.public_key(), "ak_certificate")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AttestationError(f"ak_certificate: its key cannot be used: {error}") from error


def _supported(key: object, what: str) -> PublicKey:
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise AttestationError(f"{what}: a {type(key).__name__}; TPM attestation keys are RSA or ECC")
    return key
