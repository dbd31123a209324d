"""DSSE envelopes around in-toto statements, signed by a local key or by KMS.

Sources: DSSE protocol 1.0.2 (PAE), in-toto Attestation Framework, Statement v1. Primitives come from `cryptography`.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance.evidence.errors import EvidenceError

KMS_RAW_LIMIT = 4096
"""Bytes up to which KMS takes a whole message (AWS KMS API, Sign)."""
PAYLOAD_TYPE = "application/vnd.in-toto+json"


class Signer(Protocol):
    """Something that signs."""

    def public_pem(self) -> bytes:
        """The public key, SubjectPublicKeyInfo in PEM."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature over a message: Ed25519, or ECDSA over SHA-256 in DER."""
        ...


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def key_id(public_pem: bytes) -> str:
    """The identifier of a key: SHA-256 of its SubjectPublicKeyInfo in DER."""
    key = serialization.load_pem_public_key(public_pem)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256:" + hashlib.sha256(der).hexdigest()


def envelope(payload: bytes, signer: Signer) -> dict[str, Any]:
    """A DSSE envelope with one signature."""
    signature = signer.sign(pae(PAYLOAD_TYPE, payload))
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode("ascii"),
        "signatures": [{"keyid": key_id(signer.public_pem()), "sig": base64.b64encode(signature).decode("ascii")}],
    }


@dataclass(frozen=True)
class LocalSigner:
    """An Ed25519 key in a file of one's own."""

    key: Ed25519PrivateKey

    def public_pem(self) -> bytes:
        """The public key in PEM."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature."""
        return self.key.sign(message)


def local_signer(path: Path) -> LocalSigner:
    """The signer of a key file, made (readable by its owner only) if there is none; the public key lies beside it.

    Raises:
        EvidenceError: the file holds no Ed25519 private key, or others may read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Ed25519PrivateKey.generate()
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    if path.stat().st_mode & 0o077:
        msg = f"{path}: others may read the signing key; chmod 600 it, and make a new one if they did"
        raise EvidenceError(msg)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        msg = f"{path}: not a private key in PEM ({error}); name another file"
        raise EvidenceError(msg) from error
    if not isinstance(key, Ed25519PrivateKey):
        msg = f"{path}: not an Ed25519 key; name another file"
        raise EvidenceError(msg)
    signer = LocalSigner(key)
    public = path.with_suffix(".pub.pem")
    if not public.exists():
        public.write_bytes(signer.public_pem())
    return signer


@dataclass(frozen=True)
class KmsSigner:
    """An ECC_NIST_P256 key in KMS with the usage SIGN_VERIFY. `client` is a boto3 KMS client."""

    client: Any
    key: str

    def public_pem(self) -> bytes:
        """The public key in PEM."""
        der = self.client.get_public_key(KeyId=self.key)["PublicKey"]
        loaded = serialization.load_der_public_key(der)
        return loaded.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        """The ECDSA signature over SHA-256, made in KMS."""
        raw = len(message) <= KMS_RAW_LIMIT
        answer = self.client.sign(
            KeyId=self.key,
            Message=message if raw else hashlib.sha256(message).digest(),
            MessageType="RAW" if raw else "DIGEST",
            SigningAlgorithm="ECDSA_SHA_256",
        )
        signature: bytes = answer["Signature"]
        return signature
