"""AWS Nitro attestation documents: Nitro Enclaves (`pcrs`) and NitroTPM (`nitrotpm_pcrs`).

COSE_Sign1 (RFC 9052 section 4.2) with ES384 over a CBOR map; the certificate chain is inside the document. Sources: AWS
Nitro Enclaves, "Verifying the root of trust"; EC2 user guide, "Validate a NitroTPM Attestation Document".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384

from attestation.certificates import Roots, build_path, fingerprint, load_der
from attestation.documents import load_json
from attestation.errors import AttestationError
from attestation.kinds.nitro_envelope import check_envelope, open_envelope
from attestation.result import Check, Claims, compare, failed, judged, not_evaluated, passed
from attestation.roots import AWS_NITRO
from attestation.text import binary, plain

ES384 = -35
MAX_DOCUMENT = 262144
"""The largest document that KMS takes (`RecipientInfo.AttestationDocument`)."""
_DEEPEST = 16
"""Levels of arrays, maps and tags; a document has five."""
_REQUIRED = {"module_id": str, "digest": str, "timestamp": int, "certificate": bytes, "cabundle": list}
_JSON_NAMES = ("attestation_document", "AttestationDocument", "attestationDocument", "document", "attestation")
_OPTIONAL_LIMITS = {"public_key": 1024 * 64, "user_data": 1024 * 64, "nonce": 1024 * 64}


@dataclass(frozen=True)
class Document:
    """A parsed document; nothing in it is verified yet."""

    protected: bytes
    unprotected: Mapping[Any, Any]
    payload_bytes: bytes
    payload: Mapping[str, Any]
    signature: bytes
    shape: str
    """`enclave` or `nitrotpm`."""

    @property
    def pcrs(self) -> Mapping[int, bytes]:
        """PCR index to value (48 bytes, SHA-384)."""
        registers: Mapping[int, bytes] = self.payload["pcrs" if self.shape == "enclave" else "nitrotpm_pcrs"]
        return registers

    @property
    def issued(self) -> datetime:
        """The document's timestamp."""
        return datetime.fromtimestamp(self.payload["timestamp"] / 1000, UTC)


def _decode(data: bytes, what: str) -> Any:
    stream = BytesIO(data)
    try:
        value = cbor2.CBORDecoder(stream, allow_duplicate_keys=False, max_depth=_DEEPEST).decode()
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise AttestationError(f"{what}: not CBOR: {error}") from error
    if stream.tell() != len(data) and stream.read(1):
        raise AttestationError(f"{what}: bytes follow the end of the CBOR value")
    return value


def parse(evidence: bytes) -> Document:
    """Reads a bare document, with or without the CBOR tag 18, in the encoding a deterministic encoder gives.

    The outer array is not covered by the signature, so another encoding of the same values is refused.

    Raises:
        AttestationError: not such a document.
    """
    what = "nitro document"
    if len(evidence) > MAX_DOCUMENT:
        raise AttestationError(f"{what}: {len(evidence)} bytes, at most {MAX_DOCUMENT} are allowed")
    value = _decode(evidence, what)
    tagged = isinstance(value, cbor2.CBORTag)
    if isinstance(value, cbor2.CBORTag):
        if value.tag != 18:
            raise AttestationError(f"{what}: CBOR tag {value.tag}, expected 18 (COSE_Sign1)")
        value = value.value
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise AttestationError(f"{what}: a COSE_Sign1 is an array of four, this is {type(value).__name__}")
    protected, unprotected, payload_bytes, signature = value
    if not (isinstance(protected, bytes) and isinstance(payload_bytes, bytes) and isinstance(signature, bytes)):
        raise AttestationError(f"{what}: protected header, payload and signature must be byte strings")
    if not isinstance(unprotected, Mapping):
        raise AttestationError(f"{what}: the unprotected header must be a map")
    plain = cbor2.dumps([protected, dict(unprotected), payload_bytes, signature])
    if evidence != (b"\xd2" + plain if tagged else plain):
        raise AttestationError(f"{what}: the COSE_Sign1 array is not in the shortest encoding")
    payload = _decode(payload_bytes, f"{what}, payload")
    if not isinstance(payload, Mapping) or not all(isinstance(name, str) for name in payload):
        raise AttestationError(f"{what}: the payload must be a map of names to values")
    shape = _check_shape(payload, what)
    return Document(protected, unprotected, payload_bytes, payload, signature, shape)


