"""A TPM's maker certifies its endorsement key, and the key that a machine attests with must live in that very TPM."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from images import endorsement, tpm
from images.endorsement import Authority, certified, endorsement_key, key_name
from images.errors import ImageError

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def maker(tmp_path_factory):
    """An authority with two machines of its own."""
    place = tmp_path_factory.mktemp("maker")
    authority = Authority(place / "authority")
    for name in ("first", "second"):
        tpm.manufacture(place / name, authority.options())
    return place, authority


def test_a_machine_is_certified_by_its_maker(maker):
    place, authority = maker
    first, second = (x509.load_der_x509_certificate(certified(place / name, authority)) for name in ("first", "second"))
    assert first.public_key() != second.public_key()
    assert first.issuer == second.issuer == authority.chain()[0].subject


def test_an_attestation_key_of_another_machine_is_refused(maker, tmp_path):
    place, authority = maker
    shutil.copytree(place / "first", tmp_path / "first")
    shutil.copy(place / "second" / "ak.pub", tmp_path / "first" / "ak.pub")
    with pytest.raises(ImageError, match="not in the TPM"):
        certified(tmp_path / "first", authority)


def test_another_maker_s_machine_is_refused(maker, tmp_path):
    place, _ = maker
    other = Authority(tmp_path / "authority")
    tpm.manufacture(tmp_path / "machine", other.options())
    certified(tmp_path / "machine", other)
    with pytest.raises(ImageError, match="did not issue it"):
        certified(place / "first", other)


def test_a_machine_without_a_certificate_is_refused(maker, tmp_path):
    _, authority = maker
    tpm.manufacture(tmp_path / "machine")
    with pytest.raises(ImageError, match="tpm2_nvread"):
        certified(tmp_path / "machine", authority)


def test_an_authority_that_made_nothing_has_no_certificates(tmp_path):
    with pytest.raises(ImageError, match="no usable certificates"):
        Authority(tmp_path).chain()


def made(key, issuer_key, subject, issuer, *, usage=endorsement.EK_USAGE, days=10, signed=None):
    name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])  # noqa: E731
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(9)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(signed or issuer_key, hashes.SHA256())


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


AUTHORITY = ec.generate_private_key(ec.SECP256R1())
ROOT = made(AUTHORITY, AUTHORITY, "root", "root", usage=None)


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


def test_an_endorsement_certificate_is_read(rsa_key):
    good = made(rsa_key, AUTHORITY, "ek", "root")
    assert endorsement_key(der(good), (ROOT,), NOW) == rsa_key.public_key()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"usage": None}, "endorsement certificate"),
        ({"usage": x509.ExtendedKeyUsageOID.SERVER_AUTH}, "something else"),
        ({"days": -0.5}, "not in force"),
        ({"signed": ec.generate_private_key(ec.SECP256R1())}, "did not issue it"),
        ({"issuer": "another"}, "did not issue it"),
    ],
)
def test_any_other_certificate_is_refused(rsa_key, changes, says):
    given = {"key": rsa_key, "issuer_key": AUTHORITY, "subject": "ek", "issuer": "root"} | changes
    with pytest.raises(ImageError, match=says):
        endorsement_key(der(made(**given)), (ROOT,), NOW)


def test_a_key_of_another_kind_is_refused():
    other = made(ec.generate_private_key(ec.SECP256R1()), AUTHORITY, "ek", "root")
    with pytest.raises(ImageError, match="RSA key was expected"):
        endorsement_key(der(other), (ROOT,), NOW)


def test_an_expired_maker_is_refused(rsa_key):
    expired = made(AUTHORITY, AUTHORITY, "root", "root", usage=None, days=-0.5)
    with pytest.raises(ImageError, match="not in force"):
        endorsement_key(der(made(rsa_key, AUTHORITY, "ek", "root")), (expired,), NOW)


@pytest.mark.parametrize("data", [b"", b"0", b"\x30\x03\x02\x01\x01"])
def test_what_is_no_certificate_is_refused(data):
    with pytest.raises(ImageError, match="endorsement certificate"):
        endorsement_key(data, (ROOT,), NOW)


@pytest.mark.parametrize("data", [b"", b"\x00\x04\x00\x23", b"\x00\x04\x00\x23\x00\x0c", b"\x00\x03\x00\x23\x00\x0b"])
def test_a_public_area_that_is_none_has_no_name(data):
    with pytest.raises(ImageError, match="public area"):
        key_name(data)
