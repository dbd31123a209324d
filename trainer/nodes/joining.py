"""How the nodes of a job come together: meet over mutual TLS, compare notes, and build the network of their workers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from trainer.agent.process import WorkerNetwork
from trainer.checkpoint.vault import RunVault, StoredCheckpoint
from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.ledger.publication import run_stream
from trainer.nodes.certificates import NodeName, run_authority
from trainer.nodes.leader import opened
from trainer.nodes.link import Link
from trainer.nodes.member import find_leader
from trainer.nodes.messages import Message, NodeEntry, Ready, Resume, Roster, parse
from trainer.nodes.namespace import Namespace, new_namespace, run, without_ipv6
from trainer.nodes.node import Keys, check_roster, tunnel_peers
from trainer.nodes.place import WIREGUARD_PORT, NodePlace
from trainer.nodes.ticket import read_ticket, write_ticket
from trainer.nodes.wireguard import tunnel, tunnel_address

Event = Callable[[str, dict[str, Any]], None]
_REFUSALS = 100


@dataclass(frozen=True)
class Joined:
    """What came of joining."""

    links: dict[int, Link]
    resume: StoredCheckpoint | None
    network: WorkerNetwork
    store_address: str
    description: dict[str, Any]


def join(stack: ExitStack, job: JobSpec, place: NodePlace, vault: RunVault, event: Event, deadline: float) -> Joined:
    """Joins this node to the others; what it sets up is taken down with `stack`. Raises `TrainerError(PEER)`."""
    lead = _lead if place.rank == 0 else _follow
    return lead(stack, job, place, vault, event, deadline)


def _lead(stack: ExitStack, job: JobSpec, place: NodePlace, vault: RunVault, event: Event, deadline: float) -> Joined:
    resume = vault.latest()
    run_key = vault.keys.signer(vault.keys.newest)
    refused: list[str] = []

    def turn_away(words: str) -> None:
        # Anybody can connect: what is kept of it is bounded.
        if len(refused) < _REFUSALS:
            refused.append(words[:200])
            event("refused", {"who": words[:200]})

    with opened(job, place, run_authority(run_key, job.tenant, job.run), turn_away) as (generation, listener):
        details = {"run": job.run, "generation": generation.id, "nodes": job.world, "fabric": _fabric(job)}
        vault.log.append(run_stream(job.run), "nodes-open", details)
        generation.entries[0] = _at(generation.entries[0], _fabric_address(job) or generation.entries[0].address)
        write_ticket(vault.store, generation.ticket(), run_key)
        event("waiting", {"nodes": job.world, "generation": generation.id})
        generation.gather(listener, deadline)
    entries = tuple(generation.entries[rank] for rank in range(job.world))
    links = dict(sorted(generation.links.items()))
    for link in links.values():
        stack.callback(link.close)
    authority = generation.authority.certificate
    names, attested = check_roster(entries, authority, job, place, generation.id, generation.document)
    roster = Roster(nodes=entries, resume=_described(resume))
    for link in links.values():
        link.send(roster.model_dump(mode="json"))
    network, description = _network(stack, job, place.rank, generation.keys, entries, names)
    for rank, link in links.items():
        link.timeout(max(1.0, deadline - time.monotonic()))
        _expect(Ready, parse(link.receive(), f"node {rank}"), f"node {rank}")
    for link in links.values():
        link.send(Ready().model_dump(mode="json"))
        link.timeout(None)
    description |= {"generation": generation.id, "attested": _who(attested), "turned_away": len(refused)}
    vault.log.append(run_stream(job.run), "nodes-joined", {"run": job.run} | description)
    return Joined(links, resume, network, _store_address(job, entries), description)


def _follow(stack: ExitStack, job: JobSpec, place: NodePlace, vault: RunVault, event: Event, deadline: float) -> Joined:
    authority = run_authority(vault.keys.signer(vault.keys.newest), job.tenant, job.run)
    trusted = vault.keys.public_keys()
    event("joining", {"node": place.rank})
    met = find_leader(
        job,
        place,
        authority,
        lambda: read_ticket(vault.store, trusted, job.tenant, job.run),
        deadline,
        _fabric_address(job),
    )
    stack.callback(met.link.close)
    met.link.timeout(max(1.0, deadline - time.monotonic()))
    roster = parse(met.link.receive(), "the leader")
    if not isinstance(roster, Roster):
        raise TrainerError(Reason.PEER, f"the leader sent {roster.type} where the list of nodes was expected")
    issuer, generation = met.ticket.certificate, met.ticket.generation
    names, attested = check_roster(roster.nodes, issuer, job, place, generation, met.document)
    if names[place.rank].wireguard != met.keys.wireguard_public:
        raise TrainerError(Reason.PEER, f"the leader lists another node as node {place.rank}")
    resume = vault.latest()
    if _described(resume) != roster.resume:
        raise TrainerError(
            Reason.STALE,
            f"node {place.rank} finds {_described(resume)} as the newest checkpoint, the leader {roster.resume}",
        )
    network, description = _network(stack, job, place.rank, met.keys, roster.nodes, names)
    met.link.send(Ready().model_dump(mode="json"))
    _expect(Ready, parse(met.link.receive(), "the leader"), "the leader")
    met.link.timeout(None)
    description |= {"generation": generation, "attested": _who(attested)}
    vault.log.append(run_stream(job.run), "nodes-joined", {"run": job.run, "node": place.rank} | description)
    return Joined({0: met.link}, resume, network, _store_address(job, roster.nodes), description)


def _network(
    stack: ExitStack, job: JobSpec, rank: int, keys: Keys, entries: tuple[NodeEntry, ...], names: list[NodeName]
) -> tuple[WorkerNetwork, dict[str, Any]]:
    """The worker's network namespace with the one interface that leads to its peers."""
    assert job.nodes is not None  # only then are there nodes to join
    inner = stack.enter_context(new_namespace())
    without_ipv6(inner)
    if job.nodes.interface is not None:
        _give(job.nodes.interface, inner)
        interface, implementation = job.nodes.interface, "provider"
    else:
        peers = tunnel_peers(entries, names, rank)
        made = tunnel(
            keys.wireguard, WIREGUARD_PORT, tunnel_address(rank), peers, inner, min(entry.mtu for entry in entries)
        )
        interface, implementation = stack.enter_context(made)
    # NCCL would look for other networks of the machine; there is only this one, and it carries sockets.
    environment = {
        "GLOO_SOCKET_IFNAME": interface,
        "NCCL_SOCKET_IFNAME": interface,
        "TP_SOCKET_IFNAME": interface,
    } | ({"NCCL_NET": "Socket", "NCCL_IB_DISABLE": "1"} if implementation != "provider" else {})
    return WorkerNetwork(inner.descriptor, environment), {"fabric": _fabric(job), "tunnel": implementation}


