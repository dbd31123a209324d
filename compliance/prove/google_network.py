"""The network path on Google Cloud: no packet of one tenant's networks arrives in another's.

First what joins networks at all: peerings, machines with an interface in somebody else's network, Private Service
Connect, ways to the internet or out. Tenants in different components cannot exchange a packet, whatever routes and
rules say. Only for tenants in the same component packets are followed.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field

from compliance.errors import ComplianceError
from compliance.estate.google_model import GoogleEstate
from compliance.prove.result import Finding
from compliance.reason.google_network import Fabric, load, reach_google
from compliance.reason.google_network.model import Route
from compliance.reason.google_network.ranges import GOOGLE_APIS

_INTERNET, _OUTSIDE = "internet", "outside"


@dataclass
class GoogleNetworkProof:
    """Findings by ordered pair."""

    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)

    @property
    def entered(self) -> frozenset[tuple[str, str]]:
        """Pairs of whom it is not proved that the first stays out of the second's networks."""
        return frozenset(self.findings)


def prove_google_network(estate: GoogleEstate, tenants: tuple[str, ...]) -> GoogleNetworkProof:
    """Every ordered pair of the tenants on the network path."""
    proof = GoogleNetworkProof()
    wanted = [tenant for tenant in tenants if tenant in estate.tenants]
    assets = [
        {"name": n["name"], "assetType": n["type"], "resource": {"data": n["data"]}, "ancestors": n["ancestors"]}
        for n in estate.networks
    ]
    try:
        fabric = load(assets)
    except ComplianceError as error:
        for attacker in wanted:
            for victim in wanted:
                if attacker != victim:
                    proof.findings[attacker, victim] = Finding("indeterminate", error.place, (str(error),))
        return proof
    for members in _components(fabric, estate):
        for attacker in sorted(members & set(wanted)):
            for victim in sorted(members & set(wanted)):
                if attacker != victim:
                    finding = _search(fabric, estate, attacker, victim)
                    if finding is not None:
                        proof.findings[attacker, victim] = finding
    return proof


class _Components:
    """Networks as nodes of a union-find."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, node: str) -> str:
        root = node
        while self.parent.setdefault(root, root) != root:
            root = self.parent[root]
        while self.parent[node] != root:
            self.parent[node], node = root, self.parent[node]
        return root

    def join(self, left: str, right: str) -> None:
        self.parent[self.find(left)] = self.find(right)


def _components(fabric: Fabric, estate: GoogleEstate) -> list[set[str]]:
    """Tenants whose networks are joined by anything."""
    graph = _Components()
    places = [(estate.whose.of_project(project), network) for network, project in fabric.networks.items()]
    places += [(estate.whose.of_project(host.project), host.network) for host in fabric.hosts]
    for network, project in fabric.networks.items():
        for peering in fabric.peerings.get(network, ()):
            graph.join(network, peering.there)
        for route in fabric.routes.get(network, ()):
            if not _to_google(route):
                graph.join(network, _INTERNET if route.hop == "internet" else _OUTSIDE)
        if any(gap.project == project for gap in fabric.missing):
            graph.join(network, _OUTSIDE)
        if project in fabric.balanced:
            graph.join(network, _INTERNET)
        for spoke in fabric.spokes.get(network, ()):
            graph.join(network, spoke.hub)
    _join_outside(graph, fabric)
    for endpoint in fabric.endpoints:
        theirs = "/".join(endpoint.attachment.split("/")[:2])
        behind = fabric.attachments.get(endpoint.attachment)
        named = [network for network, project in fabric.networks.items() if project == theirs]
        for network in [behind] if behind is not None else named:
            graph.join(endpoint.network, network)
    groups: dict[str, set[str]] = defaultdict(set)
    for owner, network in places:
        groups[graph.find(network)].add(owner)
    return [members for members in groups.values() if len(members) > 1]


def _join_outside(graph: _Components, fabric: Fabric) -> None:
    """Joins hubs of which something is not known, and machines with an external address, to what they may lead to."""
    hubs = {spoke.hub for spokes in fabric.spokes.values() for spoke in spokes}
    for hub, gap in itertools.product(sorted(hubs), fabric.missing):
        if hub.startswith(f"projects/{gap.project}/"):
            graph.join(hub, _OUTSIDE)
    for host in fabric.hosts:
        if host.external:
            graph.join(host.network, _INTERNET)


def _to_google(route: Route) -> bool:
    """Whether a route leads to Google's own services only."""
    first, last = route.block.network_address, route.block.broadcast_address
    return any(first in block and last in block for block in GOOGLE_APIS if block.version == route.block.version)


def _search(fabric: Fabric, estate: GoogleEstate, attacker: str, victim: str) -> Finding | None:
    doubtful: Finding | None = None
    for source in _projects(fabric, estate, attacker):
        for target in _projects(fabric, estate, victim):
            answer = reach_google(fabric, source, target, possible=True)
            if answer.disposition == "reachable":
                text = f"a packet of {source} arrives in {target}"
                resource = answer.hops[-1]["id"] if answer.hops else target
                return Finding("violated", resource, (text,), {"packet": answer.as_json()["witness"]})
            if answer.disposition == "indeterminate":
                doubtful = Finding("indeterminate", target, answer.missing)
    return doubtful


def _projects(fabric: Fabric, estate: GoogleEstate, tenant: str) -> list[str]:
    named = {*fabric.networks.values(), *(host.project for host in fabric.hosts)}
    return sorted(project for project in named if estate.whose.of_project(project) == tenant)
