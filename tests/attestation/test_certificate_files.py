"""Certificate files that people hand over: OpenSSL's text around the blocks is no harm, a changed line end is found."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestation.certificates import load_certificates
from attestation.errors import AttestationError
from tests.attestation.makers import Authority, pem

AUTHORITY = Authority()
CHAIN = pem(AUTHORITY.middle, AUTHORITY.root)
BOTH = (AUTHORITY.middle, AUTHORITY.root)


def test_what_openssl_prints_is_read():
    printed = b"".join(
        subprocess.run(["openssl", "x509", "-text"], input=pem(c), capture_output=True, check=True).stdout for c in BOTH
    )
    assert b"Signature Algorithm" in printed
    assert load_certificates(printed, "file", explained=True) == BOTH
    with pytest.raises(AttestationError, match="not a certificate"):
        load_certificates(printed, "evidence")


@pytest.mark.parametrize("before", ["", "# root\n", "subject=CN = root\r\n", "\n\n", "Bag Attributes\n    id: 7\n"])
@pytest.mark.parametrize("after", ["", "\nissuer=x\n", "\n", "\0", "\r\n\r\n"])
def test_whole_lines_of_text(before, after):
    data = before.encode() + CHAIN.rstrip(b"\n") + after.encode()
    assert load_certificates(data, "file", explained=True) == BOTH


@pytest.mark.parametrize(
    "data",
    [
        b"x" + CHAIN,
        CHAIN + b"x",
        CHAIN + b"no line end",
        CHAIN.replace(b"-----\n-----", b"-----K-----"),
        CHAIN.replace(b"-----\n-----", b"-----\nK\n-----"),
        CHAIN.replace(b"-----\n-----", b"-----\ntext-----"),
        b"\x01 control\n" + CHAIN,
        CHAIN.replace(b"-----BEGIN", b"-----CEGIN", 1),
        CHAIN.replace(b"-----END", b"----END", 1),
        b"only text\n-----BEGIN\n",
    ],
    ids=range(10),  # the certificates are made anew in every process and must not name the tests
)
def test_anything_else_is_refused(data):
    with pytest.raises(AttestationError):
        load_certificates(data, "file", explained=True)


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(CHAIN) - 1), mask=st.integers(1, 255))
def test_a_changed_byte_is_found_or_changes_a_certificate(at, mask):
    changed = CHAIN[:at] + bytes([CHAIN[at] ^ mask]) + CHAIN[at + 1 :]
    if changed.rstrip(b"\n\0") == CHAIN.rstrip(b"\n\0"):
        return  # a NUL in place of the last line end
    try:
        found = load_certificates(changed, "file", explained=True)
    except AttestationError:
        return
    assert found != BOTH
