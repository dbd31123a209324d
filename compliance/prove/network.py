"""The network path: no packet of one tenant's network arrives in another's.

First the attachments: peerings, transit gateways, endpoint services, shared networks, ways to the internet. Tenants in
different components of that graph cannot exchange a packet, whatever routes and filters say. Only for tenants in the
same component the header-space search over routes, security groups and ACLs decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance.errors import ComplianceError
from compliance.estate.build import tags_of
from compliance.estate.model import PLATFORM, Estate
from compliance.prove.result import Finding

_INTERNET = "internet"


@dataclass(slots=True)
class NetworkProof:
    """Findings by ordered pair, and how the rest was settled."""

    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
    searched: int = 0

    def reaches(self, attacker: str, victim: str) -> bool:
        """Whether it is not proved that the attacker stays out of the victim's network."""
        return (attacker, victim) in self.findings

    def entered(self, victim: str) -> bool:
        """Whether it is not proved of everybody."""
        return any(to == victim for _, to in self.findings)

    def ground(self, victim: str) -> str:
        """Why the remaining pairs are proved."""
        if victim in self.apart:
            return "nothing attaches its networks to any other network"
        return "the header-space search found no packet that arrives"


@dataclass(slots=True)
class _Graph:
    """Networks as nodes of a union-find, and the tenants in them."""

    parent: dict[str, str] = field(default_factory=dict)
    places: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def find(self, node: str) -> str:
        root = node
        while self.parent.setdefault(root, root) != root:
            root = self.parent[root]
        while self.parent[node] != root:
            self.parent[node], node = root, self.parent[node]
        return root

    def join(self, left: str, right: str) -> None:
        self.parent[self.find(left)] = self.find(right)


def prove_network(estate: Estate, tenants: tuple[str, ...]) -> NetworkProof:
    """Every ordered pair of the tenants on the network path."""
    graph = _graph(estate)
    components: dict[str, set[str]] = defaultdict(set)
    for tenant in tenants:
        for place in graph.places.get(tenant, ()):
            components[graph.find(place)].add(tenant)
    together = {members for members in map(frozenset, components.values()) if len(members) > 1}
    proof = NetworkProof(apart=frozenset(tenants) - frozenset(t for members in together for t in members))
    if not together:
        return proof
    from compliance.reason.network.documents import FactDocument  # noqa: PLC0415
    from compliance.reason.network.network import Network  # noqa: PLC0415

    try:
        network = Network.load(
            FactDocument(fact.document, f"{fact.account}/{fact.region}", fact.account, fact.region)
            for fact in estate.network
        )
    except ComplianceError as error:
        for attacker, victim in _pairs(together):
            proof.findings[attacker, victim] = Finding("indeterminate", "network", (str(error),))
        return proof
    for attacker, victim in _pairs(together):
        finding = _search(network, graph, attacker, victim)
        proof.searched += 1
        if finding is not None:
            proof.findings[attacker, victim] = finding
    return proof


