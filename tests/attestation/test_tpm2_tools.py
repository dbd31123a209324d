"""What tpm2-tools writes, made by tpm2-tools and a software TPM: accepted as it is, refused once anything changed."""

import base64
import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from attestation.errors import AttestationError
from attestation.kinds import tpm
from attestation.kinds.tpm_parts import assemble
from attestation.kinds.tpm_pcr_file import read_pcr_file
from images import tpm as software_tpm
from operations.cli import build
from operations.errors import CommandError
from tests.attestation.makers import Authority, boot_log, pem

NONCE = b"nonce"
MANY = "sha256:0,1,2,3,4,5,6,7,8,9,10,11,12,14,23+sha384:4,7"
TEMPLATES = {"ecc": "ecc256:ecdsa:null", "rsa": "rsa2048:rsassa:null", "pss": "rsa2048:rsapss:null"}
ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign"
KEY_FORMATS = ("tss", "tpmt", "pem", "der")
QUOTES = [(key, kind, form) for key in TEMPLATES for kind in ("tss", "plain") for form in ("serialized", "values")]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with keys and quotes: `<key>.<format>` and `<key>.<signature>.<pcrs>.{msg,sig,pcrs,yaml}`."""
    folder = tmp_path_factory.mktemp("tpm2-tools")
    software_tpm.manufacture(folder / "chip")

    def tool(name, *arguments):
        software_tpm.run([software_tpm.program(name), *map(str, arguments)], access)
        software_tpm.run([software_tpm.program("tpm2_flushcontext"), "-t"], access)

    with software_tpm.running(folder / "chip" / "tpm", tcti=True) as socket:
        access = {"TPM2TOOLS_TCTI": f"swtpm:path={socket}"}
        tool("tpm2_startup", "-c")
        tool("tpm2_pcrextend", f"4:sha256={'ab' * 32},sha384={'cd' * 48}")
        for key, template in TEMPLATES.items():
            context = folder / f"{key}.ctx"
            tool("tpm2_createprimary", "-C", "e", "-g", "sha256", "-G", template, "-a", ATTRIBUTES, "-c", context)
            for form in KEY_FORMATS:
                tool("tpm2_readpublic", "-c", context, "-f", form, "-o", folder / f"{key}.{form}")
        for key, kind, form in QUOTES:
            stem = folder / f"{key}.{kind}.{form}"
            parts = ["-m", f"{stem}.msg", "-s", f"{stem}.sig", "-o", f"{stem}.pcrs", "-f", kind, "-F", form]
            signed = ["-g", "sha256", "--scheme", TEMPLATES[key].split(":")[1]]
            tool("tpm2_quote", "-c", folder / f"{key}.ctx", "-l", MANY, "-q", NONCE.hex(), *signed, *parts)
    return folder


def parts(written, key="ecc", kind="tss", form="serialized", public="tss"):
    stem = f"{key}.{kind}.{form}"
    found = {name: (written / f"{stem}.{name}").read_bytes() for name in ("msg", "sig", "pcrs")}
    return found | {"key": (written / f"{key}.{public}").read_bytes()}


def document(found):
    """The parts as fields of the layout "Ours"."""
    names = {"msg": "quote", "sig": "signature", "pcrs": "pcrs", "key": "ak_public"}
    return json.dumps({names[name]: base64.b64encode(data).decode() for name, data in found.items()}).encode()


def outcome(found, nonce=NONCE):
    """`accepted`, or the names of the checks that failed; `malformed`."""
    try:
        claims = tpm.verify(assemble({f"quote.{name}": data for name, data in found.items()}), nonce=nonce)
    except AttestationError:
        return "malformed"
    return {check.name for check in claims.checks if check.ok is False} or "accepted"


@pytest.mark.parametrize(("key", "kind", "form"), QUOTES)
def test_every_format_is_accepted_and_says_the_same(written, key, kind, form):
    found = parts(written, key, kind, form)
    claims = tpm.verify(document(found), nonce=NONCE)
    assert claims.genuine
    assert set(claims.values["pcrs"]["sha256"]) == {*map(str, range(13)), "14", "23"}
    assert claims.values["pcrs"]["sha384"].keys() == {"4", "7"}
    assert claims.values["pcrs"]["sha256"]["0"] == "00" * 32
    assert claims.values["pcrs"]["sha256"]["4"] != "00" * 32
    assert outcome(found) == "accepted"
    assert outcome(found, b"other") == {"nonce"}


@pytest.mark.parametrize("key", TEMPLATES)
@pytest.mark.parametrize("public", KEY_FORMATS)
def test_every_format_of_the_key_is_accepted(written, key, public):
    assert outcome(parts(written, key, public=public)) == "accepted"
    stranger = parts(written, key) | {"key": (written / f"{'rsa' if key == 'ecc' else 'ecc'}.{public}").read_bytes()}
    assert outcome(stranger) in ("malformed", {"quote_signature"})


@pytest.mark.parametrize(
    ("key", "kind", "form"),
    [
        ("ecc", "tss", "serialized"),
        ("ecc", "plain", "values"),
        ("pss", "plain", "serialized"),
        ("rsa", "tss", "values"),
    ],
)
def test_no_changed_byte_goes_unnoticed(written, key, kind, form):
    found = parts(written, key, kind, form)
    for name in ("msg", "sig", "pcrs"):
        step = 1 if len(found[name]) < 600 else 7
        for at in range(0, len(found[name]), step):
            changed = bytearray(found[name])
            changed[at] ^= 1
            assert outcome(found | {name: bytes(changed)}) != "accepted", (name, at)
        for wrong in (found[name][:-1], found[name] + b"\0", b""):
            assert outcome(found | {name: wrong}) != "accepted", name


def test_values_of_another_quote_do_not_match_its_digest(written):
    found = parts(written, form="values")
    other = bytearray(found["pcrs"])
    other[4 * 32 : 5 * 32] = bytes(32)
    assert outcome(found | {"pcrs": bytes(other)}) == {"pcr_digest"}


def test_a_pcr_file_does_not_choose_the_registers_itself(written):
    """A file that leaves a quoted register out, or names it by another number, has no value for what is quoted."""
    found = parts(written)
    fewer = bytearray(found["pcrs"])
    assert fewer[4:8] == b"\x0b\0\x03\xff"
    fewer[8] ^= 0b0110_0000  # register 13 in place of 14: as many digests, under another name
    assert fewer[8] != found["pcrs"][8]
    assert outcome(found | {"pcrs": bytes(fewer)}) == {"pcr_digest"}


def marshaled(selections, lists):
    """TPML_PCR_SELECTION, count and TPML_DIGESTs as a TPM writes them: `-F marshaled` of tpm2-tools 5.8."""
    data = struct.pack(">I", len(selections))
    for algorithm, bitmap in selections:
        data += struct.pack(">HB", algorithm, 3) + bitmap.to_bytes(3, "little")
    data += struct.pack(">I", len(lists))
    for digests in lists:
        data += struct.pack(">I", len(digests)) + b"".join(struct.pack(">H", len(d)) + d for d in digests)
    return data


def test_the_marshaled_format():
    file = marshaled([(4, 0b1), (11, 0b110)], [[b"a" * 20, b"b" * 32], [b"c" * 32]])
    assert read_pcr_file(file, ()) == {"sha1": {0: b"a" * 20}, "sha256": {1: b"b" * 32, 2: b"c" * 32}}
    for wrong in (
        file[:-1],
        file + b"\0",
        marshaled([(4, 0b1)], [[b"a" * 32]]),
        marshaled([(4, 0b11)], [[b"a" * 20]]),
        marshaled([(99, 1)], [[b"a" * 20]]),
        marshaled([(4, 1), (4, 1)], [[b"a" * 20] * 2]),
        marshaled([(4, 0b1)], [[]] * 33),
    ):
        with pytest.raises(AttestationError, match=r"tpm2-tools|TPM evidence"):
            read_pcr_file(wrong, ())


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0), (0, 17), (6, 5), (7 + 4, 1), (132, 200), (136, 9), (140, 65), (140, 31)],
    ids=["no-bank", "banks", "bitmap-size", "padding", "lists", "digests", "digest-size", "short-digest"],
)
def test_a_serialized_file_with_a_wrong_count(written, at, value):
    file = bytearray(parts(written)["pcrs"])
    file[at] = value
    with pytest.raises(AttestationError):
        read_pcr_file(bytes(file), ())


def test_what_tpm2_quote_prints(written, tmp_path):
    found = parts(written)
    quoted = tpm.verify(document(found)).values["pcrs"]
    text = (
        f"quoted: {found['msg'].hex()}\nsignature:\n  alg: ecdsa\n  sig: {parts(written, kind='plain')['sig'].hex()}\n"
    )
    assert "quote_signature" in _failing(text, written, quoted)  # of another quote
    own = parts(written, kind="plain")
    text = f"quoted: {own['msg'].hex()}\nsignature:\n  alg: ecdsa\n  sig: {own['sig'].hex()}\n"
    assert _failing(text, written, quoted) == set()
    assert _failing(text, written, quoted | {"sha384": {"4": "0" * 96, "7": "0" * 96}}) == {"pcr_digest"}
    for wrong in (text, text + "pcrs: 7\n", text + text, "quoted: 00\n", "quoted: [\n"):
        with pytest.raises(AttestationError):
            tpm.verify(wrong.encode() + b"signature: 1\n" if wrong == text else wrong.encode())


def _failing(text, written, pcrs):
    listed = "".join(
        f"  {bank}:\n" + "".join(f"    {index:2}: 0x{value.upper()}\n" for index, value in values.items())
        for bank, values in pcrs.items()
    )
    from attestation.verify import Inputs, verify

    key = (written / "ecc.tss").read_bytes()
    claims = verify("tpm", Inputs((text + "pcrs:\n" + listed).encode(), certificates=(key,), nonce=NONCE))
    return {check.name for check in claims.checks if check.ok is False}


@given(
    st.binary(max_size=2000), st.lists(st.tuples(st.sampled_from(["sha1", "sha256"]), st.tuples(st.integers(0, 23))))
)
def test_anything_is_a_pcr_file_or_an_error(data, quoted):
    with contextlib.suppress(AttestationError):
        found = read_pcr_file(data, quoted)
        assert sum(len(value) for values in found.values() for value in values.values()) <= len(data)


@given(st.data())
def test_a_marshaled_file_holds_what_was_written(data):
    banks = data.draw(st.lists(st.sampled_from([(4, "sha1", 20), (11, "sha256", 32), (12, "sha384", 48)]), unique=True))
    expected, digests, selections = {}, [], []
    for algorithm, name, size in banks:
        indexes = data.draw(st.sets(st.integers(0, 23), min_size=1, max_size=5))
        expected[name] = {i: data.draw(st.binary(min_size=size, max_size=size)) for i in sorted(indexes)}
        digests += expected[name].values()
        selections.append((algorithm, sum(1 << i for i in indexes)))
    file = marshaled(selections, [digests[i : i + 8] for i in range(0, len(digests), 8)])
    if banks:
        assert read_pcr_file(file, ()) == expected


# --- several files and folders at the command


def run(*arguments):
    result = CliRunner().invoke(build(), ["attest", "verify", "--json", *map(str, arguments)])
    if isinstance(result.exception, CommandError):
        return int(result.exception.code), str(result.exception)
    assert isinstance(result.exception, SystemExit) or result.exception is None, result.exception
    return result.exit_code, result.stdout


def test_files_and_folder_at_the_command(written, tmp_path):
    found = parts(written, "rsa", "plain", "values")
    for name, data in found.items():
        (tmp_path / f"quote.{name}").write_bytes(data)
    each = [argument for name in found for argument in ("--evidence", tmp_path / f"quote.{name}")]
    nonce = ["--kind", "tpm", "--nonce", NONCE.hex()]
    assert run(*nonce, *each)[0] == 0
    assert run(*nonce, "--evidence", tmp_path)[0] == 0
    assert run("--kind", "tpm", "--nonce", "00", "--evidence", tmp_path)[0] == 1
    for form in KEY_FORMATS:
        enrolled = run(*nonce, *each[:-2], "--certificates", written / f"rsa.{form}")
        assert enrolled[0] == 0
        assert json.loads(enrolled[1])["anchored"] is True
        assert run(*nonce, "--evidence", tmp_path, "--certificates", written / f"pss.{form}")[0] == 1
    assert run("--kind", "snp", "--evidence", tmp_path)[0] == 2
    code, message = run(*nonce, *each[2:])
    assert (code, "is the quote" in message) == (2, True)
    (tmp_path / "notes").write_text("what this is")
    code, message = run(*nonce, "--evidence", tmp_path)
    assert (code, "notes is no part of a quote" in message) == (2, True)
    (tmp_path / "notes").write_bytes(found["key"])
    code, message = run(*nonce, "--evidence", tmp_path)
    assert (code, "`ak_public`" in message) == (2, True)
    for number in range(20):
        (tmp_path / f"more{number}").write_bytes(b"")
    assert run(*nonce, "--evidence", tmp_path)[0] == 2


def test_what_each_file_is_follows_from_its_content(written):
    found = parts(written, kind="plain")
    log = {"measurements": boot_log()}
    unnamed = {"a": found["msg"], "b": found["sig"], "c": found["pcrs"], "d": found["key"]} | log
    assert set(json.loads(assemble(unnamed))) == {"quote", "signature", "pcrs", "ak_public", "event_log"}
    certificate = assemble({"a": found["msg"], "b": found["sig"], "e": pem(Authority().root)})
    assert "BEGIN CERTIFICATE" in json.loads(certificate)["ak_certificate"]
