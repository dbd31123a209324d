"""Prediction: each register against an oracle of its own, and what each change moves."""

import contextlib
import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from images import firmware
from images.errors import ImageError
from images.measure import cpio, pcr07, pcr09, pcr11, pe
from images.measure.predict import predict
from images.measure.register import BANKS, Register, measured
from tests.images.pe_maker import UKI, make, signature

KEYS = firmware.EnrolledKeys(b"P" * 50, b"K" * 60, b"D" * 28 + b"owner and certificate")


def values(uki, keys=KEYS, **options):
    return {r.index: (r.value("sha256"), r.value("sha384")) for r in predict(uki, keys, **options)}


def changed(first, second):
    return {index for index in first if first[index] != second[index]}


def extend(value, data, bank):
    return hashlib.new(bank, value + hashlib.new(bank, data).digest()).digest()


@pytest.mark.parametrize("bank", BANKS)
def test_a_register_is_the_chain_of_its_extends(bank):
    value = bytes(hashlib.new(bank).digest_size)
    for data in (b"one", b"two"):
        value = extend(value, data, bank)
    assert Register(3, (measured("first", b"one"), measured("second", b"two"))).value(bank) == value.hex()
    assert Register(3, (measured("second", b"two"), measured("first", b"one"))).value(bank) != value.hex()


def test_an_untouched_register_is_zero():
    assert values(make(UKI))[12] == ("00" * 32, "00" * 48)


@pytest.mark.parametrize(
    ("section", "moved"),
    [
        (".cmdline", {4, 9, 11}),
        (".initrd", {4, 9, 11}),
        (".osrel", {4, 9, 11}),
        (".uname", {4, 11}),
        (".sbat", {4, 11}),
        (".linux", {4, 11}),
    ],
)
def test_each_section_moves_its_registers_and_no_other(section, moved):
    other = {name: content if name != section else content + b"!" for name, content in UKI.items()}
    assert changed(values(make(UKI)), values(make(other))) == moved


def test_a_signature_moves_no_register():
    assert changed(values(make(UKI)), values(make(UKI, signature=signature()))) == set()


@pytest.mark.parametrize("name", ["pk", "kek", "db", "dbx"])
def test_every_secure_boot_variable_moves_register_7_only(name):
    fields = {field: getattr(KEYS, field) for field in ("pk", "kek", "db", "dbx")}
    other = firmware.EnrolledKeys(**(fields | {name: fields[name] + b"x"}))
    assert changed(values(make(UKI)), values(make(UKI), other)) == {7}


def test_secure_boot_off_measures_the_kernel_and_the_state():
    on, off = values(make(UKI)), values(make(UKI), secure_boot=False)
    assert changed(on, off) == {4, 7}


def test_a_section_that_is_not_measured_moves_the_image_only():
    assert changed(values(make(UKI)), values(make(UKI | {".pcrsig": b"{}"}))) == {4, 9}


def test_phases_are_part_of_register_11():
    whole = pcr11.predict(make(UKI)).value("sha256")
    assert pcr11.predict(make(UKI), pcr11.PHASES[:-1]).value("sha256") != whole
    assert [e.what for e in pcr11.predict(make(UKI)).extends][-4:] == [f"boot phase {p}" for p in pcr11.PHASES]


def test_sections_are_measured_in_the_stub_s_order_whatever_the_file_s():
    backwards = dict(reversed(UKI.items()))
    assert pcr11.predict(make(UKI)).value("sha384") == pcr11.predict(make(backwards)).value("sha384")


def test_the_variable_that_is_hashed_is_a_uefi_variable_data():
    data = pcr07.variable(uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c"), "SecureBoot", b"\1")
    # The digest that every PC with Secure Boot on logs first in register 7.
    assert hashlib.sha256(data).hexdigest() == "ccfc4bb32888a345bc8aeadaba552b627d99348c767681ab3141f5b01e40a40e"


@pytest.mark.parametrize(
    ("given_line", "passed_on"),
    [(b"a b\n\0", "a b"), (b"a\tb  \n", "a b"), (b"a b", "a b"), ("ü".encode(), "ü")],
)
def test_the_command_line_is_cleaned_as_the_stub_does(given_line, passed_on):
    assert pcr09.load_options(given_line) == (passed_on + "\0").encode("utf-16-le")


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_authenticode_ignores_signature_and_checksum_only(content, signed):
    plain = make({".text": content, ".data": signed})
    with_signature = make({".text": content, ".data": signed}, signature=signature())
    assert pe.authenticode(plain, "sha256") == pe.authenticode(with_signature, "sha256")
    at = plain.index((0xABCD1234).to_bytes(4, "little"))
    assert pe.authenticode(plain[:at] + b"abcd" + plain[at + 4 :], "sha256") == pe.authenticode(plain, "sha256")
    assert pe.authenticode(plain[:-1] + bytes([plain[-1] ^ 1]), "sha256") != pe.authenticode(plain, "sha256")


@pytest.mark.parametrize("bank", BANKS)
def test_authenticode_agrees_with_another_implementation(bank):
    from virt.peutils import pesign

    for data in (make(UKI), make(UKI, signature=signature(72)), make({".text": b"x" * 700}, trailing=b"tail" * 4)):
        import pefile

        oracle = pesign.pe_authenticode_hash(pefile.PE(data=data), bank)
        assert pe.authenticode(data, bank) == oracle


@given(st.binary(max_size=400))
def test_anything_is_a_pe_file_or_an_image_error(data):
    with contextlib.suppress(ImageError):
        assert isinstance(pe.sections(data), list)


def test_a_section_must_be_there_once():
    with pytest.raises(ImageError, match=r"0 sections .missing"):
        pe.section(make(UKI), ".missing")


def read_archive(archive):
    """An independent reader of newc archives: (name, mode, inode, content) until the trailer."""
    entries, at = [], 0
    while True:
        assert archive[at : at + 6] == b"070701"
        words = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        inode, mode, size, name_size = words[0], words[1], words[6], words[11]
        name = archive[at + 110 : at + 110 + name_size].rstrip(b"\0").decode()
        at += -(-(110 + name_size) // 4) * 4
        if name == "TRAILER!!!":
            assert at == len(archive)
            return entries
        entries.append((name, mode, inode, archive[at : at + size]))
        at += -(-size // 4) * 4


@given(st.dictionaries(st.from_regex(r"[a-z]{1,9}\.cred", fullmatch=True), st.binary(max_size=20), max_size=4))
def test_a_cpio_archive_reads_back(files):
    entries = read_archive(cpio.archive(".extra/credentials", 0o500, files, 0o400))
    assert entries[:2] == [(".extra", 0o40555, 1, b""), (".extra/credentials", 0o40500, 2, b"")]
    assert [(name, content) for name, _, _, content in entries[2:]] == [
        (f".extra/credentials/{name}", content) for name, content in sorted(files.items())
    ]
    assert all(mode == 0o100400 for _, mode, _, _ in entries[2:])
    assert [inode for _, _, inode, _ in entries] == list(range(1, len(entries) + 1))
