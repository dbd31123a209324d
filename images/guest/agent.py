"""The node's first service: answers the host's questions about the boot and passes on the worker's progress.

It talks JSON lines over the virtio port `bulkhead.control`. The host sends one line, `{"nonce": hex, "work": bool,
"job": text}`; `job` is optional and its hash is extended into register 14 first. The node answers with its evidence,
then, if there is work, with each line of the worker, then with `{"event": "end"}`.
Keys, data and jobs are the trainer's agent's business, not this one's.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

from .evidence import EvidenceError, collect, measure_job

PORT = Path("/dev/virtio-ports/bulkhead.control")
SOCKET = Path("/run/bulkhead/worker.sock")
PORT_PATIENCE = 60.0
"""Seconds to wait for the port's device and for the host's question."""
WORKER_PATIENCE = 600.0
LONGEST_LINE = 1 << 16


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
    """Tells systemd that the worker may connect now (sd_notify(3)); does nothing when systemd did not start us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


def send(port: int, message: dict[str, object]) -> None:
    """Writes one JSON line, whole."""
    data = json.dumps({"uptime": uptime(), **message}).encode() + b"\n"
    while data:
        data = data[os.write(port, data) :]


def serve_worker(listener: socket.socket, port: int) -> bool:
    """Passes the worker's lines to the host; true when the worker said that it ended well.

    Raises:
        TimeoutError: the worker was silent for too long.
    """
    listener.settimeout(WORKER_PATIENCE)
    connection, _ = listener.accept()
    connection.settimeout(WORKER_PATIENCE)
    good = False
    with connection, connection.makefile("rb") as lines:
        for line in iter(lambda: lines.readline(LONGEST_LINE), b""):
            message = json.loads(line)
            good = message.get("event") == "trained"
            send(port, {"from": "worker", **message})
    return good


def main() -> int:
    """0 when the evidence was given and the work, if any, was done."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(SOCKET))
    SOCKET.chmod(0o660)
    listener.listen(1)
    ready()
    port = open_port()
    question = json.loads(read_line(port))
    try:
        own = [measure_job(question["job"].encode())] if question.get("job") else []
        send(port, {"event": "evidence", "evidence": collect(bytes.fromhex(question["nonce"]), own)})
    except (EvidenceError, OSError) as error:
        send(port, {"event": "error", "message": f"evidence: {error}"})
        return 1
    good = serve_worker(listener, port) if question.get("work") else True
    send(port, {"event": "end", "good": good})
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
