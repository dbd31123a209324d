"""The manifest of a checkpoint: every tensor's place, every plain value, every file's key and commitment; signed."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from trainer.errors import Reason, TrainerError
from trainer.formats.container import Binding, checkpoint_binding
from trainer.formats.names import Digest, Frozen, Name
from trainer.formats.signing import CHECKPOINT_TYPE, open_signed

FORMAT: Final = "bulkhead-checkpoint/1"
ITEM_BYTES: Final = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
"""safetensors' names of element types, with their sizes. The agent reads manifests, and never imports torch."""


MAX_CHUNKS = 4096
"""Chunks of one tensor, at most; a job has at most 64 nodes, and each holds one."""


class TensorChunk(Frozen):
    """A box of a tensor and where it lies: bytes from `begin` of the plaintext of the file of `rank`."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    rank: int = Field(ge=0)
    begin: int = Field(ge=0)


class TensorEntry(Frozen):
    """A tensor of the state: type, full size, and the chunks that make it up."""

    dtype: str
    size: tuple[int, ...]
    chunks: tuple[TensorChunk, ...] = Field(min_length=1, max_length=MAX_CHUNKS)

    def chunk_bytes(self, chunk: TensorChunk) -> int:
        """The length of a chunk in bytes."""
        return math.prod(chunk.sizes) * ITEM_BYTES[self.dtype]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.dtype not in ITEM_BYTES or any(extent < 0 for extent in self.size):
            raise ValueError(f"{self.dtype}{list(self.size)} is not a tensor type and size")
        for chunk in self.chunks:
            if not len(chunk.offsets) == len(chunk.sizes) == len(self.size) or any(
                offset < 0 or extent < 0 or offset + extent > whole
                for offset, extent, whole in zip(chunk.offsets, chunk.sizes, self.size, strict=True)
            ):
                raise ValueError(f"chunk at {list(chunk.offsets)} lies outside a tensor of size {list(self.size)}")
        if sum(math.prod(chunk.sizes) for chunk in self.chunks) != math.prod(self.size):
            raise ValueError("the chunks do not cover the tensor exactly")
        if not _disjoint(self.chunks):
            raise ValueError("two chunks of the tensor overlap")
        return self


def _disjoint(chunks: tuple[TensorChunk, ...]) -> bool:
    """Whether no two chunks share an element. A worker writes this list, so the work must stay near linear.

    Chunks are swept along the dimension that they cut most finely; only those that meet in it are compared.
    """
    if len(chunks) == 1:
        return True
    dimensions = range(len(chunks[0].offsets))
    along = max(dimensions, key=lambda axis: len({chunk.offsets[axis] for chunk in chunks}), default=None)
    if along is None:
        return False
    open_chunks: list[TensorChunk] = []
    for chunk in sorted(chunks, key=lambda chunk: chunk.offsets[along]):
        begin = chunk.offsets[along]
        open_chunks = [other for other in open_chunks if other.offsets[along] + other.sizes[along] > begin]
        if any(_overlap(chunk, other) for other in open_chunks):
            return False
        open_chunks.append(chunk)
    return True


def _overlap(left: TensorChunk, right: TensorChunk) -> bool:
    sides = zip(left.offsets, left.sizes, right.offsets, right.sizes, strict=True)
    return all(max(begin, other) < min(begin + size, other + extent) for begin, size, other, extent in sides)


class RankFile(Frozen):
    """The safetensors file that one rank wrote: its length in clear."""

    rank: int = Field(ge=0)
    length: int = Field(ge=0)


class CheckpointBody(Frozen):
    """What the worker says about a checkpoint; it becomes part of the manifest once the agent has checked it."""

    step: int = Field(ge=0)
    files: tuple[RankFile, ...] = Field(min_length=1)
    tensors: dict[str, TensorEntry]
    values: dict[str, Any]

    @model_validator(mode="after")
    def _places(self) -> Self:
        lengths = {file.rank: file.length for file in self.files}
        if len(lengths) != len(self.files):
            raise ValueError("two files of the same rank")
        for name, entry in self.tensors.items():
            for chunk in entry.chunks:
                if chunk.begin + entry.chunk_bytes(chunk) > lengths.get(chunk.rank, -1):
                    raise ValueError(f"tensor {name}: a chunk lies outside the file of rank {chunk.rank}")
        if overlap := self.tensors.keys() & self.values.keys():
            raise ValueError(f"both tensor and value: {sorted(overlap)[:3]}")
        return self


class SealedFile(Frozen):
    """A file of the checkpoint as it lies in the bucket."""

    rank: int = Field(ge=0)
    object: str
    commitment: Digest
    wrapped_key: str


class CheckpointManifest(Frozen):
    """A checkpoint of one step of one run of one tenant."""

    format: Literal["bulkhead-checkpoint/1"]
    tenant: Name
    run: Name
    created: datetime
    run_key: int = Field(ge=0)
    """Which key of the run wraps the files' keys and signs: an index into `run.json`."""
    body: CheckpointBody
    files: tuple[SealedFile, ...]

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        if [file.rank for file in self.files] != [file.rank for file in self.body.files]:
            raise ValueError("sealed files and described files differ")
        return self


def file_binding(tenant: str, run: str, step: int, rank: int) -> Binding:
    """The binding of the file of one rank."""
    return checkpoint_binding(tenant, run, step, rank, file_name(rank))


def file_name(rank: int) -> str:
    """The name of the file of one rank."""
    return f"rank-{rank:05d}.bh"


def step_prefix(step: int) -> str:
    """The prefix of the objects of one step."""
    return f"step-{step:010d}"


def open_checkpoint_manifest(
    data: bytes, trusted: tuple[str, ...], tenant: str, run: str, step: int, name: str
) -> CheckpointManifest:
    """The manifest in the signed document `data`, if it is that of the checkpoint asked for."""
    document = open_signed(data, CHECKPOINT_TYPE, trusted, name)
    try:
        manifest = CheckpointManifest.model_validate(document)
    except ValidationError as error:
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: not a checkpoint manifest: {error}") from error
    found = (manifest.tenant, manifest.run, manifest.body.step)
    if found != (tenant, run, step):
        raise TrainerError(Reason.FOREIGN, f"{name}: is the manifest of {found}, not of {(tenant, run, step)}")
    return manifest
