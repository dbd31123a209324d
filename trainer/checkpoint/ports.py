"""Between the checkpoint code and whoever holds keys and storage: the agent's vault, or its proxy in the worker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from trainer.checkpoint.manifest import CheckpointBody
from trainer.errors import Reason, TrainerError
from trainer.formats.container import Binding, Header
from trainer.formats.reading import SealedReader
from trainer.formats.sealing import Buffer, seal_stream


@dataclass(frozen=True)
class FileGrant:
    """Permission to write one sealed file: its key, its binding and an empty file to write the ciphertext to."""

    key: bytes = field(repr=False)
    binding: Binding
    file: BinaryIO

    def seal(self, pieces: Iterable[Buffer], length: int) -> Header:
        """Seals the pieces, of `length` bytes together, into the file and closes it.

        Raises `TrainerError(STORE)` when the file cannot be written, most likely because the agent's disk is full.
        """
        try:
            with self.file as file:
                return seal_stream(pieces, length, self.key, self.binding, file.write)
        except OSError as error:
            raise TrainerError(
                Reason.STORE, f"{self.binding.describe()}: cannot be written on the agent's disk: {error.strerror}"
            ) from error


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
