"""Agents of several nodes in network namespaces, and what is on the wire between them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operations.node_network import Machine, NodeNetwork
from trainer.job import JobSpec
from trainer.nodes.namespace import Namespace

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0
AGENT = ("-m", "trainer.agent")
# The agent as its command starts it, but told that the provider's network encrypts: the control.
BELIEVER = (
    "-c",
    """
import sys, trainer.agent.__main__ as command
from trainer.nodes import place
from trainer.nodes.fabric import FabricFacts
facts = FabricFacts(cloud="test", machine_type="veth", encrypted=True, source="the test says so, and it is not true")
place.machine_facts = lambda job, environment: facts
raise SystemExit(command.main(sys.argv[1:]))
""",
)


@dataclass
class Agent:
    """A running agent and the events that it has printed."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    _heard: threading.Condition = field(default_factory=threading.Condition)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._heard:
                self.events.append(json.loads(line))
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event that is wanted; fails when the agent ends without it."""

        def found() -> dict[str, Any] | None:
            return next((event for event in self.events if wanted(event)), None)

        with self._heard:
            self._heard.wait_for(lambda: found() is not None or self.process.poll() is not None, PATIENCE)
            event = found()
        assert event is not None, self.events[-3:]
        return event

    def event(self, name: str) -> dict[str, Any]:
        return self.until(lambda event: event["event"] == name)

    def at_step(self, step: int) -> dict[str, Any]:
        return self.until(lambda event: event["event"] == "progress" and event["step"] >= step)

    def kill_worker(self) -> None:
        os.kill(self.event("worker")["pid"], signal.SIGKILL)

    def end(self) -> dict[str, Any]:
        """The last event, once the agent has ended."""
        self.process.wait(PATIENCE)
        with self._heard:
            self._heard.wait_for(lambda: bool(self.events) and self.events[-1]["event"] in {"result", "failed"}, 60)
        return self.events[-1]


@contextmanager
def agent(machine: Machine | None, rank: int | None, job: JobSpec, folder: Path, start: Any = AGENT) -> Iterator[Agent]:
    """The agent of one rank on a machine (None: outside, alone)."""
    path = folder / f"job-{time.monotonic_ns()}.json"
    path.write_text(job.model_dump_json())
    words = [sys.executable, *start, "--job", str(path)]
    descriptors: tuple[int, ...] = ()
    if machine is not None:
        words = machine.space.command(*words, "--node", str(rank), "--address", machine.address)
        descriptors = (machine.space.descriptor,)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, pass_fds=descriptors, env=environment, cwd=ROOT
    )
    made = Agent(process)
    reader = threading.Thread(target=made.read)
    reader.start()
    try:
        yield made
    finally:
        process.kill()
        process.wait()
        reader.join()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def agents(network: NodeNetwork, job: JobSpec, folder: Path, start: Any = AGENT) -> Iterator[list[Agent]]:
    """The agents of all ranks of a job."""
    with (
        agent(network.machines[0], 0, job, folder, start) as first,
        agent(network.machines[1], 1, job, folder, start) as second,
    ):
        yield [first, second]


class Capture:
    """Every frame that the switch sees, from the moment of making until `stop`."""

    def __init__(self, switch: Namespace) -> None:
        every_protocol = 0x0003
        self._socket = switch.call(
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(every_protocol))
        )
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self._socket.settimeout(0.2)
        self._stopping = threading.Event()
        self.frames: list[bytes] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.frames.append(self._socket.recv(1 << 17))
            except TimeoutError:
                continue

    def stop(self) -> list[bytes]:
        self._stopping.set()
        self._thread.join()
        self._socket.close()
        return self.frames

    def udp(self, port: int) -> list[bytes]:
        """The payloads of UDP datagrams over IPv4 to this port, as captured up to now."""
        return [
            frame[42:]
            for frame in list(self.frames)
            if frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == port.to_bytes(2, "big")
        ]


def losses(events: list[dict[str, Any]], known: dict[int, float]) -> None:
    """Adds the losses of the events to those known; a step that is seen again must have the same loss, bit for bit."""
    for event in events:
        if event["event"] == "progress" and "loss" in event:
            assert known.setdefault(event["step"], event["loss"]) == event["loss"], f"step {event['step']}"