def _check_shape(payload: Mapping[Any, Any], what: str) -> str:
    for name, kind in _REQUIRED.items():
        if not isinstance(payload.get(name), kind) or isinstance(payload.get(name), bool):
            raise AttestationError(f"{what}: {name} must be a {kind.__name__}, got {type(payload.get(name)).__name__}")
    if not 0 < payload["timestamp"] < 10**14:
        raise AttestationError(f"{what}: timestamp {payload['timestamp']} is not milliseconds since 1970")
    for name, limit in _OPTIONAL_LIMITS.items():
        value = payload.get(name)
        if value is not None and (not isinstance(value, bytes) or len(value) > limit):
            raise AttestationError(f"{what}: {name} must be null or at most {limit} bytes")
    shapes = [name for name in ("pcrs", "nitrotpm_pcrs") if name in payload]
    if len(shapes) != 1:
        raise AttestationError(f"{what}: exactly one of pcrs and nitrotpm_pcrs must be there, found {shapes}")
    registers = payload[shapes[0]]
    if not isinstance(registers, Mapping) or not 1 <= len(registers) <= 32:
        raise AttestationError(f"{what}: {shapes[0]} must be a map of 1 to 32 registers")
    for index, value in registers.items():
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < 32:
            raise AttestationError(f"{what}: {shapes[0]} has the index {index!r}; indexes are 0 to 31")
        if not isinstance(value, bytes) or len(value) not in {32, 48, 64}:
            raise AttestationError(f"{what}: PCR {index} must be 32, 48 or 64 bytes")
    bundle = payload["cabundle"]
    if not 1 <= len(bundle) <= 16 or not all(isinstance(entry, bytes) and len(entry) <= 4096 for entry in bundle):
        raise AttestationError(f"{what}: cabundle must be 1 to 16 certificates of at most 4096 bytes")
    return "enclave" if shapes[0] == "pcrs" else "nitrotpm"


def verify(
    evidence: bytes, *, nonce: bytes | None = None, now: datetime | None = None, roots: Roots | None = None
) -> Claims:
    """Claims of a Nitro document.

    The chain is judged at the document's own timestamp, because its leaf lives for hours and the timestamp is inside
    the signature; how old the document may be is the policy's business. With `now` the chain must be valid then too,
    and the timestamp must not lie more than five minutes after it.

    Args:
        evidence: the document: bytes, hex or base64 text, or JSON with it.
        nonce: what the relying party asked for; compared with the document's `nonce`.
        now: the time of appraisal, or None to look at an old document as of its own time.
        roots: what the chain may end in; AWS's published root unless given.

    Raises:
        AttestationError: the bytes are not such a document.
    """
    raw = _unwrapped(evidence)
    envelope = open_envelope(raw)
    document = parse(envelope.document if envelope else raw)
    leaf = load_der(document.payload["certificate"], "nitro document, certificate")
    bundle = [load_der(der, f"nitro document, cabundle[{i}]") for i, der in enumerate(document.payload["cabundle"])]
    anchors = roots or AWS_NITRO
    path = build_path(leaf, reversed(bundle), anchors, document.issued)
    checks = [*_header_checks(document), _signature_check(document, leaf), *path.checks]
    checks.append(_bundle_check(bundle, path.certificates))
    checks.append(_nonce_check(document.payload.get("nonce"), nonce))
    if envelope:
        checks += check_envelope(envelope, document.payload.get("user_data"), document.pcrs)
    if now is not None:
        checks += [check for check in build_path(leaf, reversed(bundle), anchors, now, "now_").checks if not check.ok]
        ahead = (document.issued - now).total_seconds()
        checks.append(
            judged(
                "timestamp_not_in_future",
                ahead <= 300,
                expected=f"not after {now.isoformat()}",
                actual=document.issued.isoformat(),
            )
        )
    # Positive match: an enclave whose measurements are not all there may be one in debug mode, where they are zero.
    debug = document.shape == "enclave" and not all(any(document.pcrs.get(index, b"")) for index in (0, 1, 2))
    values: dict[str, Any] = {
        "shape": document.shape,
        "module_id": document.payload["module_id"],
        "timestamp": document.issued.isoformat(),
        "digest": document.payload["digest"],
        "pcrs": {str(index): document.pcrs[index].hex() for index in sorted(document.pcrs)},
        "public_key": _hex(document.payload.get("public_key")),
        "user_data": _hex(document.payload.get("user_data")),
        "nonce": _hex(document.payload.get("nonce")),
        "debug": debug,
        "leaf": {
            "subject": leaf.subject.rfc4514_string(),
            "not_before": leaf.not_valid_before_utc.isoformat(),
            "not_after": leaf.not_valid_after_utc.isoformat(),
        },
        "root_sha256": fingerprint(path.certificates[-1]),
    }
    return Claims(
        kind="nitro",
        values=values,
        checks=tuple(checks),
        anchored=path.anchored,
        evidence_sha256=hashlib.sha256(evidence).hexdigest(),
        extras={"document": document},
    )


