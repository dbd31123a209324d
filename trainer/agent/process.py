"""Starting and ending the worker process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.errors import Reason, TrainerError
from trainer.job import Limits

_GRACE = 10.0


@dataclass
class WorkerProcess:
    """A started worker and what confines it."""

    process: subprocess.Popen[bytes]
    confinement: dict[str, Any]

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
        """Kills the worker if it still runs; returns how it ended, in words."""
        try:
            code = self.process.wait(0.5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
            return "the worker was stopped"
        return f"the worker {describe_exit(code)}"


def describe_exit(code: int) -> str:
    """An exit status in words."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with status {code}"


def start_worker(theirs: socket.socket, sandbox: str, limits: Limits) -> WorkerProcess:
    """Starts the worker with its end of the socket and nothing else: no environment, no other descriptors, no input."""
    descriptor = theirs.fileno()
    command = [sys.executable, "-m", "trainer.worker", str(descriptor)]
    root = Path(__file__).resolve().parent.parent.parent
    environment = {"PATH": os.defpath, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/"}
    confinement: dict[str, Any] = {"kind": sandbox, "memory_bytes": limits.memory_bytes}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment, pass_fds=(descriptor,), cwd="/"
    )
    theirs.close()
    return WorkerProcess(process, confinement)
