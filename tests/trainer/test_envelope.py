"""`CiphertextForRecipient` as KMS sends it, made here by OpenSSL: whole and in pieces, right and wrong."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key
from hypothesis import given
from hypothesis import strategies as st

from trainer.errors import Reason, TrainerError
from trainer.keys.ber import BerError, Node, oid, read
from trainer.keys.envelope import open_envelope

KMS = ("-aes-256-cbc", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256")
KEY = rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OpenSSL takes a recipient's key from a certificate only."""
    from datetime import UTC, datetime, timedelta

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(5)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()), critical=False)
        .sign(KEY, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("openssl") / "node.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return path


def enveloped(plaintext: bytes, certificate: Path, *options: str, cipher: tuple[str, ...] = KMS) -> bytes:
    """`options` such as `-stream` and `-keyid` come before the recipient, key options after it."""
    before = [option for option in cipher if option.startswith(("-aes", "-des"))]
    after = [option for option in cipher if option not in before]
    command = ["openssl", "cms", "-encrypt", "-binary", "-outform", "DER", *options, *before]
    command += ["-recip", str(certificate), *after]
    return subprocess.run(command, input=plaintext, capture_output=True, check=True).stdout


@pytest.mark.parametrize("length", [0, 1, 15, 16, 32, 5000])
@pytest.mark.parametrize("options", [("-keyid",), ("-keyid", "-stream"), ("-stream",), ()])
def test_what_openssl_seals_is_opened(certificate: Path, length: int, options: tuple[str, ...]) -> None:
    plaintext = bytes(range(256)) * 20
    assert open_envelope(enveloped(plaintext[:length], certificate, *options), KEY) == plaintext[:length]


def test_an_answer_that_kms_really_sent_is_opened() -> None:
    held = json.loads((Path(__file__).parent / "data" / "kms-answer.json").read_text())
    key = load_der_private_key(base64.b64decode(held["recipient_key_der"]), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    answer = base64.b64decode(held["answer"])
    assert answer[:2] == b"\x30\x80", "in indefinite lengths"
    assert open_envelope(answer, key) == bytes.fromhex(held["plaintext"])
    for at in range(0, len(answer), 7):
        changed = bytearray(answer)
        changed[at] ^= 1
        with contextlib.suppress(TrainerError):
            open_envelope(bytes(changed), key)


def test_openssl_streams_in_indefinite_lengths(certificate: Path) -> None:
    assert enveloped(b"k" * 32, certificate, "-keyid", "-stream")[:2] == b"\x30\x80"


@pytest.mark.parametrize(
    "cipher",
    [
        ("-aes-128-cbc", *KMS[1:]),
        ("-aes-256-cbc",),
        ("-aes-256-cbc", "-keyopt", "rsa_padding_mode:oaep"),
        (*KMS, "-keyopt", "rsa_mgf1_md:sha1"),
        (*KMS, "-keyopt", "rsa_oaep_label:6162"),
    ],
    ids=["aes-128", "pkcs1", "oaep-sha1", "mgf1-sha1", "label"],
)
def test_a_weaker_or_other_suite_is_refused(certificate: Path, cipher: tuple[str, ...]) -> None:
    envelope = enveloped(b"k" * 32, certificate, "-keyid", cipher=cipher)
    with pytest.raises(TrainerError) as refused:
        open_envelope(envelope, KEY)
    assert refused.value.reason is Reason.ATTESTATION


def test_another_machines_envelope_stays_closed(certificate: Path) -> None:
    with pytest.raises(TrainerError, match="cannot be opened"):
        open_envelope(enveloped(b"k" * 32, certificate), rsa.generate_private_key(65537, 2048))


def test_the_local_clouds_envelope_is_opened() -> None:
    from localcloud.cms import envelop

    assert open_envelope(envelop(b"k" * 32, KEY.public_key()), KEY) == b"k" * 32


def test_a_cut_envelope_is_refused_at_every_length() -> None:
    from localcloud.cms import envelop

    whole = envelop(b"k" * 32, KEY.public_key())
    for length in range(len(whole)):
        with pytest.raises(TrainerError):
            open_envelope(whole[:length], KEY)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    try:
        node = read(data)
    except BerError:
        return
    assert isinstance(node, Node)


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=8), st.integers(0, 2), st.integers(0, 39))
def test_object_identifiers_are_read_as_written(arcs: list[int], top: int, second: int) -> None:
    content = b""
    for arc in (top * 40 + second, *arcs):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        content += bytes(reversed(digits))
    assert oid(Node(0x06, content)) == ".".join(map(str, (top, second, *arcs)))


def test_nesting_is_limited() -> None:
    with pytest.raises(BerError, match="deeply"):
        read(b"\x30\x80" * 40 + b"\0\0" * 40)
