"""Reading and sealing containers beside a plain copy, and beside the peers."""

from __future__ import annotations

import mmap
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.trainer.measure import Row, memory_folder, rate, ratio_of, seconds, wide_vectors
from benchmarks.trainer.peers import peers
from trainer.formats.container import sealed_size, shard_binding
from trainer.formats.reading import SealedReader, map_file
from trainer.formats.sealing import seal_file, seal_into

SIZE = 256 << 20
SHARD = 64 << 20
BATCH = 1 << 20
SAMPLE = 4096
SAMPLES = 50_000
BINDING = shard_binding("bench", "bench", "1", "g000-000000", "internal")


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file:
        opened = map_file(file.fileno(), str(path))
    yield opened
    opened.close()


def run(rounds: int) -> list[Row]:
    """All rows about shards."""
    key, plaintext = os.urandom(32), os.urandom(SIZE)
    with tempfile.TemporaryDirectory(dir=memory_folder()) as name:
        plain, sealed = Path(name) / "plain", Path(name) / "sealed"
        plain.write_bytes(plaintext)
        with sealed.open("wb") as file:
            seal_file(plaintext, key, BINDING, file)
        with _mapped(plain) as clear, _mapped(sealed) as closed:
            reader = SealedReader(closed, key, BINDING, "bench")
            rows = _sequential(clear, reader, rounds) + _random(clear, reader, rounds)
            reader.close()
    return rows + _sealing(plaintext, key, rounds) + peers(plaintext[: 32 << 20], min(rounds, 3))


def _sequential(clear: mmap.mmap, reader: SealedReader, rounds: int) -> list[Row]:
    """Reading front to back into a buffer that is used again: of a whole shard, as the loader does, and of 1 MiB."""
    return [row for size in (SHARD, BATCH) for row in _sequential_into(size, clear, reader, rounds)]


def _sequential_into(size: int, clear: mmap.mmap, reader: SealedReader, rounds: int) -> list[Row]:
    buffer = memoryview(bytearray(size))
    source = memoryview(clear)

    def plain() -> None:
        for at in range(0, SIZE, size):
            buffer[:] = source[at : at + size]

    def sealed() -> None:
        for at in range(0, SIZE, size):
            reader.read_into(at, buffer)

    times = seconds({"plain": plain, "sealed": sealed}, rounds)
    source.release()
    ratio = ratio_of(times["plain"], times["sealed"])
    where = f"into a reused buffer of {size >> 20} MiB"
    row = rate(f"shard read, sequential, {where}", SIZE / 1e9, "GB/s", times["sealed"], ratio=ratio)
    met = ratio >= 0.5 and (row.value >= 8 or not wide_vectors())
    return [
        rate(f"  plain mmap copy, {where}", SIZE / 1e9, "GB/s", times["plain"]),
        _with(row, "≥ 0.5 of plain; ≥ 8 GB/s with AVX-512", met=met),
    ]


def _random(clear: mmap.mmap, reader: SealedReader, rounds: int) -> list[Row]:
    chance = random.Random(1)  # noqa: S311 - an order, not a secret
    places = [chance.randrange(SIZE // SAMPLE) * SAMPLE for _ in range(SAMPLES)]
    buffer = memoryview(bytearray(SAMPLE))
    source = memoryview(clear)

    def plain() -> None:
        for at in places:
            buffer[:] = source[at : at + SAMPLE]

    def sealed() -> None:
        for at in places:
            reader.read_into(at, buffer)

    times = seconds({"plain": plain, "sealed": sealed}, rounds)
    source.release()
    row = rate("shard read, random 4 KiB", SAMPLES, "samples/s", times["sealed"])
    return [
        rate("  plain mmap", SAMPLES, "samples/s", times["plain"]),
        _with(row, "≥ 100,000", met=row.value >= 100_000),
    ]


def _sealing(plaintext: bytes, key: bytes, rounds: int) -> list[Row]:
    out = memoryview(bytearray(sealed_size(SIZE)))
    times = seconds({"seal": lambda: seal_into(plaintext, key, BINDING, out)}, rounds)["seal"]
    row = rate("sealing from memory", SIZE / 1e9, "GB/s", times)
    return [_with(row, "≥ 1 GB/s", met=row.value >= 1)]


def _with(row: Row, target: str, *, met: bool) -> Row:
    return replace(row, target=target, met=met)
