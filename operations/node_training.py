"""Running a job on several nodes of this machine: process nodes in network namespaces of their own, on one switch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from operations.errors import CommandError, Exit
from operations.local import LocalCloud
from operations.node_network import Machine, node_network
from operations.nodes import process, refusals
from tenancy.fleet import Fleet
from tenancy.tenant import Tenant

Event = Callable[[str, dict[str, Any]], None]
_AGAIN = {"peer", "worker", "protocol"}
"""Reasons after which the nodes are started again; anything else would only happen again."""


@dataclass
class _Agent:
    """One node's agent: what it said last, and its exit status."""

    rank: int
    process: subprocess.Popen[str]
    log: Path
    last: dict[str, Any] = field(default_factory=dict)
    said: str = ""

    def listen(self, event: Event) -> None:
        """Passes on what the agent says, until it ends."""
        assert self.process.stdout is not None  # it was started with a pipe
        with self.process.stdout as lines:
            for line in lines:
                self.last = json.loads(line)
                name = str(self.last.pop("event"))
                event(name, self.last if self.rank == 0 else {"node": self.rank} | self.last)

    def words(self) -> str:
        """Why it failed."""
        status = f"the agent ended with status {self.process.returncode}"
        return f"node {self.rank}: {self.last.get('message') or self.said[-2000:] or status}"


def train_on_nodes(
    cloud: LocalCloud,
    fleet: Fleet,
    tenant: Tenant,
    job: Mapping[str, Any],
    event: Event,
    root: Path,
    restarts: int = 0,
) -> dict[str, Any]:
    """Runs a job on as many process nodes as it asks for; returns the leader's result as plain values.

    When a node is lost all of them are started again, at most `restarts` times, and go on from the last checkpoint.
    Raises `CommandError`: bad input before anything is started, or every node's own words.
    """
    _check(tenant, job)
    decided = refusals.size(cloud.ledger, tenant.id)
    for again in range(restarts, -1, -1):
        agents = _once(cloud, fleet, tenant, job, event, root)
        failed = [agent for agent in agents if agent.process.returncode != 0]
        if not failed:
            return agents[0].last
        if again == 0 or not any(agent.last.get("reason") in _AGAIN for agent in failed):
            break
        event("restart", {"left": again - 1})
    bad = any(agent.process.returncode == 2 for agent in failed)
    # What a node says of itself comes before what others say of its loss.
    failed.sort(key=lambda agent: agent.last.get("reason") == "peer")
    reasons = [agent.words() for agent in failed]
    reasons += refusals.reasons_since(cloud.ledger, tenant.id, decided)
    words = "\n  ".join(dict.fromkeys(reasons))
    raise CommandError(f"{tenant.id}: training stopped:\n  {words}", Exit.BAD_INPUT if bad else Exit.FINDINGS)


def _check(tenant: Tenant, job: Mapping[str, Any]) -> None:
    from trainer.errors import TrainerError  # noqa: PLC0415
    from trainer.job import JobSpec  # noqa: PLC0415
    from trainer.nodes.place import check_machine  # noqa: PLC0415

    if tenant.cloud == "gcp":
        raise CommandError(f"{tenant.id}: several nodes on this machine are for tenants on AWS; set nodes to 1")
    checked = JobSpec.model_validate(job)
    assert checked.nodes is not None  # training.train() calls only then
    if checked.nodes.fabric == "provider":
        raise CommandError(f"{tenant.id}: nodes.fabric provider: this machine is no provider; set it to wireguard")
    try:
        check_machine(checked.nodes)
    except TrainerError as error:
        raise CommandError(str(error)) from error


def _once(
    cloud: LocalCloud, fleet: Fleet, tenant: Tenant, job: Mapping[str, Any], event: Event, root: Path
) -> list[_Agent]:
    """Starts all nodes and waits until each has ended."""
    from trainer.errors import TrainerError  # noqa: PLC0415

    document = json.dumps(job).encode()
    count = int(job["nodes"]["count"])
    service = urlsplit(cloud.network(tenant.id)).port
    assert service is not None  # the local cloud's listeners always name one
    agents: list[_Agent] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bulkhead-job-")))
        (folder / process.JOB_FILE).write_bytes(document)
        try:
            network = stack.enter_context(node_network(count, [service]))
        except TrainerError as error:
            raise CommandError(str(error)) from error
        for rank, machine in enumerate(network.machines):
            node = stack.enter_context(process.started(cloud, fleet, tenant, document, root))
            found = node.environment | {"BULKHEAD_ATTESTATION_ROOTS": str(cloud.attestation_roots.resolve())}
            agents.append(stack.enter_context(_agent(machine, rank, folder, found, root)))
        lock = threading.Lock()

        def one_by_one(name: str, values: dict[str, Any]) -> None:
            with lock:
                event(name, values)

        listeners = [threading.Thread(target=agent.listen, args=(one_by_one,)) for agent in agents]
        for listener in listeners:
            listener.start()
        for listener in listeners:
            listener.join()
        for agent in agents:
            agent.process.wait()
            agent.said = agent.log.read_text(encoding="utf-8", errors="replace").strip()
    return agents


@contextmanager
def _agent(machine: Machine, rank: int, folder: Path, found: Mapping[str, str], root: Path) -> Iterator[_Agent]:
    """The agent of one node. The command line is an ordinary node's, which is measured: the place is told beside it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    place = {"BULKHEAD_NODE": str(rank), "BULKHEAD_NODE_ADDRESS": machine.address, "PYTHONPATH": str(root)}
    log = folder / f"stderr-{rank}"
    with log.open("wb") as errors:
        started = subprocess.Popen(
            machine.space.command(sys.executable, *process.ARGUMENTS),
            env=kept | dict(found) | place,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            pass_fds=(machine.space.descriptor,),
        )
    try:
        yield _Agent(rank, started, log)
    finally:
        started.kill()
        started.wait()
