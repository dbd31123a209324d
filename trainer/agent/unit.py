"""A worker that is a service of its own: in the measured image systemd starts and confines it, not the agent."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.protocol.channel import Channel, close_all
from trainer.sandbox.inherited import namespaces

SETTING = "BULKHEAD_WORKER"
"""Environment variable: `fd:<number>` of a listening UNIX socket that the worker's unit connects to. Without it the
agent starts and confines the worker itself."""
PATIENCE = 600.0
_GRACE = 10.0
_CREDENTIALS = struct.Struct("3i")


@dataclass
class WorkerUnit:
    """A connected worker. It lives in a service of its own; the agent's hold on it is the socket."""

    pid: int
    confinement: dict[str, Any]
    _socket: socket.socket

    def finish(self) -> None:
        """Waits until a worker that said it was done hangs up."""
        self._socket.settimeout(_GRACE)
        try:
            more = self._socket.recv(1)
        except (TimeoutError, OSError) as error:
            raise TrainerError(Reason.WORKER, "the worker was done but did not end") from error
        if more:
            raise TrainerError(Reason.PROTOCOL, "the worker was done but went on talking")

    def stop(self) -> str:
        """Hangs up. The unit ends with the agent's, on which it depends."""
        self._socket.close()
        return "the worker's unit ends with the agent"


@contextmanager
def attached_worker(setting: str, job: JobSpec) -> Iterator[tuple[WorkerUnit, socket.socket]]:
    """The worker's unit, once it has connected and has shown how it is confined, and the socket to it.

    Raises:
        TrainerError: the setting is not a socket, no worker came in time, or it is not confined.
    """
    kind, _, number = setting.partition(":")
    if kind != "fd" or not number.isdigit():
        raise TrainerError(Reason.SANDBOX, f"{SETTING}={setting!r}: expected fd:<number>")
    listener = socket.socket(fileno=os.dup(int(number)))
    with listener:
        listener.settimeout(PATIENCE)
        try:
            connection, _ = listener.accept()
        except TimeoutError as error:
            raise TrainerError(Reason.SANDBOX, "the worker's unit did not connect in time") from error
    with connection:
        connection.settimeout(PATIENCE)
        pid = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))[0]
        yield WorkerUnit(pid, _confinement(Channel(connection), job), connection), connection


def _confinement(channel: Channel, job: JobSpec) -> dict[str, Any]:
    """What confines the worker, in its launcher's words: measured code, before any of the tenant's runs."""
    channel.send(
        {
            "namespaces": namespaces(),
            "memory_bytes": job.limits.memory_bytes,
            "processes": job.limits.processes,
            "device": job.training.device,
        }
    )
    received = channel.receive()
    if received is None:
        raise TrainerError(Reason.SANDBOX, "the worker's unit ended before it was confined")
    answer, descriptors = received
    close_all(descriptors)
    if not isinstance(answer.get("confined"), dict):
        raise TrainerError(Reason.SANDBOX, str(answer.get("refused", "the worker's unit did not say what confines it")))
    held: dict[str, Any] = answer["confined"]
    return held
