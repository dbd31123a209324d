"""Reading a sealed container: any byte range, decrypted straight into memory that the caller owns."""

from __future__ import annotations

import mmap
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from trainer.errors import Reason, TrainerError
from trainer.formats.container import (
    CHUNK,
    HEADER_BYTES,
    SEALED_CHUNK,
    TAG,
    Binding,
    open_header,
    parse_header,
)


class _Scratch(threading.local):
    """Per thread: the last partly used chunk in clear, so that neighbouring small reads decrypt it once."""

    def __init__(self) -> None:
        self.index = -1
        self.buffer = memoryview(bytearray(CHUNK))


class SealedReader:
    """Random access to one sealed container that lies in `sealed` (mapped or in memory).

    Nothing is returned before its chunk has been authenticated. Reads are safe from several threads and release the
    interpreter lock while they decrypt.
    """

    def __init__(self, sealed: bytes | memoryview | mmap.mmap, data_key: bytes, binding: Binding, name: str) -> None:
        view = memoryview(sealed)
        header = parse_header(view[:HEADER_BYTES], len(view), name)
        keys, self._authenticated = open_header(header, data_key, binding, name)
        self.name = name
        self.length = header.length
        self.commitment = header.commitment
        self._last = header.chunks - 1
        self._view = view
        self._cipher = AESGCM(keys.key)
        self._scratch = _Scratch()

    def close(self) -> None:
        """Lets go of the mapped memory."""
        self._view.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read_into(self, offset: int, target: bytearray | memoryview) -> None:
        """Fills `target` with the plaintext from `offset` on; raises `TrainerError` beyond the end or on tampering."""
        out = memoryview(target).cast("B")
        size = len(out)
        if offset < 0 or offset + size > self.length:
            end = offset + size
            raise TrainerError(Reason.BAD_FORMAT, f"{self.name}: bytes {offset} to {end} lie outside {self.length}")
        done = 0
        while done < size:
            index, inside = divmod(offset + done, CHUNK)
            whole = min(CHUNK, self.length - index * CHUNK)
            taken = min(size - done, whole - inside)
            if taken < whole:
                out[done : done + taken] = self._chunk(index, whole)[inside : inside + taken]
                done += taken
                continue
            count = (size - done) // CHUNK or 1
            self._decrypt_run(index, count, out[done : done + count * CHUNK])
            done += min(count * CHUNK, size - done)

    def read(self, offset: int, size: int) -> bytes:
        """The plaintext bytes of a small range."""
        buffer = bytearray(size)
        self.read_into(offset, buffer)
        return bytes(buffer)

    def read_all_into(self, target: bytearray | memoryview, threads: int = 1) -> None:
        """Fills `target`, of exactly `length` bytes, with the whole plaintext, in parallel when `threads` > 1."""
        out = memoryview(target).cast("B")
        if len(out) != self.length:
            raise TrainerError(Reason.BAD_FORMAT, f"{self.name}: target has {len(out)} bytes, not {self.length}")
        chunks = self._last + 1
        if threads <= 1 or chunks <= threads:
            self.read_into(0, out)
            return
        share = -(-chunks // threads) * CHUNK
        with ThreadPoolExecutor(threads) as pool:
            parts = [pool.submit(self.read_into, at, out[at : at + share]) for at in range(0, self.length, share)]
            for part in parts:
                part.result()

    def verify(self) -> None:
        """Authenticates every chunk without returning anything."""
        for index in range(self._last + 1):
            whole = min(CHUNK, self.length - index * CHUNK)
            self._decrypt_run(index, 1, self._scratch.buffer[:whole])
            self._scratch.index = index

    def _chunk(self, index: int, whole: int) -> memoryview:
        scratch = self._scratch
        if scratch.index != index:
            scratch.index = -1
            self._decrypt_run(index, 1, scratch.buffer[:whole])
            scratch.index = index
        return scratch.buffer

    def _decrypt_run(self, first: int, count: int, target: memoryview) -> None:
        """Decrypts `count` chunks from `first` on into `target`, which they fill exactly.

        This loop runs once for every 64 KiB of training data, so it does nothing but slice and decrypt.
        """
        decrypt, view, authenticated, last = self._cipher.decrypt_into, self._view, self._authenticated, self._last
        start = HEADER_BYTES + first * SEALED_CHUNK
        at = 0
        for index in range(first, first + count):
            out = target[at : at + CHUNK]
            # container.nonce(), inlined.
            nonce = (index << 8 | (index == last)).to_bytes(12, "big")
            try:
                decrypt(nonce, view[start : start + len(out) + TAG], authenticated, out)
            except InvalidTag as error:
                # OpenSSL has already written the unauthenticated bytes; nobody may see them.
                out[:] = bytes(len(out))
                self._scratch.index = -1
                raise TrainerError(
                    Reason.TAMPERED, f"{self.name}: chunk {index} of {last + 1} fails authentication; stop and restore"
                ) from error
            at += CHUNK
            start += SEALED_CHUNK


def map_file(descriptor: int, name: str) -> mmap.mmap:
    """The file behind `descriptor`, mapped read-only; the descriptor may be closed afterwards."""
    if os.fstat(descriptor).st_size < HEADER_BYTES:
        raise TrainerError(Reason.TRUNCATED, f"{name}: too short for a sealed container")
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
