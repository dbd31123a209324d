"""go-tpm-tools' attestation message: one key, a quote per bank, and every one of them must hold."""

import struct
from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attestation.certificates import Roots
from attestation.errors import AttestationError
from attestation.kinds import gotpm, tpm
from attestation.tcg.eventlog import parse as parse_log
from attestation.tcg.replay import replay
from tests.attestation.makers import ALGORITHMS, DER, NOW, Authority, Tpm, boot_log

BANKS = ("sha1", "sha256", "sha384")
LOG = boot_log(BANKS)
MACHINE = Tpm()


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def registers(bank):
    replayed = replay(parse_log(LOG), bank)
    return {i: replayed.get(i, bytes(ALGORITHMS[bank][1])) for i in range(16)}


def quote(bank, *, machine=MACHINE, nonce=b"nonce", values=None):
    pcrs = registers(bank)
    message = machine.quote(pcrs, bank, nonce)
    # A proto3 writer leaves a zero key out.
    entries = b"".join(field(2, (field(1, i) if i else b"") + field(2, v)) for i, v in (values or pcrs).items())
    return field(1, message) + field(2, machine.sign(message)) + field(3, field(1, ALGORITHMS[bank][0]) + entries)


def message(*quotes, more=b"", log=LOG):
    return field(1, MACHINE.public) + b"".join(field(2, q) for q in quotes) + field(3, log) + more


QUOTES = [quote(bank) for bank in BANKS]
GOOD = message(*QUOTES)
PARTS = list(accumulate((len(field(2, one)) for one in QUOTES), initial=2 + len(MACHINE.public)))
"""Where the parts behind the AK begin: the quotes and the event log."""


def failing(evidence, **more):
    return {c.name for c in tpm.verify(evidence, nonce=b"nonce", now=NOW, **more).checks if c.ok is False}


def test_every_bank_is_quoted_and_replayed():
    claims = tpm.verify(GOOD, nonce=b"nonce", now=NOW)
    assert claims.genuine
    assert claims.values["layout"] == "go-tpm-tools"
    assert set(claims.values["pcrs"]) == set(BANKS)
    assert claims.values["secure_boot"] is True
    assert {"quote_signature", "sha256_quote_signature", "sha1_quote_signature"} <= {c.name for c in claims.checks}


def test_hex_text_is_the_same():
    assert tpm.verify(GOOD.hex().encode(), nonce=b"nonce").genuine


@pytest.mark.parametrize("bank", BANKS)
def test_one_bank_by_another_key_is_refused(bank):
    quotes = [quote(b, machine=Tpm() if b == bank else MACHINE) for b in BANKS]
    assert any(name.endswith("quote_signature") for name in failing(message(*quotes)))


@pytest.mark.parametrize("bank", BANKS)
def test_one_bank_with_another_nonce_is_refused(bank):
    quotes = [quote(b, nonce=b"stale" if b == bank else b"nonce") for b in BANKS]
    assert any(name.endswith("nonce") for name in failing(message(*quotes)))


@pytest.mark.parametrize("bank", BANKS)
def test_one_changed_value_is_refused(bank):
    values = registers(bank) | {4: bytes(ALGORITHMS[bank][1])}
    quotes = [quote(b, values=values if b == bank else None) for b in BANKS]
    assert any(name.endswith("pcr_digest") for name in failing(message(*quotes)))


def test_a_log_of_another_boot_is_refused():
    quotes = [quote(bank) for bank in BANKS]
    assert "event_log" in failing(message(*quotes, log=boot_log(BANKS, image=b"other")))


def test_the_certificate_in_the_message_anchors_it():
    authority = Authority()
    leaf = authority.leaf("AK", MACHINE.key.public_key())
    more = field(6, leaf.public_bytes(DER)) + field(7, authority.middle.public_bytes(DER))
    evidence = message(*(quote(bank) for bank in BANKS), more=more)
    roots = Roots(certificates=(authority.root,))
    assert tpm.verify(evidence, nonce=b"nonce", now=NOW, roots=roots).anchored
    assert failing(evidence, roots=Authority().roots) == {"ak_certificate_chain"}


def test_what_is_not_looked_at_is_named():
    evidence = message(quote("sha256"), more=field(4, b"instance") + field(8, b"report"))
    claims = tpm.verify(evidence, now=NOW)
    assert next(c for c in claims.checks if c.name == "other_parts").actual == ["instance_info", "sev_snp"]


@pytest.mark.parametrize(
    ("evidence", "match"),
    [
        (message(), "1 to 8 quotes"),
        (message(*[quote("sha256")] * 9), "1 to 8 quotes"),
        (message(quote("sha256"), quote("sha256")), "two quotes of one bank"),
        (message(quote("sha256"), more=field(3, LOG)), "occurs twice"),
        (message(quote("sha256"), more=field(11, b"x")), "unknown"),
        (message(quote("sha256"), more=field(4, 7)), "a number"),
        (message(quote("sha256")) + b"\x25" + bytes(4), "wire type"),
        (message(field(1, b"x")), "expected quote"),
        (message(quote("sha256").replace(field(1, 11), field(1, 99))), "bank"),
        (GOOD[:-1], "left"),
        (field(1, MACHINE.public) + b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "64 bits"),
        (field(1, MACHINE.public) + b"\x12\x80\x00", "shortest"),
    ],
    ids=range(12),  # the evidence is made anew in every process and must not name the tests
)
def test_a_malformed_message_is_named(evidence, match):
    with pytest.raises(AttestationError, match=match):
        tpm.verify(evidence)


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(GOOD) - 1), mask=st.integers(1, 255))
@example(at=2 + len(MACHINE.public), mask=0x50)
def test_a_changed_byte_changes_no_claim(at, mask):
    """Nothing signs the AK's attributes, and no digest measures the data of some events; all else is found.

    A byte can turn a whole part into one that nothing looks at, as if it had been taken out: then it is named as such.
    """
    changed = GOOD[:at] + bytes([GOOD[at] ^ mask]) + GOOD[at + 1 :]
    try:
        claims = tpm.verify(changed, nonce=b"nonce", now=NOW)
    except AttestationError:
        return
    if claims.genuine:
        good = tpm.verify(GOOD, nonce=b"nonce")
        lost = good.values["pcrs"].keys() - claims.values["pcrs"].keys()
        hidden = at in PARTS and "other_parts" in {check.name for check in claims.checks}
        assert at < 2 + len(MACHINE.public) or at >= GOOD.index(LOG) or hidden
        assert not lost or hidden
        assert claims.values["pcrs"].items() <= good.values["pcrs"].items()
        assert claims.values["ak_sha256"] == good.values["ak_sha256"]


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_words(data):
    try:
        gotpm.parse(b"\x0a" + data)
    except AttestationError as error:
        assert "message" in str(error)  # noqa: PT017 - both ways out are right


def test_an_event_log_is_not_taken_for_a_message():
    assert not gotpm.looks_like(LOG)
    assert not gotpm.looks_like(struct.pack("<II", 10, 13) + bytes(24))
    assert gotpm.looks_like(GOOD)
