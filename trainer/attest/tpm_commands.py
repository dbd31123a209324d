"""The few TPM 2.0 commands that an attestation request needs, as bytes (TPM 2.0 Library, Part 3; Part 1, section 19).

Authorisation is by password: the value is random, used once, and never leaves this process and its TPM.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

from trainer.errors import Reason, TrainerError

Transport = Callable[[bytes], bytes]
"""Sends one command and gives back its response."""

ST_SESSIONS = 0x8002
RS_PASSWORD = 0x40000009
RH_OWNER = 0x40000001
SHA512 = 0x000D
NV_UNDEFINE_SPACE, NV_DEFINE_SPACE, NV_WRITE, NV_READ = 0x122, 0x12A, 0x137, 0x14E
NV_AUTHWRITE, NV_AUTHREAD = 1 << 2, 1 << 18
NV_DEFINED = 0x14C
"""Response code: the index is taken."""
_AGAIN = {struct.pack(">I", code) for code in (0x908, 0x90A, 0x922)}
"""Response codes TPM_RC_YIELDED, TPM_RC_TESTING and TPM_RC_RETRY."""
_RETRIES, _PAUSE = 100, 0.05
CHUNK = 512
"""Bytes of one read or write: what every TPM takes (PC Client Platform TPM Profile, MAX_NV_BUFFER_SIZE)."""


class TpmError(TrainerError):
    """The TPM refused a command; `code` is its response code."""

    def __init__(self, command: int, code: int) -> None:
        super().__init__(Reason.ATTESTATION, f"the TPM refused command {command:#010x} with response code {code:#x}")
        self.code = code


def run(transport: Transport, code: int, handles: tuple[int, ...], password: bytes, parameters: bytes = b"") -> bytes:
    """The response's parameters, of a command that is authorised for its first handle.

    Raises:
        TpmError: the TPM refused.
        TrainerError: the response is malformed.
    """
    authorisation = struct.pack(">IHBH", RS_PASSWORD, 0, 0, len(password)) + password
    body = b"".join(struct.pack(">I", handle) for handle in handles)
    body += struct.pack(">I", len(authorisation)) + authorisation + parameters
    response = _sent(transport, struct.pack(">HII", ST_SESSIONS, 10 + len(body), code) + body)
    if len(response) < 10 or struct.unpack(">I", response[2:6])[0] != len(response):
        raise TrainerError(Reason.ATTESTATION, f"the TPM answered command {code:#010x} with {len(response)} bytes")
    status = struct.unpack(">I", response[6:10])[0]
    if status != 0:
        raise TpmError(code, status)
    if len(response) < 14:
        raise TrainerError(Reason.ATTESTATION, f"the TPM's answer to command {code:#010x} has no parameters")
    (size,) = struct.unpack(">I", response[10:14])
    if 14 + size > len(response):
        raise TrainerError(Reason.ATTESTATION, f"the TPM's answer to command {code:#010x} is cut off")
    return response[14 : 14 + size]


def _sent(transport: Transport, command: bytes) -> bytes:
    """The response, after the TPM had its time: a command that it could not begin is sent again (Part 2, 6.6)."""
    response = transport(command)
    for _ in range(_RETRIES):
        if response[6:10] not in _AGAIN:
            break
        time.sleep(_PAUSE)
        response = transport(command)
    return response


def define(transport: Transport, index: int, password: bytes, size: int) -> None:
    """Makes an NV index of `size` bytes that this password reads and writes."""
    public = struct.pack(">IHIHH", index, SHA512, NV_AUTHWRITE | NV_AUTHREAD, 0, size)
    run(transport, NV_DEFINE_SPACE, (RH_OWNER,), b"", _sized(password) + _sized(public))


def undefine(transport: Transport, index: int) -> None:
    """Removes an NV index."""
    run(transport, NV_UNDEFINE_SPACE, (RH_OWNER, index), b"")


def write(transport: Transport, index: int, password: bytes, data: bytes) -> None:
    """Writes from the start of the index."""
    for at in range(0, len(data), CHUNK):
        parameters = _sized(data[at : at + CHUNK]) + struct.pack(">H", at)
        run(transport, NV_WRITE, (index, index), password, parameters)


def read(transport: Transport, index: int, password: bytes, size: int) -> bytes:
    """The first `size` bytes of the index."""
    found = b""
    while len(found) < size:
        parameters = struct.pack(">HH", min(CHUNK, size - len(found)), len(found))
        answer = run(transport, NV_READ, (index, index), password, parameters)
        piece = answer[2:]
        if not piece or struct.unpack(">H", answer[:2])[0] != len(piece):
            raise TrainerError(Reason.ATTESTATION, "the TPM's answer to a read is malformed")
        found += piece
    return found


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data
