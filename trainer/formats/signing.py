"""Signed documents: canonical JSON in a DSSE envelope with Ed25519 signatures.

DSSE v1.0.2 (secure-systems-lab/dsse, protocol.md): the signature covers the payload's type as well as its bytes, so a
signed checkpoint manifest cannot be passed off as a signed data-set manifest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json, parse_json_object

DATA_SET_TYPE: Final = "application/vnd.bulkhead.data-set+json"
TABLE_TYPE: Final = "application/vnd.bulkhead.table+json"
CHECKPOINT_TYPE: Final = "application/vnd.bulkhead.checkpoint+json"
MODEL_TYPE: Final = "application/vnd.bulkhead.model+json"


def public_key_text(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    """The 32 raw bytes of the public key in base64: how keys are pinned in jobs and written in ledgers."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return base64.b64encode(public.public_bytes_raw()).decode()


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed: DSSE's PAE, "DSSEv1" and the length-prefixed type and payload."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign_document(document: dict[str, Any], payload_type: str, key: Ed25519PrivateKey) -> bytes:
    """The DSSE envelope of `document`, signed by `key`, as canonical JSON."""
    payload = canonical_json(document)
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    envelope = {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": public_key_text(key), "sig": base64.b64encode(signature).decode()}],
    }
    return canonical_json(envelope)


def open_signed(data: bytes, payload_type: str, trusted: Collection[str], name: str) -> dict[str, Any]:
    """The document in the envelope `data`, if one of the `trusted` public keys signed it as `payload_type`.

    The `keyid` in the envelope is only a hint: every signature is tried against every trusted key.
    """
    envelope = parse_json_object(data, name)
    signatures = envelope.get("signatures")
    if envelope.get("payloadType") != payload_type or not isinstance(signatures, list):
        raise TrainerError(Reason.BAD_SIGNATURE, f"{name}: not a signed document of type {payload_type}; refused")
    payload = _decode(envelope.get("payload"), name)
    message = pre_authentication_encoding(payload_type, payload)
    candidates = [_decode(entry.get("sig"), name) for entry in signatures[:8] if isinstance(entry, dict)]
    for text in trusted:
        public = parse_public_key(text)
        if any(_verifies(public, candidate, message) for candidate in candidates):
            return parse_json_object(payload, name)
    raise TrainerError(
        Reason.BAD_SIGNATURE,
        f"{name}: no valid signature by a trusted key ({', '.join(trusted) or 'none given'}); refused",
    )


def payload_type(data: bytes, name: str) -> str:
    """What an envelope says that it holds: not yet believed, but good for choosing what to demand of `open_signed`."""
    return str(parse_json_object(data, name).get("payloadType"))


def parse_public_key(text: str) -> Ed25519PublicKey:
    """The Ed25519 public key written as base64 of its 32 raw bytes."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error) as error:
        raise TrainerError(Reason.BAD_JOB, f"signer {text!r}: expected base64 of a 32-byte Ed25519 key") from error


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal: how documents are named in ledgers."""
    return hashlib.sha256(data).hexdigest()


def _verifies(public: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _decode(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise TrainerError(Reason.BAD_SIGNATURE, f"{name}: the envelope lacks its payload or signature; refused")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise TrainerError(Reason.BAD_SIGNATURE, f"{name}: the envelope is not valid base64; refused") from error
