"""Reference values of one image (RATS, RFC 9334 section 4.2): what its registers must hold, signed, with an expiry.

The document is JSON in a DSSE envelope (github.com/secure-systems-lab/dsse, protocol version 1), signed with ECDSA
P-256 and SHA-256. A version never goes back: whoever accepts sets keeps the lowest version it still accepts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attestation.documents import load_json
from attestation.errors import AttestationError
from attestation.policy import ReferenceSet

PAYLOAD_TYPE = "application/vnd.bulkhead.reference-values+json"
MAX_ENVELOPE = 4 * 1024 * 1024
Hex256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Hex384 = Annotated[str, Field(pattern=r"^[0-9a-f]{96}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReferenceExtend(_Model):
    """One expected extend and what it is, in words."""

    what: str
    sha256: Hex256
    sha384: Hex384


class ReferenceRegister(_Model):
    """A register's expected value in both banks and the extends that lead there, in order."""

    sha256: Hex256
    sha384: Hex384
    extends: tuple[ReferenceExtend, ...]


class Package(_Model):
    """A package inside the image."""

    name: str
    version: str
    part: Literal["initrd", "node", "python"]
    purl: str
    """Package URL (github.com/package-url/purl-spec)."""


class Provenance(_Model):
    """Where the image came from."""

    source: str
    """Git revision that was built; `+changes` is appended when files differed from it; `unknown` when not noted."""
    source_date_epoch: int
    builder: dict[str, str]
    """Tool -> version."""
    lock_sha256: Hex256 | Literal["unknown"]
    """Digest of the file that pins the packages, as it was when the image was built."""
    differs_from_lock: tuple[str, ...] = ()
    """One sentence per package that is not as the file pins it: an image to be tried, not one that was reviewed."""
    compared_lock_sha256: Hex256 | Literal["unknown"] = "unknown"
    """Digest of the file that `differs_from_lock` compares with: as it was when the image was measured."""


class ReferenceValues(_Model):
    """The signed document."""

    kind: Literal["bulkhead-reference-values"] = "bulkhead-reference-values"
    format: Literal[1] = 1
    image: str
    version: int = Field(ge=1)
    created: datetime
    expires: datetime
    secure_boot: bool
    debug: bool = False
    """Made for looking inside: never accepted where keys are released."""
    registers: dict[int, ReferenceRegister]
    artefact: dict[str, str]
    """Hashes of the artefact: `root_hash` (dm-verity), `uki_sha256`, `root_sha256`, `disk_sha256`."""
    provenance: Provenance
    packages: tuple[Package, ...]

    def reference_set(self) -> ReferenceSet:
        """The values in the form that an appraisal policy holds."""
        return ReferenceSet(
            name=self.image,
            version=self.version,
            expires=self.expires,
            pcrs={
                bank: {index: (getattr(register, bank),) for index, register in sorted(self.registers.items())}
                for bank in ("sha256", "sha384")
            },
        )


def sign(values: ReferenceValues, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The DSSE envelope, as JSON text."""
    payload = json.dumps(values.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()
    signature = key.sign(pre_authentication_encoding(payload), ec.ECDSA(hashes.SHA256()))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key_id(key.public_key()), "sig": base64.b64encode(signature).decode()}],
    }
    return (json.dumps(envelope, indent=1) + "\n").encode()


def verify(
    envelope: bytes,
    keys: tuple[ec.EllipticCurvePublicKey, ...],
    *,
    now: datetime | None = None,
    minimum_version: int = 0,
    allow_debug: bool = False,
) -> ReferenceValues:
    """The reference values, once a trusted key is found to have signed them, they are in force and not rolled back.

    Raises:
        AttestationError: malformed, signed by no trusted key, expired, not yet valid, below `minimum_version`,
            or of a debug image that `allow_debug` does not let in.
    """
    payload, signatures = _open(envelope)
    signed = pre_authentication_encoding(payload)
    trusted = {key_id(key): key for key in keys}
    if not any(_valid(trusted[name], signature, signed) for name, signature in signatures if name in trusted):
        raise AttestationError(
            f"reference values: signed by {', '.join(name[:16] for name, _ in signatures) or 'nobody'}, none of which "
            f"is a trusted key with a valid signature (trusted: {', '.join(name[:16] for name in trusted) or 'none'})"
        )
    load_json(payload, "reference values: payload")  # pydantic's own reader takes the later of two equal names
    try:
        values = ReferenceValues.model_validate_json(payload)
    except ValidationError as error:
        raise AttestationError(f"reference values: {_problems(error)}") from error
    moment = now or datetime.now(UTC)
    if values.created.tzinfo is None or values.expires.tzinfo is None:
        raise AttestationError("reference values: created and expires must carry a time zone")
    if moment < values.created:
        raise AttestationError(
            f"reference values of {values.image}: made {values.created.isoformat()}, which is to come"
        )
    if moment >= values.expires:
        raise AttestationError(
            f"reference values of {values.image}: version {values.version} expired {values.expires.isoformat()}"
        )
    if values.version < minimum_version:
        raise AttestationError(
            f"reference values of {values.image}: version {values.version}, lowest accepted is {minimum_version}"
        )
    if values.debug and not allow_debug:
        raise AttestationError(f"reference values of {values.image}: version {values.version} is of a debug image")
    return values


def pre_authentication_encoding(payload: bytes) -> bytes:
    """What is signed: DSSEv1, then type and body, each behind its length (DSSE protocol, "PAE")."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """SHA-256 of the key's SubjectPublicKeyInfo, lower-case hex."""
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()


def _open(envelope: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    if len(envelope) > MAX_ENVELOPE:
        raise AttestationError(f"reference values: {len(envelope)} bytes, at most {MAX_ENVELOPE} are read")
    try:
        document = load_json(envelope, "reference values")
        if not isinstance(document, Mapping) or document.get("payloadType") != PAYLOAD_TYPE:
            raise AttestationError(f"reference values: not a DSSE envelope of type {PAYLOAD_TYPE}")
        payload = base64.b64decode(document["payload"], validate=True)
        signatures = [
            (str(entry["keyid"]), base64.b64decode(entry["sig"], validate=True)) for entry in document["signatures"]
        ]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise AttestationError(f"reference values: not a DSSE envelope ({type(error).__name__}: {error})") from error
    return payload, signatures


def _valid(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _problems(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(str(part) for part in e['loc']) or 'document'}: {e['msg']}" for e in error.errors())
