"""The agent's end of the socket: answers one worker, which it does not trust."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.agent.data import Opened
from trainer.agent.tables import OpenedTable
from trainer.checkpoint.vault import RunVault, StoredCheckpoint
from trainer.errors import Reason, TrainerError
from trainer.export.model import ModelExport
from trainer.protocol.channel import Channel, Gone, close_all
from trainer.protocol.leaving import leaving
from trainer.protocol.messages import (
    BeginExport,
    BeginFile,
    CodeBegins,
    Commit,
    CommitExport,
    Done,
    Failed,
    Grant,
    Ok,
    OpenCheckpointFile,
    OpenShard,
    Progress,
    Refused,
    TableGrant,
    grant,
    parse_worker_message,
)

Event = Callable[[str, dict[str, Any]], None]


MOST_LAST_WORDS = 1000
"""Messages of a worker that is gone among which its failure is looked for."""


@dataclass
class Served:
    """What came of serving a worker."""

    done: Done | None = None
    own_code: bool = False
    """Whether the tenant's own code has begun to run in the worker."""
    model: tuple[str, str] | None = None
    checkpoint: int | None = None


@dataclass
class Service:
    """Everything that the worker may ask for."""

    data: tuple[Opened, ...]
    vault: RunVault
    resume: StoredCheckpoint | None
    export: ModelExport | None
    event: Event
    last_step: int
    deadline: float

    def serve(self, channel: Channel) -> Served:
        """Answers until the worker is done. Raises what went wrong, on either side; nothing partial is published."""
        served = Served()
        while served.done is None:
            received = channel.receive()
            if received is None:
                raise TrainerError(Reason.WORKER, "the worker ended without finishing")
            if time.monotonic() > self.deadline:
                raise TrainerError(Reason.WORKER, "the job ran longer than its limit")
            message, descriptors = received
            if descriptors:
                close_all(descriptors)
                raise TrainerError(Reason.PROTOCOL, "the worker sent file descriptors, which no message carries")
            try:
                self._answer(channel, parse_worker_message(message), served)
            except Gone:
                self._last_words(channel, served)
                raise
            except TrainerError as error:
                if error.reason != Reason.PROTOCOL:
                    channel.send(Refused(reason=error.reason, message=str(error)).model_dump(mode="json"))
                raise
        return served

    def _last_words(self, channel: Channel, served: Served) -> None:
        """Raises why a worker failed that is gone, if it said so; it does not wait for answers to what it asked before.

        Returns if it did not, or said anything that is no message.
        """
        for _ in range(MOST_LAST_WORDS):
            try:
                received = channel.receive()
                if received is None:
                    return
                close_all(received[1])
                message = parse_worker_message(received[0])
            except TrainerError:
                return
            if isinstance(message, CodeBegins | Failed):
                self._answer(channel, message, served)

    def _answer(self, channel: Channel, message: Any, served: Served) -> None:
        match message:
            case Progress():
                self.event("progress", {"step": message.step} | message.values)
            case OpenShard():
                self._open_shard(channel, message)
            case OpenCheckpointFile():
                if self.resume is None or message.rank not in {file.rank for file in self.resume.body.files}:
                    raise TrainerError(Reason.PROTOCOL, f"there is no checkpoint file of rank {message.rank} to open")
                binding = self.resume.binding(message.rank)
                with self.resume.fetch(message.rank) as file:
                    channel.send(
                        grant(self.resume.file_key(message.rank), binding).model_dump(mode="json"), (file.fileno(),)
                    )
            case BeginFile():
                if message.step <= self.last_step:
                    raise TrainerError(Reason.PROTOCOL, f"step {message.step} is not after step {self.last_step}")
                opened = self.vault.begin_file(message.step, message.rank)
                with opened.file:
                    answer = grant(opened.key, opened.binding).model_dump(mode="json")
                    channel.send(answer, (opened.file.fileno(),))
            case Commit():
                self.vault.commit(message.body)
                self.last_step = served.checkpoint = message.body.step
                self.event("checkpoint", {"step": message.body.step})
                channel.send(Ok().model_dump(mode="json"))
            case BeginExport():
                opened = self._exporter().begin()
                with opened.file:
                    answer = grant(opened.key, opened.binding).model_dump(mode="json")
                    channel.send(answer, (opened.file.fileno(),))
            case CommitExport():
                served.model = self._exporter().commit(message.step, message.length, message.metrics)
                self.event("model", {"url": served.model[0], "digest": served.model[1]})
                channel.send(Ok().model_dump(mode="json"))
            case CodeBegins():
                served.own_code = True
            case Failed():
                words = leaving(message.message, message.reason) if served.own_code else message.message
                raise TrainerError(message.reason, words)
            case Done():
                served.done = message

    def _open_shard(self, channel: Channel, message: OpenShard) -> None:
        if message.data >= len(self.data):
            raise TrainerError(Reason.NOT_DECLARED, f"the job has no data set number {message.data}")
        opened = self.data[message.data]
        if isinstance(opened, OpenedTable):
            _send(channel, *opened.grant(message.shard))
        else:
            key, binding, descriptor = opened.grant(message.shard)
            _send(channel, grant(key, binding), descriptor)

    def _exporter(self) -> ModelExport:
        if self.export is None:
            raise TrainerError(Reason.PROTOCOL, "the job exports no model")
        return self.export


def _send(channel: Channel, answer: Grant | TableGrant, descriptor: int) -> None:
    try:
        channel.send(answer.model_dump(mode="json"), (descriptor,))
    finally:
        close_all([descriptor])
