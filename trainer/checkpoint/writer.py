"""`StorageWriter` for torch.distributed.checkpoint: one sealed safetensors file per rank, JSON metadata."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from typing import Any

import torch
from torch.distributed.checkpoint.metadata import Metadata, MetadataIndex, TensorStorageMetadata
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner, WriteItem, WriteItemType
from torch.distributed.checkpoint.storage import StorageWriter, WriteResult
from torch.futures import Future

from trainer.checkpoint.dtypes import DTYPE_NAMES
from trainer.checkpoint.manifest import CheckpointBody, RankFile, TensorChunk, TensorEntry
from trainer.checkpoint.planners import JsonSavePlanner
from trainer.checkpoint.ports import CheckpointSink
from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import parse_json_object

_ALIGN = 4096


class EncryptedWriter(StorageWriter):
    """Writes one checkpoint of one step through a `CheckpointSink`. No byte leaves the process unsealed."""

    def __init__(self, sink: CheckpointSink, step: int) -> None:
        self._sink = sink
        self._step = step
        self._rank = 0

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        """Part of torch's interface; a writer is made for one step and has nothing to reset."""

    def set_up_storage_writer(self, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        """Part of torch's interface; the sink is ready already."""

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:
        """Leaves the plan as it is."""
        return plan

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        """Numbers the ranks."""
        return [dataclasses.replace(plan, storage_data=rank) for rank, plan in enumerate(plans)]

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        """Seals this rank's tensors into its file; the results carry places and plain values to the coordinator."""
        if not isinstance(planner, JsonSavePlanner):
            raise TrainerError(Reason.BAD_FORMAT, "encrypted checkpoints need JsonSavePlanner; torch's planner pickles")
        rank = int(plan.storage_data)
        results = [self._value(item, planner) for item in plan.items if item.type == WriteItemType.BYTE_IO]
        tensors = [item for item in plan.items if item.type != WriteItemType.BYTE_IO]
        header, places, length = _layout(tensors)
        grant = self._sink.begin_file(self._step, rank)
        grant.seal(_pieces(header, tensors, planner), length)
        for item, (begin, size) in zip(tensors, places, strict=True):
            place = {"rank": rank, "begin": begin}
            results.append(WriteResult(index=item.index, size_in_bytes=size, storage_data=place))
        file = {"file": {"rank": rank, "length": length}}
        results.append(WriteResult(index=MetadataIndex("\x00file"), size_in_bytes=length, storage_data=file))
        future: Future[list[WriteResult]] = Future()
        future.set_result(results)
        return future

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        """Puts the places of all ranks together and publishes the checkpoint."""
        places: dict[tuple[str, tuple[int, ...]], dict[str, int]] = {}
        values: dict[str, Any] = {}
        files: list[RankFile] = []
        for result in (result for rank in results for result in rank):
            if "file" in result.storage_data:
                files.append(RankFile(**result.storage_data["file"]))
            elif "value" in result.storage_data:
                values[result.index.fqn] = result.storage_data["value"]
            else:
                places[result.index.fqn, tuple(result.index.offset or ())] = result.storage_data
        tensors = {
            name: _entry(name, entry, places)
            for name, entry in metadata.state_dict_metadata.items()
            if isinstance(entry, TensorStorageMetadata)
        }
        files.sort(key=lambda file: file.rank)
        self._sink.commit(CheckpointBody(step=self._step, files=tuple(files), tensors=tensors, values=values))

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:  # noqa: ARG003
        """Never chosen automatically: it needs keys."""
        return False

    def _value(self, item: WriteItem, planner: SavePlanner) -> WriteResult:
        data = planner.resolve_data(item)
        if isinstance(data, torch.Tensor):
            raise TrainerError(Reason.BAD_FORMAT, f"state {item.index.fqn}: a tensor where a plain value was planned")
        encoded = data.getvalue()
        value = parse_json_object(encoded, f"state {item.index.fqn}")["value"]
        return WriteResult(index=item.index, size_in_bytes=len(encoded), storage_data={"value": value})


def _layout(items: list[WriteItem]) -> tuple[bytes, list[tuple[int, int]], int]:
    """The safetensors header, place and size of every tensor, and the whole length.

    The header is padded so that tensors start at a multiple of 4 KiB in the plaintext; the format allows spaces.
    """
    entries: dict[str, Any] = {}
    sizes: list[tuple[int, int]] = []
    at = 0
    for item in items:
        assert item.tensor_data is not None  # torch plans it for everything that is not BYTE_IO
        dtype = item.tensor_data.properties.dtype
        if dtype not in DTYPE_NAMES:
            raise TrainerError(Reason.BAD_FORMAT, f"state {item.index.fqn}: type {dtype} has no safetensors name")
        shape = list(item.tensor_data.chunk.sizes)
        size = item.tensor_data.chunk.sizes.numel() * dtype.itemsize
        offset = ",".join(str(part) for part in item.tensor_data.chunk.offsets)
        name = f"{item.index.fqn}@{offset}" if offset.strip("0,") else item.index.fqn
        entries[name] = {"dtype": DTYPE_NAMES[dtype], "shape": shape, "data_offsets": [at, at + size]}
        sizes.append((at, size))
        at += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % _ALIGN)
    header = len(text).to_bytes(8, "little") + text
    return header, [(len(header) + begin, size) for begin, size in sizes], len(header) + at


def _pieces(header: bytes, items: list[WriteItem], planner: SavePlanner) -> Iterator[bytes | memoryview]:
    yield header
    for item in items:
        tensor = planner.resolve_data(item)
        assert isinstance(tensor, torch.Tensor)  # BYTE_IO items were taken out before
        yield tensor_bytes(tensor)


def tensor_bytes(tensor: torch.Tensor) -> memoryview:
    """The bytes of a tensor in row-major order, without a copy where it lies so in main memory already."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")


def _entry(
    name: str, entry: TensorStorageMetadata, places: dict[tuple[str, tuple[int, ...]], dict[str, int]]
) -> TensorEntry:
    chunks = []
    for chunk in entry.chunks:
        offsets = tuple(chunk.offsets)
        place = places.get((name, offsets)) or places.get((name, ()))
        if place is None:
            raise TrainerError(Reason.BAD_FORMAT, f"state {name}: no rank wrote the chunk at {list(offsets)}")
        chunks.append(TensorChunk(offsets=offsets, sizes=tuple(chunk.sizes), **place))
    return TensorEntry(dtype=DTYPE_NAMES[entry.properties.dtype], size=tuple(entry.size), chunks=tuple(chunks))
