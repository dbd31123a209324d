"""Certificates in the shape that `mkosi genkey` makes."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Role -> PEM file."""
    directory = tmp_path_factory.mktemp("keys")
    paths = {}
    for role in ("PK", "KEK", "db"):
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, role)])
        now = datetime(2026, 1, 1, tzinfo=UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=3650))
            .sign(key, hashes.SHA256())
        )
        paths[role] = directory / f"{role}.crt"
        paths[role].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return paths
