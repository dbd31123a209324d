"""Event logs: both encodings, typing, replay, bounds."""

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestation.errors import AttestationError
from attestation.tcg import replay
from attestation.tcg.event_types import NAMES
from attestation.tcg.eventlog import parse
from tests.attestation.makers import boot_log, event, file_path, header_event, variable


def legacy(index, kind, data):
    return struct.pack("<II", index, kind) + hashlib.sha1(data).digest() + struct.pack("<I", len(data)) + data


def test_sha1_logs_are_read_and_replayed():
    log = parse(legacy(0, 8, b"v") + legacy(4, 4, bytes(4)) + legacy(4, 13, b"grub"))
    assert not log.crypto_agile
    expected = hashlib.sha1(
        hashlib.sha1(bytes(20) + hashlib.sha1(bytes(4)).digest()).digest() + hashlib.sha1(b"grub").digest()
    )
    assert replay.replay(log, "sha1")[4] == expected.digest()


def test_every_bank_is_replayed():
    log = parse(boot_log(("sha1", "sha256", "sha384")))
    for bank in ("sha1", "sha256", "sha384"):
        value = hashlib.new(bank, bytes(hashlib.new(bank).digest_size) + hashlib.new(bank, bytes(4)).digest()).digest()
        assert replay.replay(log, bank)[3] == value
    assert replay.replay(log, "sha512") == {}


def test_no_action_extends_nothing():
    banks = ("sha256",)
    with_note = parse(header_event(banks) + event(0, 3, b"a note", banks) + event(0, 8, b"v", banks))
    without = parse(header_event(banks) + event(0, 8, b"v", banks))
    assert replay.replay(with_note, "sha256") == replay.replay(without, "sha256")


def test_dynamic_registers_start_at_ones():
    log = parse(header_event(("sha256",)) + event(17, 5, b"drtm", ("sha256",)))
    assert replay.replay(log, "sha256")[17] == hashlib.sha256(b"\xff" * 32 + hashlib.sha256(b"drtm").digest()).digest()
    assert replay.untouched("sha256", 17) == b"\xff" * 32
    assert replay.untouched("sha256", 16) == bytes(32)


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (0x80000001, variable("SecureBoot", b"\1"), {"variable": "SecureBoot", "enabled": True}),
        (
            0x80000003,
            struct.pack("<QQQQ", 1, 2, 3, len(file_path("\\a.efi"))) + file_path("\\a.efi"),
            {"path": "File(\\a.efi)"},
        ),
        (0x04, bytes(4), {"separator": "00000000", "error": False}),
        (0x04, b"\1\0\0\0", {"error": True}),
        (0x0D, b"grub_cmd: linux\0", {"text": "grub_cmd: linux"}),
        (0x0D, "ro quiet\0".encode("utf-16-le"), {"text": "ro quiet"}),
        (0x06, struct.pack("<II", 7, 4) + b"text", {"tags": [{"id": 7, "size": 4, "text": "text"}]}),
        (0x80000008, struct.pack("<QQ", 0x1000, 16), {"base": "0x1000", "length": 16}),
        (0x03, b"StartupLocality\0\3", {"startup_locality": 3}),
        (0x80000002, variable("BootOrder", b"\1\0\0\0"), {"order": ["Boot0001", "Boot0000"]}),
    ],
)
def test_events_are_typed(kind, data, expected):
    found = parse(header_event(("sha256",)) + event(1, kind, data, ("sha256",))).events[1]
    assert found.type == NAMES[kind]
    assert expected.items() <= found.content.items()


def test_an_unknown_type_keeps_its_number():
    assert parse(legacy(1, 0x12345, b"x")).events[0].type == "EV_0x00012345"


@pytest.mark.parametrize("filler", [b"\xff", b"\0"])
def test_padding_of_one_byte_is_accepted_and_any_other_refused(filler):
    log = boot_log()
    assert parse(log + filler * 100).padding == 100
    with pytest.raises(AttestationError):
        parse(log + filler * 50 + b"\x01" + filler * 50)


def test_a_masked_separator_is_refused():
    banks = ("sha256",)
    log = parse(header_event(banks) + event(4, 5, b"harmless", banks, measured=bytes(4)))
    assert any(check.name == "separators" and check.ok is False for check in replay.consistency(log))


def test_an_error_separator_is_refused():
    banks = ("sha256",)
    log = parse(header_event(banks) + event(4, 4, b"\1\0\0\0", banks))
    assert any(check.name == "separators" and check.ok is False for check in replay.consistency(log))


def test_an_event_without_a_digest_of_every_bank_is_refused():
    log = parse(header_event(("sha256", "sha384")) + event(4, 5, b"a", ("sha256",)))
    assert any(check.name == "event_digests_complete" and check.ok is False for check in replay.consistency(log))


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\0" * 10,
        struct.pack("<II", 99, 5) + bytes(20) + bytes(4),
        struct.pack("<II", 0, 5) + bytes(20) + b"\xff\xff\xff\x7f",
        header_event(("sha256",)) + struct.pack("<III", 0, 5, 200),
        header_event(("sha256",)) + struct.pack("<IIIH", 0, 5, 1, 0x99) + bytes(40),
    ],
)
def test_impossible_lengths_are_malformed(broken):
    with pytest.raises(AttestationError):
        parse(broken)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_log_or_a_clear_error(data):
    try:
        log = parse(header_event(("sha256",)) + data)
    except AttestationError:
        return
    for found in log.events:
        assert isinstance(found.content, dict)
    replay.consistency(log)


@given(st.sampled_from(sorted(NAMES)), st.binary(max_size=300))
def test_describing_an_event_never_raises(kind, data):
    log = parse(header_event(("sha256",)) + event(3, kind, data, ("sha256",)))
    assert isinstance(log.events[1].content, dict)


def test_exit_boot_services_missing_from_the_log_is_made_up_for():
    banks = ("sha256",)
    full = boot_log(banks)
    for text in (b"Exit Boot Services Invocation", b"Exit Boot Services Returned with Success"):
        full += event(5, 0x80000007, text, banks)
    pcrs = replay.replay(parse(full), "sha256")
    checks = {check.name: check for check in replay.check_pcrs(parse(boot_log(banks)), "sha256", pcrs)}
    assert checks["event_log"].ok
    assert "log lacks" in checks["event_log"].detail
    other = parse(boot_log(banks) + event(5, 5, b"unexpected", banks))
    assert replay.check_pcrs(other, "sha256", pcrs)[0].ok is False


@pytest.mark.parametrize("words", ["grub_cmd: ", "kernel_cmdline: ", "module_cmdline: "])
def test_the_text_of_a_grub_command_is_what_was_measured(words):
    def log(shown, measured):
        return parse(
            boot_log(("sha256",), extra=event(8, 13, words.encode() + shown + b"\0", ("sha256",), measured=measured))
        )

    def wrong(found):
        return next(c for c in replay.consistency(found) if c.name == "event_data_digests").ok is False

    assert not wrong(log(b"linux /vmlinuz ro", b"linux /vmlinuz ro"))
    assert wrong(log(b"linux /vmlinuz ro", b"linux /vmlinuz ro init=/bin/sh"))
