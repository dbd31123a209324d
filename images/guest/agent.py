"""The node's first service: answers the host's question about the boot, then runs the trainer's agent on the job.

It talks JSON lines over the virtio port `bulkhead.control`. The host sends one line, the `Assignment`; the node
answers with its evidence, then, if there is work, with each event of the trainer's agent, then with `{"event": "end"}`.
The hash of the job is extended into register 14 before the node gives evidence and before anything of the job runs.

What the host says is not trusted with anything: it could as well pull the plug. Keys come only to measured machines,
and an endpoint that is not the tenant's cloud has none to give.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from .assignment import Assignment, AssignmentError, read_assignment
from .evidence import EvidenceError, collect, measure_job

PORT = Path("/dev/virtio-ports/bulkhead.control")
SOCKET = Path("/run/bulkhead/worker.sock")
JOB = Path("/run/bulkhead/job.json")
PORT_PATIENCE = 60.0
"""Seconds to wait for the port's device and for the host's question."""
NETWORK_PATIENCE = 60.0
LONGEST_LINE = 1 << 20


def uptime() -> float:
    """Seconds since the kernel started."""
    return float(Path("/proc/uptime").read_text().split()[0])


def open_port() -> int:
    """The descriptor of the virtio port, once udev has named it.

    Raises:
        TimeoutError: this machine has no such port.
    """
    deadline = time.monotonic() + PORT_PATIENCE
    while not PORT.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{PORT} did not appear: the machine was started without the control port")
        time.sleep(0.1)
    return os.open(PORT, os.O_RDWR | os.O_CLOEXEC)


def read_line(port: int) -> bytes:
    """One line from the host. An unconnected port reads as empty, so this asks again until the host is there.

    Raises:
        TimeoutError: the host said nothing in time.
        ValueError: the line is too long.
    """
    deadline = time.monotonic() + PORT_PATIENCE
    line = b""
    while not line.endswith(b"\n"):
        if time.monotonic() > deadline:
            raise TimeoutError("the host did not send its question in time")
        piece = os.read(port, 4096)
        if not piece:
            time.sleep(0.1)
        line += piece
        if len(line) > LONGEST_LINE:
            raise ValueError(f"the host's question is longer than {LONGEST_LINE} bytes")
    return line


def ready() -> None:
    """Tells systemd that the worker may start now (sd_notify(3)); does nothing when systemd did not start us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


def send(port: int, message: dict[str, object]) -> None:
    """Writes one JSON line, whole."""
    data = json.dumps({"uptime": uptime(), **message}).encode() + b"\n"
    while data:
        data = data[os.write(port, data) :]


def reach(host: str, number: int, patience: float = NETWORK_PATIENCE) -> None:
    """Waits until the cloud's address can be reached; DHCP may still be under way.

    Raises:
        TimeoutError: it cannot.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_connection((host, number), timeout=5).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{host}:{number} cannot be reached: {error}") from error
            time.sleep(0.2)
        else:
            return


def work(assignment: Assignment, listener: socket.socket, port: int) -> bool:
    """Runs the trainer's agent on the job, passing its events on; true when it ended well.

    Raises:
        TimeoutError: the network did not come up.
        OSError: the agent could not be started.
    """
    JOB.write_text(assignment.job)
    reach(*assignment.address())
    environment = {**os.environ, **assignment.environment(), "BULKHEAD_WORKER": f"fd:{listener.fileno()}"}
    command = [sys.executable, "--check-hash-based-pycs", "never", "-P", "-m", "trainer.agent", "--job", str(JOB)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, pass_fds=(listener.fileno(),)
    ) as agent:
        listener.close()
        assert agent.stdout is not None
        with agent.stdout as lines:
            for line in iter(lambda: lines.readline(LONGEST_LINE), b""):
                send(port, {"from": "trainer", **json.loads(line)})
    return agent.returncode == 0


def main() -> int:
    """0 when the evidence was given and the work, if any, was done."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(SOCKET))
    SOCKET.chmod(0o660)
    listener.listen(1)
    ready()
    port = open_port()
    send(port, {"event": "started"})
    good = False
    try:
        assignment = read_assignment(read_line(port))
        own = [measure_job(assignment.job.encode())] if assignment.job else []
        send(port, {"event": "evidence", "evidence": collect(assignment.nonce, own)})
        good = work(assignment, listener, port) if assignment.endpoint else True
    except (AssignmentError, EvidenceError, OSError, ValueError) as error:
        send(port, {"event": "error", "message": f"{type(error).__name__}: {error}"})
    send(port, {"event": "end", "good": good})
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