def _pairs(together: set[frozenset[str]]) -> Iterator[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    for members in together:
        for attacker in sorted(members):
            for victim in sorted(members - {attacker}):
                if (attacker, victim) not in seen:
                    seen.add((attacker, victim))
                    yield attacker, victim


def _search(network: Any, graph: _Graph, attacker: str, victim: str) -> Finding | None:
    from compliance.reason.network.reach import reach  # noqa: PLC0415

    doubtful: Finding | None = None
    for source in sorted(graph.places[attacker] - {_INTERNET}):
        for target in sorted(graph.places[victim] - {_INTERNET}):
            if source == target:
                return Finding(
                    "violated",
                    source,
                    (f"{source} holds networks of both tenants, and nothing tells them apart",),
                    {"shared": source},
                )
            try:
                answer = reach(network, source, target, one_way=True, possible=True)
            except ComplianceError as error:
                doubtful = Finding("indeterminate", target, (str(error),))
                continue
            if answer.disposition == "reachable":
                witness = answer.as_json()["witness"]
                return Finding("violated", target, (f"a packet of {source} arrives in {target}",), {"packet": witness})
            if answer.disposition != "unreachable":
                doubtful = Finding("indeterminate", target, tuple(answer.missing))
    return doubtful


def _graph(estate: Estate) -> _Graph:
    graph = _Graph()
    labelled: dict[str, str] = {}
    for fact in estate.network:
        for vpc in _listed(fact.document, "Vpcs"):
            labelled[vpc["VpcId"]] = tags_of(vpc.get("Tags")).get("tenant", "")
            _settle(
                estate, graph, vpc.get("OwnerId") or fact.account, vpc["VpcId"], vpc["VpcId"], labelled[vpc["VpcId"]]
            )
    for fact in estate.network:
        _attach(estate, graph, fact.account, fact.document, labelled)
    return graph


def _settle(estate: Estate, graph: _Graph, account: str, vpc: str, place: str, label: str) -> None:
    """Notes which tenant is at a place, and that the place is in the VPC."""
    known = estate.accounts.get(account)
    tenants = known.tenants if known is not None else ()
    owner = tenants[0] if len(tenants) == 1 else label if label in tenants else PLATFORM
    graph.places[owner].add(place)
    graph.join(place, vpc)


def _listed(document: Mapping[str, Any], member: str) -> list[dict[str, Any]]:
    found = document.get(member)
    return found if isinstance(found, list) else []


def _attach(
    estate: Estate, graph: _Graph, account: str, document: Mapping[str, Any], labelled: Mapping[str, str]
) -> None:
    for item in _listed(document, "VpcPeeringConnections"):
        if item.get("Status", {}).get("Code") in ("active", "provisioning", "pending-acceptance", None):
            graph.join(item["RequesterVpcInfo"]["VpcId"], item["AccepterVpcInfo"]["VpcId"])
    for item in (*_listed(document, "TransitGatewayVpcAttachments"), *_listed(document, "TransitGatewayAttachments")):
        attached = item.get("VpcId") or item.get("ResourceId") or item["TransitGatewayAttachmentId"]
        graph.join(attached, item["TransitGatewayId"])
    for item in _listed(document, "VpcEndpoints"):
        service = item.get("ServiceName", "")
        if ".vpce-svc-" in service:
            graph.join(item["VpcId"], "vpce-svc-" + service.rsplit("vpce-svc-", 1)[1])
    for item in _listed(document, "ServiceConfigurations"):
        for place in graph.places.get(_owner(estate, account), ()):
            graph.join(item["ServiceId"], place)
    _attach_outside(graph, document)
    _settle_guests(estate, graph, account, document, labelled)


def _attach_outside(graph: _Graph, document: Mapping[str, Any]) -> None:
    """Whatever leads out of a VPC to places that no fact describes may lead to any other such VPC."""
    for member in ("InternetGateways", "EgressOnlyInternetGateways", "VpnGateways", "CarrierGateways"):
        for item in _listed(document, member):
            for attachment in item.get("Attachments") or item.get("VpcAttachments") or [item]:
                if attachment.get("VpcId"):
                    graph.join(attachment["VpcId"], _INTERNET)


def _settle_guests(
    estate: Estate, graph: _Graph, account: str, document: Mapping[str, Any], labelled: Mapping[str, str]
) -> None:
    """Subnets and interfaces of one owner in a VPC of another."""
    for item in (*_listed(document, "Subnets"), *_listed(document, "NetworkInterfaces")):
        vpc, holder = item.get("VpcId"), item.get("OwnerId") or account
        label = tags_of(item.get("Tags") or item.get("TagSet")).get("tenant", "")
        if vpc and (label not in ("", labelled.get(vpc)) or holder != account):
            place = item.get("NetworkInterfaceId") or item.get("SubnetId") or vpc
            _settle(estate, graph, holder, vpc, place, label)


def _owner(estate: Estate, account: str) -> str:
    known = estate.accounts.get(account)
    return known.tenants[0] if known is not None and len(known.tenants) == 1 else PLATFORM
