"""Starting and ending the worker process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from trainer.agent.unit import SETTING, attached_worker
from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.sandbox.cgroup import Group
from trainer.sandbox.command import Confined, confine, worker_environment

_GRACE = 10.0
_NO_SANDBOX = 125
_LINES, _LINE = 20, 400


class Worker(Protocol):
    """A running worker, whoever started it."""

    @property
    def pid(self) -> int:
        """Its process."""
        ...

    @property
    def confinement(self) -> dict[str, Any]:
        """What confines it, for the ledger and for provenance."""
        ...

    def finish(self) -> None:
        """Waits for a worker that said it was done; one that lingers or ends badly is an error."""
        ...

    def stop(self) -> str:
        """Ends the worker if it still runs; how it ended, in words."""
        ...


@dataclass
class WorkerProcess:
    """A started worker and what confines it."""

    process: subprocess.Popen[bytes]
    confinement: dict[str, Any]
    group: Group | None = None
    """What the agent built around it."""
    _words: deque[bytes] = field(default_factory=lambda: deque(maxlen=_LINES))

    @property
    def pid(self) -> int:
        """The process that the agent started."""
        return self.process.pid

    def listen(self) -> None:
        """Keeps the last lines that the process writes to standard error, in memory only, until it ends."""

        def keep() -> None:
            assert self.process.stderr is not None  # it was started with a pipe
            with self.process.stderr as stream:
                while line := stream.readline(_LINE):
                    self._words.append(line)

        threading.Thread(target=keep, daemon=True).start()

    def finish(self) -> None:
        """Waits for a worker that said it was done; a worker that lingers or ends badly is an error."""
        try:
            code = self.process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            ended = self.stop()
            raise TrainerError(Reason.WORKER, f"the worker was done but did not end ({ended})") from None
        if code != 0:
            raise TrainerError(Reason.WORKER, f"the worker was done but {describe_exit(code)}")

    def stop(self) -> str:
        """Kills the worker, and with it everything that it started, if it still runs; how it ended, in words."""
        return ", ".join([self._stopped(), *(self.group.events() if self.group else [])])

    def _stopped(self) -> str:
        try:
            code = self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "the worker was stopped"
        if code == _NO_SANDBOX:
            # Only the launcher's own words: what a job prints may be training data.
            return f"the worker {describe_exit(code)}: {b''.join(self._words).decode(errors='replace').strip()}"
        return f"the worker {describe_exit(code)}"


@dataclass(frozen=True)
class WorkerNetwork:
    """The one network that a worker of several has: an open namespace, and what torch has to know of it."""

    namespace: int
    environment: dict[str, str]


def describe_exit(code: int) -> str:
    """An exit status in words; the sandbox's launcher reports a signal as 128 plus its number."""
    number = -code if code < 0 else code - 128
    if number in {entry.value for entry in signal.Signals}:
        return f"was killed by {signal.Signals(number).name}"
    return "could not be confined" if code == _NO_SANDBOX else f"exited with status {code}"


@contextmanager
def connected_worker(job: JobSpec, network: WorkerNetwork | None = None) -> Iterator[tuple[Worker, socket.socket]]:
    """A confined worker and the agent's end of the socket to it.

    The agent starts it, unless the machine does: see `trainer.agent.unit`.
    """
    setting = os.environ.get(SETTING)
    if setting:
        with attached_worker(setting, job) as attached:
            yield attached
        return
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, started_worker(theirs, job, network) as worker:
        yield worker, ours


@contextmanager
def started_worker(
    theirs: socket.socket, job: JobSpec, network: WorkerNetwork | None = None
) -> Iterator[WorkerProcess]:
    """A worker with its end of the socket and nothing else: no environment, no other descriptors, no input or output.

    With `network` it also has the tunnel to the job's other nodes. It is killed at the end if it has not ended by
    itself.
    """
    descriptor = theirs.fileno()
    command = [sys.executable, "-m", "trainer.worker", str(descriptor)]
    with _confined(command, job, network) as confined:
        process = subprocess.Popen(
            confined.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=worker_environment(network.environment if network else None),
            pass_fds=(descriptor, *((network.namespace,) if network else ())),
            cwd="/",
        )
        theirs.close()
        worker = WorkerProcess(process, confined.description, confined.group)
        worker.listen()
        try:
            yield worker
        finally:
            worker.stop()


@contextmanager
def _confined(command: list[str], job: JobSpec, network: WorkerNetwork | None) -> Iterator[Confined]:
    if job.sandbox == "none":
        yield Confined(command, {"kind": "none"})
        return
    namespace = network.namespace if network else None
    limits = job.limits
    with confine(
        command, limits.memory_bytes, limits.processes, job.training.device, namespace, limits.cpus
    ) as confined:
        yield confined
