"""`StorageReader` for torch.distributed.checkpoint: decrypts straight into the tensors that are being loaded."""

from __future__ import annotations

import io
import os
from typing import Any

import torch
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    TensorProperties,
    TensorStorageMetadata,
)
from torch.distributed.checkpoint.planner import LoadItemType, LoadPlan, LoadPlanner, ReadItem
from torch.distributed.checkpoint.storage import StorageReader
from torch.futures import Future

from trainer.checkpoint.dtypes import DTYPES
from trainer.checkpoint.manifest import TensorChunk, TensorEntry
from trainer.checkpoint.planners import JsonLoadPlanner
from trainer.checkpoint.ports import CheckpointSource
from trainer.checkpoint.writer import tensor_bytes
from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json
from trainer.formats.reading import SealedReader


class EncryptedReader(StorageReader):
    """Loads a verified checkpoint into a state of any sharding. Metadata comes from the signed manifest only."""

    def __init__(self, source: CheckpointSource, threads: int = 1) -> None:
        self._source = source
        self._threads = threads
        self._files: dict[int, SealedReader] = {}

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        """Part of torch's interface; a reader is made for one checkpoint and has nothing to reset."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:  # noqa: ARG002
        """Torch's view of the manifest."""
        state: dict[str, Any] = {name: _metadata(entry) for name, entry in self._source.body.tensors.items()}
        state |= {name: BytesStorageMetadata() for name in self._source.body.values}
        return Metadata(state_dict_metadata=state)

    def set_up_storage_reader(self, metadata: Metadata, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        """Part of torch's interface; the source is ready already."""

    def prepare_local_plan(self, plan: LoadPlan) -> LoadPlan:
        """Leaves the plan as it is."""
        return plan

    def prepare_global_plan(self, plans: list[LoadPlan]) -> list[LoadPlan]:
        """Leaves the plans as they are."""
        return plans

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future[None]:
        """Reads every item of the plan into its place."""
        if not isinstance(planner, JsonLoadPlanner):
            raise TrainerError(Reason.BAD_FORMAT, "encrypted checkpoints need JsonLoadPlanner; torch's unpickles")
        for item in plan.items:
            if item.type == LoadItemType.BYTE_IO:
                value = self._source.body.values[item.storage_index.fqn]
                planner.load_bytes(item, io.BytesIO(canonical_json({"value": value})))
            else:
                self._read_tensor(item, planner)
        for file in self._files.values():
            file.close()
        self._files.clear()
        future: Future[None] = Future()
        future.set_result(None)
        return future

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:  # noqa: ARG003
        """Never chosen automatically: it needs keys."""
        return False

    def _read_tensor(self, item: ReadItem, planner: JsonLoadPlanner) -> None:
        name = item.storage_index.fqn
        entry = self._source.body.tensors[name]
        wanted = tuple(item.storage_index.offset or (0,) * len(entry.size))
        chunk = next(chunk for chunk in entry.chunks if chunk.offsets == wanted)
        target = planner.resolve_tensor(item).detach()
        dtype = DTYPES[entry.dtype]
        if target.dtype != dtype:
            raise TrainerError(Reason.BAD_FORMAT, f"state {name}: the checkpoint has {dtype}, not {target.dtype}")
        slab = _slab(chunk, item, dtype.itemsize)
        if slab is not None and target.is_contiguous() and target.device.type == "cpu":
            self._fill(chunk, slab, target)
        else:
            whole = torch.empty(chunk.sizes, dtype=dtype)
            self._fill(chunk, 0, whole)
            for dim, (start, extent) in enumerate(zip(item.storage_offsets, item.lengths, strict=True)):
                whole = whole.narrow(dim, start, extent)
            target.copy_(whole)
        planner.commit_tensor(item, target)

    def _fill(self, chunk: TensorChunk, offset: int, target: torch.Tensor) -> None:
        if chunk.rank not in self._files:
            self._files[chunk.rank] = self._source.open_file(chunk.rank)
        self._files[chunk.rank].read_into(chunk.begin + offset, tensor_bytes(target))


def _slab(chunk: TensorChunk, item: ReadItem, itemsize: int) -> int | None:
    """The byte offset in the chunk at which the wanted box starts, if the box is contiguous there; None if not."""
    stride = itemsize
    offset = 0
    partial = False
    for start, extent, whole in zip(
        reversed(item.storage_offsets), reversed(item.lengths), reversed(chunk.sizes), strict=True
    ):
        if partial and extent != 1:
            return None
        partial = partial or extent != whole
        offset += start * stride
        stride *= whole
    return offset


def _metadata(entry: TensorEntry) -> TensorStorageMetadata:
    chunks = [ChunkStorageMetadata(torch.Size(chunk.offsets), torch.Size(chunk.sizes)) for chunk in entry.chunks]
    return TensorStorageMetadata(TensorProperties(dtype=DTYPES[entry.dtype]), torch.Size(entry.size), chunks)
