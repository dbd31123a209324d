"""Which VPCs could exchange packets at all: the components of the graph of everything that joins two networks.

This looks at objects, not at rules, so it errs only towards joining. Two ends in different components, of which the
first cannot get out to the internet or the second cannot be entered from there, cannot reach each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from compliance.reason.network.between import SITES
from compliance.reason.network.internet import gateways_by_vpc
from compliance.reason.network.network import Network
from compliance.reason.network.privatelink import balancer_interfaces, service_of

_SITE = "networks behind private connections"
_LEADING_OUT = frozenset({"internet", "carrier", "egress-only", "nat"})


@dataclass(frozen=True, slots=True)
class Components:
    """The components of a network.

    `of` maps a VPC to the name of its component. `leaving` components can send to the internet, `entered` VPCs can be
    sent to from there, `wild` components touch something that no fact describes.
    """

    of: dict[str, str]
    leaving: frozenset[str]
    entered: frozenset[str]
    wild: frozenset[str]


class _Groups:
    """Disjoint sets with path halving."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, item: str) -> str:
        self.parent.setdefault(item, item)
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def join(self, left: str, right: str) -> None:
        self.parent[self.find(left)] = self.find(right)


def components(network: Network) -> Components:
    """The components of the network's VPCs."""
    groups = _Groups()
    wild: set[str] = set(network.vpcs) if network.contradictory or network.cut_short else set()
    leaving: set[str] = set()
    for peering in network.peerings.values():
        groups.join(peering.sides[0][0], peering.sides[1][0])
    for attachment in network.attachments.values():
        groups.join(attachment.resource or attachment.id, attachment.gateway)
        if attachment.kind in SITES:
            groups.join(attachment.gateway, _SITE)
    for gateway in network.gateways.values():
        for vpc in gateway.vpcs if gateway.kind == "vpn" else ():
            groups.join(vpc, _SITE)
    for table in network.route_tables.values():
        for route in table.routes:
            if route.kind in _LEADING_OUT:
                leaving.add(table.vpc)
            if route.kind == "transit":
                groups.join(table.vpc, route.target)
            known = (route.kind != "transit" or route.target in network.transit_gateways) and (
                route.kind != "peering" or route.target in network.peerings
            )
            if not known or route.kind == "other" or (route.kind == "endpoint" and _is_lost(network, route.target)):
                wild.add(table.vpc)
    _join_services(network, groups, wild)
    for vpc in network.vpcs:
        groups.find(vpc)
    tabled = {table.vpc for table in network.route_tables.values()}
    wild |= set(network.vpcs) - tabled
    return Components(
        {name: groups.find(name) for name in network.vpcs},
        frozenset(groups.find(vpc) for vpc in leaving),
        frozenset(gateways_by_vpc(network)),
        frozenset(groups.find(vpc) for vpc in wild),
    )


def _is_lost(network: Network, endpoint: str) -> bool:
    """An endpoint that no fact describes and that is not one for an AWS service's prefix list."""
    return endpoint not in network.endpoints


def _join_services(network: Network, groups: _Groups, wild: set[str]) -> None:
    for endpoint in network.endpoints.values():
        name = service_of(network, endpoint.id)
        if name is None:
            continue
        groups.join(endpoint.vpc, name)
        service = network.services.get(name)
        if service is None:
            wild.add(endpoint.vpc)
            continue
        homes = {interface.vpc for interface in balancer_interfaces(network, service)}
        homes |= {network.balancer_vpcs[b] for b in service.balancers if b in network.balancer_vpcs}
        homes |= {vpc.id for vpc in network.vpcs.values() if service.owner and vpc.owner == service.owner}
        for home in homes:
            groups.join(home, name)
        if not homes:
            wild.add(endpoint.vpc)
