"""Frames on a UNIX stream socket: four bytes of length (big-endian), canonical JSON, and file descriptors beside it."""

from __future__ import annotations

import math
import os
import socket
import struct
import time
from typing import Any, Final

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json, parse_json_object

LIMIT: Final = 64 << 20
"""Longest frame; the largest is the description of a checkpoint with very many tensors."""
MAX_DESCRIPTORS: Final = 4
_LENGTH: Final = struct.Struct(">I")


class Gone(TrainerError):  # noqa: N818 - the trainer's one exception, in a state that one caller looks at
    """The other side reads no more; what it said before may still be there to receive."""


class Channel:
    """One end of the socket. Users that share it hold a lock for sending, and one for a request and its answer.

    With `silent` a whole frame has to arrive within so many seconds, however its bytes are spread, and with `deadline`
    (of `time.monotonic`) before that. Without them the socket's own timeout holds for each read.
    """

    def __init__(self, sock: socket.socket, silent: float | None = None, deadline: float = math.inf) -> None:
        self._socket = sock
        self._silent, self._deadline = silent, deadline
        self._until = math.inf

    def send(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Sends one frame; the descriptors travel with its first byte."""
        data = canonical_json(message)
        if len(data) > LIMIT:
            raise TrainerError(Reason.PROTOCOL, f"a frame of {len(data)} bytes is over the limit of {LIMIT}")
        try:
            if descriptors:
                sent = socket.send_fds(self._socket, [_LENGTH.pack(len(data))], list(descriptors))
                self._socket.sendall(_LENGTH.pack(len(data))[sent:] + data)
            else:
                self._socket.sendall(_LENGTH.pack(len(data)) + data)
        except OSError as error:
            raise Gone(Reason.PROTOCOL, f"the other side of the socket is gone: {error}") from error

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """The next frame and its descriptors, or None at the end; the caller closes the descriptors.

        Raises `TrainerError(PROTOCOL)` for an oversize, truncated or malformed frame; descriptors are closed then.
        """
        descriptors: list[int] = []
        try:
            if self._silent is not None:
                self._until = min(time.monotonic() + self._silent, self._deadline)
            self._wait_at_most()
            head, descriptors, flags, _ = socket.recv_fds(self._socket, _LENGTH.size, MAX_DESCRIPTORS)
            message = self._frame(head, truncated=bool(flags & socket.MSG_CTRUNC)) if head else None
        except TimeoutError as error:
            close_all(descriptors)
            late = time.monotonic() >= self._deadline
            words = "the job ran longer than its limit" if late else "no message within the time allowed"
            raise TrainerError(Reason.WORKER, words) from error
        except OSError as error:
            close_all(descriptors)
            raise TrainerError(Reason.PROTOCOL, f"the socket failed: {error}") from error
        except TrainerError as error:
            close_all(descriptors)
            raise TrainerError(Reason.PROTOCOL, str(error)) from error
        return None if message is None else (message, descriptors)

    def _frame(self, head: bytes, *, truncated: bool) -> dict[str, Any]:
        if truncated:
            raise TrainerError(Reason.PROTOCOL, "more file descriptors than the protocol allows")
        (length,) = _LENGTH.unpack(head + self._exactly(_LENGTH.size - len(head)))
        if length > LIMIT:
            raise TrainerError(Reason.PROTOCOL, f"a frame of {length} bytes is over the limit of {LIMIT}")
        return parse_json_object(self._exactly(length), "message")

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait_at_most()
            # Never the announced length at once: the sender has to deliver before memory is spent on it.
            piece = self._socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise TrainerError(Reason.PROTOCOL, "the other side stopped in the middle of a frame")
            data += piece
        return bytes(data)

    def _wait_at_most(self) -> None:
        """Limits the next read to what is left of the frame's time; `TimeoutError` when nothing is."""
        if self._until == math.inf:
            return
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def close_all(descriptors: list[int]) -> None:
    """Closes descriptors that nobody asked for."""
    for descriptor in descriptors:
        os.close(descriptor)