def _unwrapped(evidence: bytes) -> bytes:
    """The document's bytes: as they are, from hex or base64 text, or from JSON that names them."""
    if evidence.lstrip()[:1] != b"{":
        return plain(evidence, "nitro evidence")
    document = load_json(evidence, "nitro evidence")
    found = next((document[name] for name in _JSON_NAMES if document.get(name)), None)
    if found is None:
        raise AttestationError(f"nitro evidence: the JSON has none of {', '.join(_JSON_NAMES)}")
    return binary(found, "nitro evidence")


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _header_checks(document: Document) -> list[Check]:
    expected = cbor2.dumps({1: ES384})
    checks = [compare("cose_algorithm", expected.hex(), document.protected.hex(), "the header {1: -35}, ES384")]
    checks.append(compare("digest_algorithm", "SHA384", document.payload["digest"]))
    checks.append(
        judged(
            "unprotected_header",
            not document.unprotected,
            expected="empty",
            actual=str(dict(document.unprotected))[:200],
        )
    )
    sizes = sorted({len(value) for value in document.pcrs.values()})
    checks.append(judged("pcr_size", sizes == [48], expected="48 bytes (SHA-384)", actual=sizes))
    return checks


def _signature_check(document: Document, leaf: x509.Certificate) -> Check:
    signed = cbor2.dumps(["Signature1", document.protected, b"", document.payload_bytes])
    try:
        key = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        return failed("signature", detail=f"the certificate's key cannot be used: {error}")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        return failed("signature", expected="an EC P-384 key", actual=type(key).__name__)
    if len(document.signature) != 96:
        return failed("signature", expected="96 bytes", actual=len(document.signature))
    r, s = (int.from_bytes(document.signature[i : i + 48], "big") for i in (0, 48))
    try:
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA384()))
    except InvalidSignature:
        return failed("signature", detail="the COSE signature does not verify under the document's certificate")
    return passed("signature", detail="ES384 over the payload, by the document's certificate")


def _bundle_check(bundle: list[x509.Certificate], path: tuple[x509.Certificate, ...]) -> Check:
    """Every certificate of the bundle must be on the path: one that is not would ride along unverified."""
    strangers = [c.subject.rfc4514_string() for c in bundle if c not in path]
    return judged(
        "cabundle_on_path",
        not strangers,
        expected="every certificate of cabundle on the path",
        actual=strangers or "all",
    )


def _nonce_check(actual: bytes | None, expected: bytes | None) -> Check:
    if expected is None:
        return not_evaluated("nonce", "no nonce was given to compare with", actual=_hex(actual))
    return compare("nonce", expected.hex(), _hex(actual), "the nonce in the document")
