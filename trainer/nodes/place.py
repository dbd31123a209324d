"""This node's place in a job, and what it needs before anything is started."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from attestation.certificates import Roots, load_certificates
from attestation.errors import AttestationError
from trainer.agent.unit import SETTING
from trainer.attest.source import chosen
from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec, Nodes
from trainer.nodes.attested import Attestation
from trainer.nodes.fabric import FabricFacts, demand_encryption, machine_facts

CONTROL_PORT: Final = 51819
"""TCP, on the leader: enrolment and control between agents (mutual TLS)."""
ROOTS: Final = "BULKHEAD_ATTESTATION_ROOTS"
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
    check_machine(job.nodes)
    if job.nodes.attested and place.attestation is None:
        raise TrainerError(
            Reason.BAD_JOB,
            "nodes.attested: this node has no source of attestation documents (BULKHEAD_ATTESTATION); "
            "run it on a machine that has one, or leave nodes.attested out",
        )
    if job.nodes.fabric == "provider":
        demand_encryption(place.fabric, f"node {place.rank}")


def check_machine(nodes: Nodes) -> None:
    """Raises `TrainerError(SANDBOX)` where this machine cannot be a node of a job with several."""
    if os.environ.get(SETTING):
        raise TrainerError(
            Reason.SANDBOX,
            f"several nodes: the worker is a unit of the machine ({SETTING}) and has no network that could be joined; "
            "let the agent start it",
        )
    if os.geteuid() != 0:
        raise TrainerError(Reason.SANDBOX, "several nodes: the agent needs root to make the worker's network")
    needed = ("ip", "nsenter", "setpriv") + (("wg",) if nodes.fabric == "wireguard" else ())
    missing = [program for program in needed if shutil.which(program) is None]
    if missing:
        raise TrainerError(Reason.SANDBOX, f"several nodes: {', '.join(missing)} not found (iproute2, wireguard-tools)")


def _check_address(address: str) -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
        except OSError:
            continue
        return
    raise TrainerError(Reason.BAD_JOB, f"address {address!r}: expected an IPv4 or IPv6 address")


def place_from(job: JobSpec, rank: int, address: str | None, environment: Mapping[str, str]) -> NodePlace:
    """This node's place with its means to attest and, where the provider is to encrypt, what it says of this machine.

    BULKHEAD_ATTESTATION chooses the source of documents (see trainer/attest/source.py), and BULKHEAD_ATTESTATION_ROOTS
    names a folder of certificates that peers' documents may lead to instead of AWS's root.
    """
    source = chosen(environment)
    attestation = None
    if source is not None:
        folder = environment.get(ROOTS)
        attestation = Attestation(source, _roots(Path(folder))) if folder else Attestation(source)
    wanted = job.nodes is not None and job.nodes.fabric == "provider"
    return NodePlace(rank, address, attestation, machine_facts(job, environment) if wanted else None)


def _roots(folder: Path) -> Roots:
    try:
        files = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
        certificates = tuple(entry for data in files for entry in load_certificates(data, str(folder)))
    except (OSError, AttestationError) as error:
        raise TrainerError(Reason.BAD_JOB, f"{ROOTS}={folder}: cannot be read as certificates: {error}") from error
    return Roots(certificates=certificates)