def _give(interface: str, inner: Namespace) -> None:
    """Moves a network interface of the machine to the worker, with the addresses it has."""
    described = json.loads(run("ip", "-json", "address", "show", "dev", interface))[0]
    run("ip", "link", "set", interface, "netns", f"/proc/self/fd/{inner.descriptor}", descriptors=(inner.descriptor,))
    for entry in described["addr_info"]:
        if entry["family"] == "inet":
            inner.run("ip", "address", "add", f"{entry['local']}/{entry['prefixlen']}", "dev", interface)
    inner.run("ip", "link", "set", interface, "up")


def _fabric_address(job: JobSpec) -> str | None:
    """This node's address on the provider's network, where gradients go that way."""
    assert job.nodes is not None  # only then are there nodes to join
    if job.nodes.interface is None:
        return None
    described = json.loads(run("ip", "-json", "address", "show", "dev", job.nodes.interface))[0]
    found = [entry["local"] for entry in described["addr_info"] if entry["family"] == "inet"]
    if not found:
        raise TrainerError(Reason.PEER, f"nodes.interface {job.nodes.interface}: has no IPv4 address")
    return str(found[0])


def _store_address(job: JobSpec, entries: tuple[NodeEntry, ...]) -> str:
    """Where torch's store is, as workers reach it."""
    return entries[0].address if job.nodes and job.nodes.interface else str(tunnel_address(0))


def _fabric(job: JobSpec) -> str:
    assert job.nodes is not None  # only then are there nodes to join
    return job.nodes.fabric


def _at(entry: NodeEntry, address: str) -> NodeEntry:
    return entry.model_copy(update={"address": address})


def _described(resume: StoredCheckpoint | None) -> Resume | None:
    return Resume(step=resume.body.step, manifest=resume.manifest_digest) if resume else None


def _who(attested: list[bool]) -> list[int]:
    """The ranks whose attestation this node has judged, itself among them where it can attest."""
    return [rank for rank, judged in enumerate(attested) if judged]


def _expect(kind: type[Message], message: Message, sender: str) -> None:
    if not isinstance(message, kind):
        raise TrainerError(Reason.PEER, f"{sender} sent {message.type} where {kind.__name__.lower()} was expected")
