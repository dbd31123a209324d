"""Writing a sealed container: one pass, one reused buffer, to a file object or into memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import BinaryIO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from trainer.errors import Reason, TrainerError
from trainer.formats.container import (
    CHUNK,
    HEADER_BYTES,
    SALT_BYTES,
    SEALED_CHUNK,
    TAG,
    Binding,
    Header,
    binding_digest,
    derive,
    nonce,
    sealed_size,
)

Buffer = bytes | bytearray | memoryview
BATCH = 16
"""Chunks (1 MiB) that are encrypted before one `write`: few system calls, and a buffer that stays in the cache."""


def begin(data_key: bytes, binding: Binding, length: int, salt: bytes | None = None) -> tuple[Header, AESGCM, bytes]:
    """Header, cipher and associated data for a new container; the salt is random unless a test vector gives it."""
    chosen = os.urandom(SALT_BYTES) if salt is None else salt
    authenticated = binding.authenticated(length)
    keys = derive(data_key, chosen, authenticated)
    return Header(length, chosen, keys.commitment, binding_digest(authenticated)), AESGCM(keys.key), authenticated


def seal_into(
    plaintext: Buffer, data_key: bytes, binding: Binding, out: memoryview, salt: bytes | None = None
) -> Header:
    """Seals `plaintext` into `out`, which must have exactly `sealed_size(len(plaintext))` bytes."""
    source = memoryview(plaintext).cast("B")
    if len(out) != sealed_size(len(source)):
        raise TrainerError(Reason.BAD_FORMAT, f"the output has {len(out)} bytes, not {sealed_size(len(source))}")
    header, cipher, authenticated = begin(data_key, binding, len(source), salt)
    out[:HEADER_BYTES] = header.encode()
    _encrypt(cipher, authenticated, source, out[HEADER_BYTES:], first=0, chunks=header.chunks)
    return header


def seal_bytes(plaintext: Buffer, data_key: bytes, binding: Binding, salt: bytes | None = None) -> bytes:
    """The sealed container of a small plaintext as bytes."""
    out = bytearray(sealed_size(memoryview(plaintext).nbytes))
    seal_into(plaintext, data_key, binding, memoryview(out), salt)
    return bytes(out)


def seal_stream(
    pieces: Iterable[Buffer],
    length: int,
    data_key: bytes,
    binding: Binding,
    write: Callable[[memoryview], object],
    salt: bytes | None = None,
) -> Header:
    """Seals `length` bytes that arrive in `pieces` of any size, calling `write` with the container's bytes in order.

    Memory is two buffers of 1 MiB whatever the length. Raises `TrainerError` when the pieces do not add up to `length`.
    """
    header, cipher, authenticated = begin(data_key, binding, length, salt)
    write(memoryview(header.encode()))
    batch = BATCH * CHUNK
    pending = bytearray(batch)
    out = memoryview(bytearray(BATCH * SEALED_CHUNK))
    filled = done = 0
    with memoryview(pending) as window:
        for piece in pieces:
            source = memoryview(piece).cast("B")
            while len(source):
                # A full batch is only encrypted when more follows, because the last chunk carries a flag.
                if filled == batch:
                    _encrypt(cipher, authenticated, window, out, first=done, chunks=header.chunks)
                    write(out)
                    done, filled = done + BATCH, 0
                taken = min(len(source), batch - filled)
                window[filled : filled + taken] = source[:taken]
                filled, source = filled + taken, source[taken:]
        if done * CHUNK + filled != length:
            raise TrainerError(Reason.BAD_SOURCE, f"expected {length} bytes to seal, got {done * CHUNK + filled}")
        rest = out[: filled + TAG * (header.chunks - done)]
        _encrypt(cipher, authenticated, window[:filled], rest, first=done, chunks=header.chunks)
        write(rest)
    return header


def _encrypt(
    cipher: AESGCM, authenticated: bytes, source: memoryview, out: memoryview, *, first: int, chunks: int
) -> None:
    """Encrypts `source` as chunks `first`, `first + 1`, … of `chunks` into `out`."""
    count = -(-len(source) // CHUNK) or 1
    for local in range(count):
        index = first + local
        plain = source[local * CHUNK : (local + 1) * CHUNK]
        start = local * SEALED_CHUNK
        target = out[start : start + len(plain) + TAG]
        cipher.encrypt_into(nonce(index, last=index == chunks - 1), plain, authenticated, target)


def seal_file(plaintext: Buffer, data_key: bytes, binding: Binding, file: BinaryIO) -> Header:
    """Seals `plaintext` to an open binary file."""
    source = memoryview(plaintext).cast("B")
    return seal_stream([source], len(source), data_key, binding, file.write)
