"""The sealed container, version 1: header, key schedule and the order of its bytes (docs/formats/shard.md).

A container is a 128-byte header and chunks of 64 KiB, each encrypted with AES-256-GCM under a key that is used for
this container only. `Binding` says what the container is (tenant, data set, shard …); it is not stored but has to be
known by the reader, so a genuine container moved to another place does not open there.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json

MAGIC: Final = b"BULKHD\x00\x01"
FORMAT: Final = "bulkhead-container/1"
CHUNK: Final = 65536
TAG: Final = 16
SEALED_CHUNK: Final = CHUNK + TAG
HEADER: Final = struct.Struct("<8sIIQQ32s32s32s")
HEADER_BYTES: Final = HEADER.size
KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
_INFO: Final = b"bulkhead-container/1 key and commitment\x00"
MAX_LENGTH: Final = 1 << 46
"""Longest plaintext in bytes (64 TiB): the chunk counter stays below 2^30, far from any limit of AES-GCM."""


@dataclass(frozen=True)
class Binding:
    """What a container is: its kind and the names that fix its place, all authenticated with every chunk."""

    kind: str
    fields: tuple[tuple[str, str | int], ...]

    def describe(self) -> str:
        """One line for messages: `shard tenant=acme data_set=… shard=…`."""
        return f"{self.kind} " + " ".join(f"{name}={value}" for name, value in self.fields)

    def authenticated(self, length: int) -> bytes:
        """The associated data of every chunk: canonical JSON of the binding, the format and the exact size."""
        document: dict[str, str | int] = dict(self.fields)
        document |= {
            "format": FORMAT,
            "kind": self.kind,
            "chunk_bytes": CHUNK,
            "chunks": chunk_count(length),
            "length": length,
        }
        return canonical_json(document)


def shard_binding(tenant: str, data_set: str, version: str, shard: str, sensitivity: str) -> Binding:
    """The binding of one shard of a data set."""
    fields = (
        ("tenant", tenant),
        ("data_set", data_set),
        ("version", version),
        ("shard", shard),
        ("class", sensitivity),
    )
    return Binding("shard", fields)


def checkpoint_binding(tenant: str, run: str, step: int, rank: int, file: str) -> Binding:
    """The binding of one file of a checkpoint."""
    return Binding("checkpoint", (("tenant", tenant), ("run", run), ("step", step), ("rank", rank), ("file", file)))


def model_binding(tenant: str, run: str, model: str, file: str) -> Binding:
    """The binding of one file of an exported model."""
    return Binding("model", (("tenant", tenant), ("run", run), ("model", model), ("file", file)))


def chunk_count(length: int) -> int:
    """How many chunks hold `length` bytes; an empty plaintext has one empty chunk, so that it too is authenticated."""
    return max(1, -(-length // CHUNK))


def sealed_size(length: int) -> int:
    """The exact size in bytes of a container of `length` plaintext bytes."""
    return HEADER_BYTES + length + TAG * chunk_count(length)


def nonce(index: int, *, last: bool) -> bytes:
    """The 96-bit nonce of chunk `index`: three zero bytes, 64-bit big-endian counter, last-chunk flag."""
    return (index << 8 | last).to_bytes(12, "big")


@dataclass(frozen=True)
class ChunkKeys:
    """What HKDF-SHA512 makes of a container's data key: the key of the chunks and the public commitment to it."""

    key: bytes
    commitment: bytes


def derive(data_key: bytes, salt: bytes, authenticated: bytes) -> ChunkKeys:
    """Chunk key and commitment (RFC 5869, SHA-512, 64 bytes out; first half key, second half commitment).

    AES-GCM alone does not commit to its key; the commitment in the header and the manifest does.
    """
    if len(data_key) != KEY_BYTES or len(salt) != SALT_BYTES:
        raise TrainerError(Reason.WRONG_KEY, f"a data key and a salt have 32 bytes, not {len(data_key)}, {len(salt)}")
    material = HKDF(algorithm=SHA512(), length=64, salt=salt, info=_INFO + authenticated).derive(data_key)
    return ChunkKeys(material[:32], material[32:])


@dataclass(frozen=True)
class Header:
    """The first 128 bytes of a container."""

    length: int
    salt: bytes
    commitment: bytes
    binding_digest: bytes

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return chunk_count(self.length)

    def encode(self) -> bytes:
        """The header's bytes."""
        fields = (MAGIC, CHUNK, 0, self.chunks, self.length, self.salt, self.commitment, self.binding_digest)
        return HEADER.pack(*fields)


def parse_header(data: bytes | memoryview, total: int, name: str) -> Header:
    """The header in the first bytes of an object of `total` bytes.

    Every bit of it is checked against something else: constants, the object's size, or (in `open_header`) the key and
    the binding. Raises `TrainerError` naming `name` when it is not a container or not complete.
    """
    if len(data) < HEADER_BYTES or total < HEADER_BYTES:
        raise TrainerError(Reason.TRUNCATED, f"{name}: {total} bytes are too short for a sealed container")
    magic, chunk, reserved, chunks, length, salt, commitment, digest = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: not a sealed container (it may be plaintext); refused")
    if chunk != CHUNK or reserved != 0 or length > MAX_LENGTH or chunks != chunk_count(length):
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: the header of the sealed container is not valid")
    if total != sealed_size(length):
        raise TrainerError(
            Reason.TRUNCATED, f"{name}: {total} bytes, but its header says {sealed_size(length)}; fetch it again"
        )
    return Header(length, salt, commitment, digest)


def binding_digest(authenticated: bytes) -> bytes:
    """SHA-256 of the associated data: lets a reader say "foreign" instead of "wrong key"."""
    return hashlib.sha256(authenticated).digest()


def open_header(header: Header, data_key: bytes, binding: Binding, name: str) -> tuple[ChunkKeys, bytes]:
    """The chunk keys and the associated data, after checking that binding and key are those of this container."""
    authenticated = binding.authenticated(header.length)
    if not hmac.compare_digest(binding_digest(authenticated), header.binding_digest):
        raise TrainerError(Reason.FOREIGN, f"{name}: was not sealed as {binding.describe()}; refused")
    keys = derive(data_key, header.salt, authenticated)
    if not hmac.compare_digest(keys.commitment, header.commitment):
        raise TrainerError(Reason.WRONG_KEY, f"{name}: this is not the key that it was sealed with")
    return keys, authenticated
