"""Saving and loading a training state, beside plain DCP and DCP with an encrypting extension."""

from __future__ import annotations

import io
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import torch
import torch.distributed.checkpoint as dcp
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.trainer.measure import Row, memory_folder, rate, ratio_of, seconds
from trainer.checkpoint.manifest import CheckpointBody, file_binding
from trainer.checkpoint.ports import FileGrant
from trainer.checkpoint.state import load_state, save_state
from trainer.formats.reading import SealedReader, map_file


class FolderSink:
    """A sink and a source without bucket and ledger: only the data path."""

    body: CheckpointBody

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, os.urandom(32)

    def begin_file(self, step: int, rank: int) -> FileGrant:
        """See `CheckpointSink.begin_file`."""
        file = cast("BinaryIO", (self._folder / str(rank)).open("w+b"))
        return FileGrant(self._key, file_binding("bench", "bench", step, rank), file)

    def commit(self, body: CheckpointBody) -> None:
        """See `CheckpointSink.commit`."""
        self.body = body

    def open_file(self, rank: int) -> SealedReader:
        """See `CheckpointSource.open_file`."""
        with (self._folder / str(rank)).open("rb") as file:
            mapped = map_file(file.fileno(), "bench")
        return SealedReader(mapped, self._key, file_binding("bench", "bench", self.body.step, rank), "bench")


def run(rounds: int, sizes: tuple[int, ...]) -> list[Row]:
    """Rows for states of these sizes in MB."""
    for remark in ("torch.distributed is disabled", "Detected an existing checkpoint"):
        warnings.filterwarnings("ignore", message=remark, category=UserWarning)
    return [row for size in sizes for row in _size(size, rounds)]


def _size(megabytes: int, rounds: int) -> list[Row]:
    count = max(1, megabytes // 4)
    state: dict[str, Any] = {"model": {f"layer{number}": torch.randn(1024, 1024) for number in range(count)}}
    target = {"model": {name: torch.zeros_like(value) for name, value in state["model"].items()}}
    amount = count * 4 * 1024 * 1024 / 1e9
    with tempfile.TemporaryDirectory(dir=memory_folder()) as name:
        base = Path(name)
        sink = FolderSink(base)
        saves: dict[str, Callable[[], object]] = {
            "plain": lambda: dcp.save(state, checkpoint_id=str(base / "plain"), no_dist=True),
            "sealed": lambda: save_state(state, 1, sink),
        }
        loads: dict[str, Callable[[], object]] = {
            "plain": lambda: dcp.load(target, checkpoint_id=str(base / "plain"), no_dist=True),
            "sealed": lambda: load_state(target, sink),
        }
        if megabytes <= 512 and (extension := _extension()) is not None:
            writer = lambda: dcp.FileSystemWriter(base / "hook", _extensions=[extension()])  # noqa: E731
            saves["hook"] = lambda: dcp.save(state, storage_writer=writer(), no_dist=True)
            registry = _registry(extension)
            reader = lambda: dcp.FileSystemReader(base / "hook", _extension_registry=registry)  # noqa: E731
            loads["hook"] = lambda: dcp.load(target, storage_reader=reader(), no_dist=True)
        rows: list[Row] = []
        for what, actions, limit in (("save", saves, 1.10), ("load", loads, 1.20)):
            times = seconds(actions, rounds, time.perf_counter)
            rows.append(rate(f"  plain DCP {what}, {megabytes} MB", amount, "GB/s", times["plain"]))
            cost = ratio_of(times["sealed"], times["plain"])
            title = f"checkpoint {what}, {megabytes} MB, time against plain DCP"
            more = {"ratio": cost, "target": f"≤ {limit:.2f}", "met": cost <= limit}
            rows.append(rate(title, amount, "GB/s", times["sealed"], **more))
            if "hook" in times:
                hook = ratio_of(times["hook"], times["plain"])
                rows.append(
                    rate(f"  peer: DCP with an AES-GCM extension, {what}", amount, "GB/s", times["hook"], ratio=hook)
                )
        assert all(torch.equal(target["model"][part], value) for part, value in state["model"].items())
    return rows


def _extension() -> type[Any] | None:
    """AES-GCM as a DCP extension, as one would write it: 1 MiB messages, a counter nonce."""
    try:
        from torch.distributed.checkpoint._extension import StreamTransformExtension  # noqa: PLC0415 - experimental
    except ImportError:
        return None
    key = os.urandom(32)
    size = 1 << 20

    class Writer(io.RawIOBase):
        def __init__(self, out: IO[bytes]) -> None:
            self._out, self._pending, self._count = out, bytearray(), 0

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self._pending += data
            while len(self._pending) >= size:
                self._emit(self._pending[:size])
                del self._pending[:size]
            return len(data)

        def _emit(self, piece: bytes | bytearray) -> None:
            self._out.write(AESGCM(key).encrypt(self._count.to_bytes(12, "big"), bytes(piece), None))
            self._count += 1

        def close(self) -> None:
            if not self.closed:
                self._emit(self._pending)
                super().close()

    class Encrypting(StreamTransformExtension):
        @staticmethod
        def from_descriptor(version: str) -> Any:  # noqa: ARG004
            return Encrypting()

        @staticmethod
        def registry_name() -> str:
            return "bench.encrypt"

        def get_descriptor(self) -> str:
            return f"{self.registry_name()}/1"

        def transform_to(self, output: IO[bytes]) -> IO[bytes]:
            return cast("IO[bytes]", Writer(output))

        def transform_from(self, input: IO[bytes]) -> IO[bytes]:  # noqa: A002
            out, count = io.BytesIO(), 0
            while piece := input.read(size + 16):
                out.write(AESGCM(key).decrypt(count.to_bytes(12, "big"), piece, None))
                count += 1
            out.seek(0)
            return out

    return Encrypting


def _registry(extension: type[Any]) -> Any:
    from torch.distributed.checkpoint._extension import ExtensionRegistry  # noqa: PLC0415 - experimental

    registry = ExtensionRegistry()
    registry.extensions[extension.registry_name()] = extension
    return registry
