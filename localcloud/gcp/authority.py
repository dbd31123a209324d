"""The local cloud's own certificate authority and the certificate of its gRPC listeners, made at the first start."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFETIME = timedelta(days=365)
_RENEW = timedelta(days=30)


def certificate(folder: Path, roots: Path) -> tuple[bytes, bytes]:
    """Private key and certificate (PEM) for `localhost`; the authority's certificate is written to `roots`."""
    key_path, chain_path = folder / "tls.key", folder / "tls.pem"
    now = datetime.now(UTC)
    if key_path.exists() and chain_path.exists() and roots.exists():
        held = x509.load_pem_x509_certificate(chain_path.read_bytes())
        if held.not_valid_after_utc - now > _RENEW:
            return key_path.read_bytes(), chain_path.read_bytes()
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("Bulkhead local cloud: test double")
    authority = (
        _builder(issuer, issuer, authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = (
        _builder(_name("localhost"), issuer, key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_path.touch(mode=0o600)
    key_path.write_bytes(pem)
    chain_path.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    roots.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    return key_path.read_bytes(), chain_path.read_bytes()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
    )
