"""The sealed container: round trips, random access, and every way in which it must be refused."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.independent_reader import read_container
from trainer.errors import Reason, TrainerError
from trainer.formats.container import (
    CHUNK,
    HEADER_BYTES,
    SEALED_CHUNK,
    Binding,
    chunk_count,
    sealed_size,
    shard_binding,
)
from trainer.formats.reading import SealedReader
from trainer.formats.sealing import seal_bytes, seal_stream

KEY = bytes(range(32))
BINDING = shard_binding("acme", "wdbc", "1", "g000-000000", "internal")
VECTORS = json.loads((Path(__file__).parents[2] / "docs/formats/vectors/container.json").read_text())


def pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def refused(sealed: bytes, key: bytes = KEY, binding: Binding = BINDING) -> Reason:
    """Why the container is refused; reading all of it must not succeed."""
    with pytest.raises(TrainerError) as caught, SealedReader(sealed, key, binding, "shard x") as reader:
        reader.read(0, reader.length)
    assert "shard x" in str(caught.value)
    return caught.value.reason


SIZES = st.one_of(
    st.integers(0, 3 * CHUNK), st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 17 * CHUNK, 33 * CHUNK + 5])
)


@settings(max_examples=60, deadline=None)
@given(SIZES, st.integers(1, 5 * CHUNK))
def test_sealing_in_one_piece_and_in_many_gives_the_same_bytes(size: int, piece: int) -> None:
    plaintext, salt = pattern(size), b"s" * 32
    out = io.BytesIO()
    pieces = (plaintext[at : at + piece] for at in range(0, size, piece))
    seal_stream(pieces, size, KEY, BINDING, out.write, salt)
    assert out.getvalue() == seal_bytes(plaintext, KEY, BINDING, salt)
    assert len(out.getvalue()) == sealed_size(size)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_range_reads_back(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    begin = data.draw(st.integers(0, size))
    end = data.draw(st.integers(begin, size))
    plaintext = os.urandom(size)
    with SealedReader(seal_bytes(plaintext, KEY, BINDING), KEY, BINDING, "x") as reader:
        assert reader.read(begin, end - begin) == plaintext[begin:end]
        whole = bytearray(size)
        reader.read_all_into(whole, threads=3)
        assert whole == plaintext


@pytest.mark.parametrize(("begin", "size"), [(-1, 1), (0, 101), (100, 1), (1 << 60, 1)])
def test_ranges_outside_are_refused(begin: int, size: int) -> None:
    with SealedReader(seal_bytes(pattern(100), KEY, BINDING), KEY, BINDING, "x") as reader, pytest.raises(TrainerError):
        reader.read(begin, size)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, sealed_size(2 * CHUNK + 100) - 1), st.integers(0, 7))
def test_every_flipped_bit_is_noticed(position: int, bit: int) -> None:
    sealed = bytearray(_SEALED)
    sealed[position] ^= 1 << bit
    refused(bytes(sealed))


_SEALED = seal_bytes(pattern(2 * CHUNK + 100), KEY, BINDING)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(_SEALED) - 1))
def test_every_truncation_is_noticed(length: int) -> None:
    assert refused(_SEALED[:length]) == Reason.TRUNCATED


def test_appended_bytes_are_noticed() -> None:
    assert refused(_SEALED + b"\x00") == Reason.TRUNCATED


def test_truncation_to_whole_chunks_with_a_mended_header_is_noticed() -> None:
    """What an attacker who knows the format would do: drop the last chunk and make the header say so."""
    shorter = seal_bytes(pattern(2 * CHUNK), KEY, BINDING)
    mended = shorter[:HEADER_BYTES] + _SEALED[HEADER_BYTES : HEADER_BYTES + 2 * SEALED_CHUNK]
    assert refused(mended) == Reason.TAMPERED


def test_reordered_and_repeated_chunks_are_noticed() -> None:
    header, first, second, rest = (
        _SEALED[:HEADER_BYTES],
        _SEALED[HEADER_BYTES : HEADER_BYTES + SEALED_CHUNK],
        _SEALED[HEADER_BYTES + SEALED_CHUNK : HEADER_BYTES + 2 * SEALED_CHUNK],
        _SEALED[HEADER_BYTES + 2 * SEALED_CHUNK :],
    )
    assert refused(header + second + first + rest) == Reason.TAMPERED
    assert refused(header + first + first + rest) == Reason.TAMPERED


def test_chunks_of_another_sealing_of_the_same_plaintext_do_not_fit() -> None:
    other = seal_bytes(pattern(2 * CHUNK + 100), KEY, BINDING)
    assert refused(_SEALED[:HEADER_BYTES] + other[HEADER_BYTES:]) == Reason.TAMPERED


@pytest.mark.parametrize(
    "binding",
    [
        shard_binding("globex", "wdbc", "1", "g000-000000", "internal"),
        shard_binding("acme", "other", "1", "g000-000000", "internal"),
        shard_binding("acme", "wdbc", "2", "g000-000000", "internal"),
        shard_binding("acme", "wdbc", "1", "g000-000001", "internal"),
        shard_binding("acme", "wdbc", "1", "g000-000000", "restricted"),
        Binding("checkpoint", BINDING.fields),
    ],
)
def test_a_container_opens_only_as_what_it_was_sealed_as(binding: Binding) -> None:
    assert refused(_SEALED, binding=binding) == Reason.FOREIGN


def test_another_key_is_called_by_its_name() -> None:
    assert refused(_SEALED, key=bytes(32)) == Reason.WRONG_KEY


def test_plaintext_is_refused() -> None:
    assert refused(b"x" * 1000) == Reason.BAD_FORMAT


def test_a_failed_chunk_leaves_no_plaintext_in_the_callers_buffer() -> None:
    tampered = bytearray(_SEALED)
    tampered[HEADER_BYTES + 5] ^= 1
    target = bytearray(b"\xaa" * CHUNK)
    with SealedReader(bytes(tampered), KEY, BINDING, "x") as reader, pytest.raises(TrainerError):
        reader.read_into(0, target)
    assert target == bytes(CHUNK)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_open(data: bytes) -> None:
    refused(data)
    refused(_SEALED[:HEADER_BYTES] + data)


def test_a_stream_of_the_wrong_length_is_refused() -> None:
    for pieces in ([b"abc"], [b"abcde"], []):
        with pytest.raises(TrainerError, match="expected 4 bytes"):
            seal_stream(pieces, 4, KEY, BINDING, lambda _: None)


@settings(max_examples=40, deadline=None)
@given(SIZES)
def test_the_independent_reader_agrees(size: int) -> None:
    assert chunk_count(size) == max(1, -(-size // CHUNK))
    sealed = seal_bytes(pattern(size), KEY, BINDING)
    assert read_container(sealed, KEY, BINDING.kind, dict(BINDING.fields)) == pattern(size)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, object]) -> None:
    """Both implementations against the published bytes."""
    import hashlib

    fields = vector["fields"]
    assert isinstance(fields, dict)
    binding = Binding(str(vector["kind"]), tuple(fields.items()))
    key, salt = bytes.fromhex(str(vector["data_key"])), bytes.fromhex(str(vector["salt"]))
    plaintext = pattern(int(str(vector["length"])))
    assert hashlib.sha256(plaintext).hexdigest() == vector["plaintext_sha256"]
    sealed = seal_bytes(plaintext, key, binding, salt)
    assert sealed[:HEADER_BYTES].hex() == vector["header"]
    assert sealed[-16:].hex() == vector["last_tag"]
    assert hashlib.sha256(sealed).hexdigest() == vector["sealed_sha256"]
    assert read_container(sealed, key, binding.kind, fields) == plaintext
