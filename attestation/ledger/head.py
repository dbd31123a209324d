"""Signed heads: how many entries a tenant's ledger has, the tree's root over them, and the signature on both."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from datetime import datetime

import rfc8785
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attestation.errors import AttestationError
from attestation.ledger.entry import Sha256, Tenant

DOMAIN = b"bulkhead release ledger head v1\n"
"""Put before what is signed, so that the key's other signatures cannot be taken for heads."""

Signer = Callable[[bytes], bytes]
"""Signs bytes with ECDSA P-256 and SHA-256 (DER): a local key, or KMS `Sign` with ECDSA_SHA_256."""


class Head(BaseModel):
    """One signed head."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Tenant
    size: int = Field(ge=1)
    root: Sha256
    time: datetime
    key: Sha256
    """SHA-256 of the signing key's DER SubjectPublicKeyInfo."""
    signature: str = Field(max_length=1024)
    """Base64."""

    def signed(self) -> bytes:
        """The bytes under the signature."""
        return signed_bytes(self.tenant, self.size, self.root, self.time, self.key)

    def line(self) -> bytes:
        """The head as it is stored, one line without its end."""
        return rfc8785.dumps(self.model_dump(mode="json"))


def signed_bytes(tenant: str, size: int, root: str, time: datetime, key: str) -> bytes:
    """Domain, then the head without its signature in canonical JSON."""
    stamp = time.isoformat().replace("+00:00", "Z")
    return DOMAIN + rfc8785.dumps({"key": key, "root": root, "size": size, "tenant": tenant, "time": stamp})


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo, hex."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def local_signer(key: ec.EllipticCurvePrivateKey) -> Signer:
    """A signer with a key in memory."""
    return lambda message: key.sign(message, ec.ECDSA(hashes.SHA256()))


def make_head(
    tenant: str, size: int, root: bytes, time: datetime, public: ec.EllipticCurvePublicKey, sign: Signer
) -> Head:
    """A head, signed."""
    key = key_id(public)
    signature = sign(signed_bytes(tenant, size, root.hex(), time, key))
    return Head(
        tenant=tenant, size=size, root=root.hex(), time=time, key=key, signature=base64.b64encode(signature).decode()
    )


def head_verifies(head: Head, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether the key signed the head."""
    if head.key != key_id(key):
        return False
    try:
        key.verify(base64.b64decode(head.signature, validate=True), head.signed(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def read_head(line: bytes, place: str) -> Head:
    """A head from its line.

    Raises:
        AttestationError: malformed.
    """
    try:
        return Head.model_validate_json(line)
    except ValidationError as error:
        raise AttestationError(f"{place}: not a signed head: {error}") from error


def load_public_key(pem: bytes, what: str) -> ec.EllipticCurvePublicKey:
    """An EC P-256 public key from PEM.

    Raises:
        AttestationError: not one.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AttestationError(f"{what}: not a PEM public key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise AttestationError(f"{what}: heads are signed with EC P-256, this is a {type(key).__name__}")
    return key
