"""This node's place in a job, and what it needs before anything is started."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass
from typing import Final

from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.nodes.attested import Attestation
from trainer.nodes.fabric import FabricFacts, demand_encryption

CONTROL_PORT: Final = 51819
"""TCP, on the leader: enrolment and control between agents (mutual TLS)."""
WIREGUARD_PORT: Final = 51820
"""UDP, on every node."""


@dataclass(frozen=True)
class NodePlace:
    """Which node of the job this is, and by which means it joins."""

    rank: int
    """0 leads: it issues the generation's certificates, publishes checkpoints and exports the model."""
    address: str | None = None
    """Where other nodes reach this one; the leader needs it, members find theirs when they connect."""
    attestation: Attestation | None = None
    fabric: FabricFacts | None = None


def check_place(job: JobSpec, place: NodePlace | None) -> None:
    """Raises `TrainerError` for everything about this node that would stop the job later."""
    if job.nodes is None:
        if place is not None and place.rank != 0:
            raise TrainerError(Reason.BAD_JOB, f"node {place.rank}: the job is for one node; set nodes in the job")
        return
    if place is None:
        raise TrainerError(Reason.BAD_JOB, f"the job is for {job.world} nodes: say which one this is (--node)")
    if not 0 <= place.rank < job.world:
        raise TrainerError(Reason.BAD_JOB, f"node {place.rank}: the job's nodes are 0 to {job.world - 1}")
    if place.rank == 0 and place.address is None:
        raise TrainerError(Reason.BAD_JOB, "node 0 leads and has to say where the others reach it (--address)")
    if place.address is not None:
        _check_address(place.address)
    if os.geteuid() != 0:
        raise TrainerError(Reason.SANDBOX, "several nodes: the agent needs root to make the worker's network")
    needed = ("ip", "nsenter", "setpriv") + (("wg",) if job.nodes.fabric == "wireguard" else ())
    missing = [program for program in needed if shutil.which(program) is None]
    if missing:
        raise TrainerError(Reason.SANDBOX, f"several nodes: {', '.join(missing)} not found (iproute2, wireguard-tools)")
    if job.nodes.attested and place.attestation is None:
        raise TrainerError(
            Reason.BAD_JOB,
            "nodes.attested: this node has no source of attestation documents (BULKHEAD_ATTESTATION); "
            "run it on a machine that has one, or leave nodes.attested out",
        )
    if job.nodes.fabric == "provider":
        demand_encryption(place.fabric, f"node {place.rank}")


def _check_address(address: str) -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
        except OSError:
            continue
        return
    raise TrainerError(Reason.BAD_JOB, f"address {address!r}: expected an IPv4 or IPv6 address")
