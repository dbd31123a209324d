"""NitroTPM's exchange with a real software TPM; only the vendor command, which AWS alone has, is played here.

The part of the hypervisor is written from the TPM 2.0 Library and from aws/NitroTPM-Tools, apart from the code that it
tests.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import cbor2
import pytest

from attestation.certificates import Roots
from attestation.kinds import nitro
from attestation.nitro_issuer import issue, make_root
from images import tpm as software
from trainer.attest.nitro_tpm import BUFFER, NitroTpm
from trainer.attest.nitro_tpm import request as exchange
from trainer.attest.source import chosen
from trainer.attest.tpm_commands import NV_DEFINE_SPACE, NV_READ
from trainer.errors import Reason, TrainerError

pytestmark = pytest.mark.e2e
ROOT = make_root("hypervisor", datetime.now(UTC))
SIZE = 2048
"""What a software TPM's index holds at most; NitroTPM's holds the whole buffer."""
Chip = Callable[[bytes], bytes]


def request(transport: Chip, public_key: bytes, **fields: bytes) -> bytes:
    return exchange(transport, public_key, size=SIZE, **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chip]:
    """A started software TPM; each call is one command on its socket."""
    state = tmp_path_factory.mktemp("chip") / "tpm"
    state.mkdir()
    software.run([software.program("swtpm_setup"), "--tpm2", "--tpmstate", str(state), "--overwrite"])
    with software.running(state, tcti=True) as path, socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))

        def command(data: bytes) -> bytes:
            line.sendall(data)
            answer = line.recv(1 << 16)
            while len(answer) < 10 or len(answer) < struct.unpack(">I", answer[2:6])[0]:
                answer += line.recv(1 << 16)
            return answer

        startup = command(bytes.fromhex("80010000000c000001440000"))
        assert struct.unpack(">I", startup[6:10])[0] == 0
        yield command


class Hypervisor:
    """Plays `TPM2_VENDOR_AWS_NSM_REQUEST`; all other commands go to the software TPM."""

    def __init__(self, chip: Chip, answer: Callable[[object], object]) -> None:
        self.chip, self.answer = chip, answer
        self.asked: object = None
        self.indexes: list[int] = []

    def __call__(self, command: bytes) -> bytes:
        tag, size, code = struct.unpack(">HII", command[:10])
        if code == NV_DEFINE_SPACE:
            self.indexes.append(struct.unpack(">I", command[27 + 2 + 64 + 2 : 27 + 2 + 64 + 6])[0])
        if code != 0x20000001:
            return self.chip(command)
        assert (tag, size) == (0x8002, len(command))
        authorisation, buffer, length, session, nonce, attributes, secret = struct.unpack(">IIIIHBH", command[10:31])
        assert authorisation == buffer == self.indexes[-1]
        assert (length, session, nonce, attributes & ~1) == (9 + secret, 0x40000009, 0, 0)
        password = command[31:]
        assert len(password) == secret == 64
        self.asked = cbor2.loads(self._take(buffer, password))
        self._put(buffer, password, cbor2.dumps(self.answer(self.asked)))
        # tag, size, success, no parameters, the session's empty answer
        return struct.pack(">HIIIHBH", 0x8002, 19, 0, 0, 0, 1, 0)

    def _session(self, password: bytes) -> bytes:
        return struct.pack(">IIHBH", 9 + len(password), 0x40000009, 0, 0, len(password)) + password

    def _take(self, index: int, password: bytes) -> bytes:
        found = b""
        for at in range(0, SIZE, 1024):
            body = struct.pack(">II", index, index) + self._session(password) + struct.pack(">HH", 1024, at)
            answer = self.chip(struct.pack(">HII", 0x8002, 10 + len(body), 0x14E) + body)
            assert struct.unpack(">I", answer[6:10])[0] == 0
            found += answer[16 : 16 + 1024]
        return found

    def _put(self, index: int, password: bytes, data: bytes) -> None:
        for at in range(0, len(data), 1024):
            piece = data[at : at + 1024]
            body = struct.pack(">II", index, index) + self._session(password)
            body += struct.pack(">H", len(piece)) + piece + struct.pack(">H", at)
            answer = self.chip(struct.pack(">HII", 0x8002, 10 + len(body), 0x137) + body)
            assert struct.unpack(">I", answer[6:10])[0] == 0


def attest(asked: object) -> object:
    assert isinstance(asked, dict)
    fields = asked["Attestation"]
    registers = {4: b"\x44" * 48, 7: b"\x77" * 48, 12: bytes(48)}
    document = issue(ROOT, module_id="i-1-tpm1", pcrs=registers, now=datetime.now(UTC), **fields)
    return {"Attestation": {"document": document}}


def defined(chip: Chip) -> bytes:
    """The NV indexes that exist (TPM2_GetCapability, TPM_CAP_HANDLES)."""
    return chip(bytes.fromhex("80010000001600 00017a 00000001 01000000 000000ff".replace(" ", "")))


def test_the_document_carries_what_was_asked_for_and_the_buffer_is_gone(chip: Chip) -> None:
    before = defined(chip)
    hypervisor = Hypervisor(chip, attest)
    document = request(hypervisor, b"k" * 100, nonce=b"n" * 32, user_data=b"u" * 200)
    assert hypervisor.asked == {"Attestation": {"user_data": b"u" * 200, "nonce": b"n" * 32, "public_key": b"k" * 100}}
    claims = nitro.verify(document, nonce=b"n" * 32, roots=Roots(certificates=(ROOT.certificate,)))
    assert (claims.genuine, claims.values["shape"]) == (True, "nitrotpm")
    assert claims.values["public_key"] == (b"k" * 100).hex()
    assert defined(chip) == before


def test_what_is_not_asked_for_is_null(chip: Chip) -> None:
    hypervisor = Hypervisor(chip, attest)
    request(hypervisor, b"key")
    assert hypervisor.asked == {"Attestation": {"user_data": None, "nonce": None, "public_key": b"key"}}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"Error": "InvalidArgument"}, "InvalidArgument"),
        ({"Attestation": {}}, "holds no document"),
        ({"Attestation": {"document": "text"}}, "not a byte string"),
        ("nothing", "holds no document"),
    ],
)
def test_an_answer_without_a_document_is_refused_in_words(chip: Chip, answer: object, words: str) -> None:
    before = defined(chip)
    with pytest.raises(TrainerError, match=words) as refused:
        request(Hypervisor(chip, lambda _: answer), b"key")
    assert refused.value.reason is Reason.ATTESTATION
    assert defined(chip) == before


def test_a_tpm_without_the_vendor_command_says_so_and_keeps_no_buffer(chip: Chip) -> None:
    before = defined(chip)
    with pytest.raises(TrainerError, match="0x20000001"):
        request(chip, b"key")
    assert defined(chip) == before


def test_an_index_that_is_taken_is_not_reused(chip: Chip, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter([7, 7, 8])
    monkeypatch.setattr("trainer.attest.nitro_tpm.secrets.randbelow", lambda _: next(numbers))
    from trainer.attest import tpm_commands

    tpm_commands.define(chip, 0x01800007, b"other", 16)
    try:
        hypervisor = Hypervisor(chip, attest)
        request(hypervisor, b"key")
        assert hypervisor.indexes == [0x01800007, 0x01800007, 0x01800008]
    finally:
        tpm_commands.undefine(chip, 0x01800007)


def test_long_fields_are_refused_before_the_tpm_is_asked() -> None:
    def never(_: bytes) -> bytes:
        raise AssertionError("asked")

    with pytest.raises(TrainerError, match="user_data: 1025 bytes"):
        request(never, b"key", user_data=b"u" * 1025)


@pytest.mark.parametrize("cut", [0, 5, 12, 15])
def test_a_cut_answer_of_the_tpm_is_refused(chip: Chip, cut: int) -> None:
    hypervisor = Hypervisor(chip, attest)

    def broken(command: bytes) -> bytes:
        answer = hypervisor(command)
        if struct.unpack(">I", command[6:10])[0] != NV_READ:
            return answer
        return answer[:2] + struct.pack(">I", cut) + answer[6:cut] if cut > 6 else answer[:cut]

    with pytest.raises(TrainerError, match="the TPM"):
        request(broken, b"key")


def test_a_machine_without_the_device_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="cannot be opened"):
        NitroTpm(tmp_path / "tpm0").document(b"key")


def test_the_buffer_asked_of_a_nitrotpm_holds_a_document(chip: Chip) -> None:
    """A software TPM refuses an index of that size, which shows the size that is asked for."""
    sizes = []

    def watched(command: bytes) -> bytes:
        if struct.unpack(">I", command[6:10])[0] == NV_DEFINE_SPACE:
            sizes.append(struct.unpack(">H", command[-2:])[0])
        return chip(command)

    with pytest.raises(TrainerError, match="0x0000012a"):
        exchange(watched, b"key")
    assert sizes == [BUFFER] == [8192]


def test_the_setting_chooses_it() -> None:
    assert isinstance(chosen({"BULKHEAD_ATTESTATION": "nitro-tpm"}), NitroTpm)
    assert "TPM_DEVICE" not in os.environ
