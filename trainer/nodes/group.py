"""The job's nodes as one node's session sees them: joined before the worker starts, watched while it runs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from trainer.agent.process import WorkerNetwork
from trainer.checkpoint.manifest import RankFile, SealedFile
from trainer.checkpoint.vault import RunVault, StoredCheckpoint
from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.nodes.control import Control
from trainer.nodes.messages import Deliver, Delivered, Finished, Message, Refused
from trainer.nodes.place import NodePlace
from trainer.nodes.ticket import TICKET
from trainer.protocol.messages import RankView
from trainer.store.objects import ObjectStore

STORE_PORT: Final = 29400
"""TCP, inside the tunnel, in the first worker's network namespace: torch's store."""
DELIVERY_SECONDS: Final = 3600.0
_END_SECONDS: Final = 600.0


class Watch:
    """Where the news of a lost node goes: the words are kept, and the session's socket is shut down to wake it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.failure: str | None = None

    def lost(self, words: str) -> None:
        """A node was lost."""
        with self._lock:
            self.failure = words
            self._shut()

    @contextmanager
    def over(self, sock: socket.socket) -> Iterator[None]:
        """Shuts `sock` down when a node is lost, for as long as the context lasts."""
        with self._lock:
            self._socket = sock
            if self.failure is not None:
                self._shut()
        try:
            yield
        finally:
            with self._lock:
                self._socket = None

    def _shut(self) -> None:
        if self._socket is not None:
            self._socket.shutdown(socket.SHUT_RDWR)


@dataclass
class Group:
    """One node alone, or one of several."""

    resume: StoredCheckpoint | None
    """The checkpoint that every node goes on from."""
    rank: int = 0
    network: WorkerNetwork | None = None
    view: RankView | None = None
    control: Control | None = None
    description: dict[str, Any] | None = None
    """For the ledger and the result: generation, fabric, tunnel, who was attested."""
    watch: Watch = field(default_factory=Watch)

    def lost(self) -> TrainerError:
        """The loss of a node, as the reason why this one stops."""
        return TrainerError(Reason.PEER, f"{self.watch.failure}; start the nodes again to go on from the checkpoint")

    def finish(self) -> None:
        """Waits until every node's worker is done. Raises `TrainerError(PEER)` when one was lost."""
        if self.control is None:
            return
        if self.rank == 0:
            self.control.wait_finished(_END_SECONDS)
            self.control.tell_all(Finished())
        else:
            self.control.tell_all(Finished())
            self.control.wait_finished(_END_SECONDS)


def await_leader(job: JobSpec, place: NodePlace | None, store: ObjectStore) -> None:
    """For a member, returns once there is a ticket: by then the leader has made the run's key, and nobody else should.

    Raises `TrainerError(PEER)` when there is none in the time that the job gives.
    """
    if job.nodes is None or place is None or place.rank == 0:
        return
    deadline = time.monotonic() + job.nodes.join_seconds
    while not store.exists(TICKET):
        if time.monotonic() > deadline:
            raise TrainerError(Reason.PEER, f"{store.url}/{TICKET} is missing: node 0 of run {job.run} did not start")
        time.sleep(0.5)


@contextmanager
def gathered(
    job: JobSpec, place: NodePlace | None, vault: RunVault, event: Callable[[str, dict[str, Any]], None]
) -> Iterator[Group]:
    """The nodes of the job, joined; for a job of one node just this one."""
    if job.nodes is None or place is None:
        yield Group(vault.latest())
        return
    from trainer.nodes.joining import join  # noqa: PLC0415 - a job of one node needs neither TLS nor tunnel

    deadline = time.monotonic() + job.nodes.join_seconds
    vault.rank = place.rank
    with ExitStack() as stack:
        joined = join(stack, job, place, vault, event, deadline)
        watch = Watch()
        control = Control(joined.links, lambda message: _answer(vault, place.rank, message), watch.lost)
        stack.callback(control.close)
        if place.rank == 0:
            vault.elsewhere = lambda step, file: _collect(control, step, file)
        view = RankView(
            rank=place.rank,
            world=job.world,
            address=joined.store_address,
            port=STORE_PORT,
            strategy=job.nodes.strategy,
            timeout_seconds=min(job.limits.silent_seconds, 1800),
        )
        yield Group(joined.resume, place.rank, joined.network, view, control, joined.description, watch)


def _collect(control: Control, step: int, described: RankFile) -> SealedFile:
    reply = control.ask(described.rank, Deliver(step=step, length=described.length), DELIVERY_SECONDS)
    if not isinstance(reply, Delivered):
        raise TrainerError(Reason.PEER, f"node {described.rank} answered {reply.type} where a file was asked for")
    return reply.file


def _answer(vault: RunVault, rank: int, message: Message) -> Message:
    if rank == 0 or not isinstance(message, Deliver):
        return Refused(message=f"node {rank} does not answer {message.type}")
    try:
        return Delivered(file=vault.deliver(message.step, RankFile(rank=rank, length=message.length)))
    except TrainerError as error:
        return Refused(message=str(error)[:4000])
