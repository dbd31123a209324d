"""The worker's end of the socket: data, checkpoints and export by asking the agent."""

from __future__ import annotations

import mmap
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import BaseModel

from trainer.checkpoint.manifest import CheckpointBody
from trainer.checkpoint.ports import FileGrant
from trainer.errors import Reason, TrainerError
from trainer.formats.container import Binding
from trainer.formats.reading import SealedReader, map_file
from trainer.protocol.channel import Channel, close_all
from trainer.protocol.messages import (
    BeginExport,
    BeginFile,
    Commit,
    CommitExport,
    Grant,
    JobMessage,
    OpenCheckpointFile,
    OpenShard,
    TableGrant,
)

if TYPE_CHECKING:
    from trainer.data.parquet_table import OpenedFile


@dataclass(frozen=True)
class Granted:
    """A key, what it is for, and an open file."""

    key: bytes = field(repr=False)
    binding: Binding
    descriptor: int


class AgentClient:
    """Requests to the agent. Threads may call it; each request waits for its answer. Implements `CheckpointSink`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._asking = threading.Lock()
        self._sending = threading.Lock()

    def receive_job(self) -> tuple[JobMessage, bytes | None]:
        """The job and the bytes of its bundle, if it has one."""
        received = self._channel.receive()
        if received is None:
            raise TrainerError(Reason.PROTOCOL, "the agent went away before it sent a job")
        message, descriptors = received
        job = JobMessage.model_validate(message)
        bundle = None
        if descriptors:
            with os.fdopen(descriptors[0], "rb") as file:
                bundle = file.read()
        return job, bundle

    def tell(self, message: BaseModel) -> None:
        """Sends a message that has no answer."""
        # Not behind a request that waits for its answer: progress goes on while a checkpoint is published.
        with self._sending:
            self._channel.send(message.model_dump(mode="json"))

    def ask(self, message: BaseModel) -> Granted | None:
        """Sends a request; returns the grant, or None for a plain "ok". Raises what the agent refuses with."""
        answer, descriptors = self._exchange(message)
        if answer.get("type") == "grant" and len(descriptors) == 1:
            parsed = Grant.model_validate(answer)
            return Granted(parsed.secret(), parsed.binding(), descriptors[0])
        close_all(descriptors)
        if answer.get("type") != "ok":
            raise TrainerError(Reason.PROTOCOL, f"the agent answered {answer.get('type')!r}")
        return None

    def open_shard(self, data: int, shard: str) -> SealedReader:
        """The sealed shard of the data set with this index in the job."""
        return _reader(self._granted(OpenShard(data=data, shard=shard)))

    def open_table_file(self, data: int, file: str) -> OpenedFile:
        """The file of the encrypted table with this index in the job."""
        from trainer.data.parquet_table import OpenedFile  # noqa: PLC0415 - only jobs on tables pay for pyarrow

        answer, descriptors = self._exchange(OpenShard(data=data, shard=file))
        if answer.get("type") != "table-grant" or len(descriptors) != 1:
            close_all(descriptors)
            raise TrainerError(Reason.PROTOCOL, f"the agent answered {answer.get('type')!r}, not with a table's file")
        granted = TableGrant.model_validate(answer)
        name = f"table file {granted.file}"
        try:
            mapped = map_file(descriptors[0], name)
        finally:
            os.close(descriptors[0])
        return OpenedFile(name, mapped, granted.keys(), granted.material, granted.identity)

    def open_checkpoint_file(self, rank: int) -> SealedReader:
        """The sealed file of one rank of the checkpoint to resume from."""
        return _reader(self._granted(OpenCheckpointFile(rank=rank)))

    def begin_file(self, step: int, rank: int) -> FileGrant:
        """See `CheckpointSink.begin_file`."""
        return _file(self._granted(BeginFile(step=step, rank=rank)))

    def commit(self, body: CheckpointBody) -> None:
        """See `CheckpointSink.commit`."""
        self.ask(Commit(body=body))

    def begin_export(self) -> FileGrant:
        """The grant for the model's file."""
        return _file(self._granted(BeginExport()))

    def commit_export(self, step: int, length: int, metrics: dict[str, float]) -> None:
        """Publishes the model."""
        self.ask(CommitExport(step=step, length=length, metrics=metrics))

    def _exchange(self, message: BaseModel) -> tuple[dict[str, Any], list[int]]:
        """Sends a request; the answer and its descriptors. Raises what the agent refuses with."""
        with self._asking:
            with self._sending:
                self._channel.send(message.model_dump(mode="json"))
            received = self._channel.receive()
        if received is None:
            raise TrainerError(Reason.PROTOCOL, "the agent went away")
        answer, descriptors = received
        if answer.get("type") == "refused":
            close_all(descriptors)
            raise TrainerError(Reason(answer["reason"]), str(answer["message"]))
        return answer, descriptors

    def _granted(self, message: BaseModel) -> Granted:
        granted = self.ask(message)
        if granted is None:
            raise TrainerError(Reason.PROTOCOL, "the agent answered without the grant that was asked for")
        return granted


def _reader(granted: Granted) -> SealedReader:
    name = granted.binding.describe()
    try:
        mapped: mmap.mmap = map_file(granted.descriptor, name)
    finally:
        os.close(granted.descriptor)
    return SealedReader(mapped, granted.key, granted.binding, name)


def _file(granted: Granted) -> FileGrant:
    file: BinaryIO = os.fdopen(granted.descriptor, "w+b")
    return FileGrant(granted.key, granted.binding, file)


@dataclass(frozen=True)
class ResumedCheckpoint:
    """The checkpoint to resume from, behind the socket. Implements `CheckpointSource`."""

    client: AgentClient
    body: CheckpointBody

    def open_file(self, rank: int) -> SealedReader:
        """See `CheckpointSource.open_file`."""
        return self.client.open_checkpoint_file(rank)
