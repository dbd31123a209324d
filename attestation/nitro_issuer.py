"""Signing NitroTPM-shaped documents: the role that the Nitro hypervisor has on EC2, for the local cloud and for tests.

The document differs from AWS's only in the root it leads to, so verifier, agent and key policy are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

ES384_HEADER = b"\xa1\x01\x38\x22"
"""The protected header {1: -35} as AWS encodes it."""


@dataclass(frozen=True)
class Issuer:
    """A root and its key. The certificate is what relying parties are told to trust."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def make_root(common_name: str, now: datetime, lifetime: timedelta = timedelta(days=3650)) -> Issuer:
    """A new self-signed P-384 root."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    certificate = _certificate(name, key.public_key(), name, now, lifetime, authority=True).sign(key, hashes.SHA384())
    return Issuer(key, certificate)


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    now: datetime,
    lifetime: timedelta,
    *,
    authority: bool,
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )


def issue(
    issuer: Issuer,
    *,
    module_id: str,
    pcrs: Mapping[int, bytes],
    now: datetime,
    public_key: bytes | None = None,
    user_data: bytes | None = None,
    nonce: bytes | None = None,
    enclave: bool = False,
) -> bytes:
    """A signed document under a fresh leaf that lives three hours, as AWS's does.

    Args:
        issuer: the root.
        module_id: the machine, `i-…-tpm…` on EC2.
        pcrs: register to value, 48 bytes each (SHA-384).
        now: the document's time.
        public_key: DER SubjectPublicKeyInfo to which KMS is to encrypt.
        user_data: free.
        nonce: what the relying party asked for.
        enclave: use the enclaves' field name `pcrs` in place of `nitrotpm_pcrs`.

    Returns:
        COSE_Sign1 without tag or prefix.
    """
    key = ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, module_id[:64])])
    leaf = _certificate(
        subject, key.public_key(), issuer.certificate.subject, now, timedelta(hours=3), authority=False
    ).sign(issuer.key, hashes.SHA384())
    payload = cbor2.dumps(
        {
            "module_id": module_id,
            "digest": "SHA384",
            "timestamp": int(now.timestamp() * 1000),
            "pcrs" if enclave else "nitrotpm_pcrs": dict(sorted(pcrs.items())),
            "certificate": leaf.public_bytes(serialization.Encoding.DER),
            "cabundle": [issuer.certificate.public_bytes(serialization.Encoding.DER)],
            "public_key": public_key,
            "user_data": user_data,
            "nonce": nonce,
        }
    )
    return sign(key, payload)


def sign(key: ec.EllipticCurvePrivateKey, payload: bytes) -> bytes:
    """COSE_Sign1 with ES384 over a payload (RFC 9052 section 4.4)."""
    der = key.sign(cbor2.dumps(["Signature1", ES384_HEADER, b"", payload]), ec.ECDSA(hashes.SHA384()))
    r, s = utils.decode_dss_signature(der)
    return cbor2.dumps([ES384_HEADER, {}, payload, r.to_bytes(48, "big") + s.to_bytes(48, "big")])
