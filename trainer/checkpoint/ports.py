"""Between the checkpoint code and whoever holds keys and storage: the agent's vault, or its proxy in the worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from trainer.checkpoint.manifest import CheckpointBody
from trainer.formats.container import Binding
from trainer.formats.reading import SealedReader


@dataclass(frozen=True)
class FileGrant:
    """Permission to write one sealed file: its key, its binding and an empty file to write the ciphertext to."""

    key: bytes = field(repr=False)
    binding: Binding
    file: BinaryIO


class CheckpointSink(Protocol):
    """Takes the files of a checkpoint and publishes them together or not at all."""

    def begin_file(self, step: int, rank: int) -> FileGrant:
        """The grant for the file of one rank."""
        ...

    def commit(self, body: CheckpointBody) -> None:
        """Publishes the checkpoint; returns once it is the newest one."""
        ...


class CheckpointSource(Protocol):
    """A published, verified checkpoint."""

    @property
    def body(self) -> CheckpointBody:
        """What the checkpoint holds."""
        ...

    def open_file(self, rank: int) -> SealedReader:
        """The sealed file of one rank."""
        ...
