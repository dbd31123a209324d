"""One node of a tenant as a virtual machine: made, registered as EC2 would start it, given a job, watched."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from operations.errors import CommandError
from operations.local import LocalCloud
from operations.nodes.process import Chip, launch

if TYPE_CHECKING:
    from images.boot import Boot
    from images.firmware import EnrolledKeys
    from tenancy.fleet import Fleet
    from tenancy.tenant import Tenant

PATIENCE = 1800.0
"""Seconds after which a machine is stopped: software emulation on a busy machine is slow."""
Told = Callable[[Mapping[str, Any], float], None]


@dataclass(frozen=True)
class Node:
    """A machine that the local cloud knows.

    Args:
        tenant: whose it is.
        machine: its id, `i-…`.
        directory: its own state: TPM, firmware variables, console log.
        network: `host:port` of the listener of the tenant's network.
        region: the cloud's region.
    """

    tenant: str
    machine: str
    directory: Path
    network: str
    region: str


@dataclass(frozen=True)
class Run:
    """What came of one boot with a job."""

    boot: Boot

    def event(self, name: str) -> Mapping[str, Any] | None:
        """The trainer's agent's first event of that name; None when there was none."""
        found = (m for m in self.boot.messages if m.get("from") == "trainer" and m.get("event") == name)
        return next(found, None)

    @property
    def result(self) -> Mapping[str, Any] | None:
        """The job's result when it was done and the machine went off by itself."""
        return self.event("result") if self.boot.good else None

    @property
    def first_step(self) -> float | None:
        """Seconds from power-on to the first training step."""
        return self.boot.times.get("progress")

    @property
    def started_again(self) -> tuple[str, ...]:
        """A line for each start before this one that ended in a processor's exception of the emulation."""
        return tuple(f"started again after: {said}" for said in self.boot.crashes)

    def why(self) -> str:
        """Why there is no result, in the words of whoever stopped it."""
        failed = self.event("failed") or next((m for m in self.boot.messages if m.get("event") == "error"), None)
        return str(failed["message"]) if failed else self.boot.why()


def make(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, directory: Path) -> Node:
    """A machine with a TPM of its own, registered with the tenant's instance profile.

    Before that its maker's certificate is checked, and that the key it will attest with lives in the certified TPM.

    Raises:
        CommandError: the local cloud does not take it.
        ImageError: the TPM could not be made, or is not certified.
    """
    from images import tpm  # noqa: PLC0415
    from images.endorsement import Authority, certified  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    authority = Authority(directory.parent / "authority")
    public = tpm.manufacture(directory, authority.options()).read_bytes()
    chip = Chip(directory, public, certified(directory, authority))
    machine = launch(cloud, fleet, tenant, chip)
    return Node(tenant.id, machine, directory, urlsplit(cloud.network(tenant.id)).netloc, cloud.region)


def run(
    node: Node,
    disk: Path,
    keys: EnrolledKeys,
    job: Mapping[str, Any],
    *,
    record: Path | None = None,
    told: Told | None = None,
) -> Run:
    """Boots `disk` on the machine with a job and waits until it is off.

    Args:
        node: the machine.
        disk: never written to.
        keys: what Secure Boot trusts.
        job: the job document.
        record: an existing directory that keeps what the node sends over its network.
        told: called with each message of the node.

    Raises:
        ImageError: QEMU or the TPM did not start.
    """
    from images import boot  # noqa: PLC0415
    from images.guest.assignment import Assignment  # noqa: PLC0415

    machine = boot.Machine(node.directory, disk, keys, network=node.network, record=record)
    assignment = Assignment(secrets.token_bytes(32), json.dumps(job), f"http://{boot.CLOUD}", node.machine, node.region)
    return Run(boot.boot(machine, assignment=assignment, limit=PATIENCE, told=told))


def post(address: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and JSON object that an address of the local cloud answers.

    Raises:
        CommandError: it does not answer, or with something else.
    """
    data = json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"content-type": "application/json", **headers})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
            status, text = reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read()
    except (urllib.error.URLError, TimeoutError) as error:
        msg = f"{address}: no answer: {error}"
        raise CommandError(msg) from error
    try:
        answer = json.loads(text)
    except ValueError as error:
        msg = f"{address}: answered {status} with something that is not JSON: {text[:200]!r}"
        raise CommandError(msg) from error
    if not isinstance(answer, dict):
        msg = f"{address}: answered {status} with JSON that is no object: {text[:200]!r}"
        raise CommandError(msg)
    return status, answer
