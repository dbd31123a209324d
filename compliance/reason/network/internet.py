"""Steps through internet, egress-only and carrier gateways, and across the internet into another VPC."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from compliance.reason.network.addresses import (
    ANY_V6,
    PUBLIC,
    PUBLIC_V4,
    PUBLIC_V6,
    Ranges,
    covered,
    intersect,
    ranges_text,
    union,
)
from compliance.reason.network.flow import Flow, Restore
from compliance.reason.network.inside import follow, settle
from compliance.reason.network.model import Interface, Route
from compliance.reason.network.network import Network
from compliance.reason.network.public_access import blocked
from compliance.reason.network.routing import next_steps, table_of_subnet
from compliance.reason.network.search import Search
from compliance.reason.network.space import Box, Packet, Space

_ANSWERING = frozenset({"internet", "carrier", "endpoint", "interface", "instance"})
"""Kinds of routes by which a reply can leave through the gateway that the request came in by."""


def to_internet_gateway(search: Search, flow: Flow, route: Route, vpc: str, subnet: str | None) -> None:
    """Out through an internet or carrier gateway, which exchanges the private for the public source address.

    Only the VPC's own interfaces with a public IPv4 address, or with an IPv6 address of the VPC, get through.
    """
    if not _is_attached(search, flow, route, vpc):
        return
    sender = flow.sender if not flow.entered else None
    outward = sender.subnet if sender else subnet
    by_nat = sender is not None and sender.kind == "nat_gateway"
    reason = blocked(search.network, vpc, outward, inward=False, one_way=search.one_way or by_nat)
    if reason:
        search.block(flow, *reason)
        return
    passed = False
    own_v6 = intersect(covered(search.network.vpcs[vpc].blocks), (ANY_V6,)) if vpc in search.network.vpcs else ()
    space = flow.space.towards(PUBLIC_V6).coming_from(own_v6)
    if space and sender is not None:
        passed = True
        left = flow.through("internet gateway", route.target, "leaves the VPC by IPv6", space)
        at_internet(search, left, route.target)
    for private, public in sender.public if sender else ():
        space = flow.space.towards(PUBLIC_V4).coming_from(private)
        if space:
            passed = True
            text = f"leaves the VPC with the public address {ranges_text(public)}"
            left = flow.through(
                "internet gateway", route.target, text, _from(space, public), restore=_before_source(private)
            )
            at_internet(search, left, route.target)
    if not passed:
        who = sender.id if sender else "what comes through a gateway"
        search.block(flow, "internet gateway", route.target, f"{who} has no public address for {flow.space.text()}")


def to_egress_only(search: Search, flow: Flow, route: Route, vpc: str, subnet: str | None) -> None:
    """Out through an egress-only internet gateway: IPv6 only, and nothing comes in by it."""
    if not _is_attached(search, flow, route, vpc):
        return
    reason = blocked(search.network, vpc, subnet, inward=False, one_way=True)
    if reason:
        search.block(flow, *reason)
        return
    own = covered(search.network.vpcs[vpc].blocks) if vpc in search.network.vpcs else ()
    space = flow.space.towards(PUBLIC_V6).coming_from(own)
    if not space:
        search.block(flow, "egress-only internet gateway", route.target, f"carries no {flow.space.text()}")
        return
    left = flow.through("egress-only internet gateway", route.target, "leaves the VPC by IPv6", space)
    at_internet(search, left, route.target)


def _is_attached(search: Search, flow: Flow, route: Route, vpc: str) -> bool:
    """An undescribed gateway counts as attached: an active route says so (EC2 shows a detached one as blackhole)."""
    gateway = search.network.gateways.get(route.target)
    if gateway is None and route.target in search.network.contradictory:
        search.unknown(flow, route.target, "gateway")
        return False
    if gateway is not None and vpc not in gateway.vpcs:
        search.block(flow, "gateway", route.target, f"is not attached to {vpc}")
        return False
    return True


def at_internet(search: Search, flow: Flow, gateway: str | None, *, only: frozenset[str] = frozenset()) -> None:
    """Packets on the internet: at the goal if it is out there, or into VPCs by public addresses.

    `gateway` is where they came out; `only` names the gateways that they may go in by, all of them if empty.
    """
    if gateway is not None and gateway in search.goal.crossings:
        search.deliver(flow, "internet gateway", gateway, "is on the way out to the internet")
    outside = replace(flow, space=flow.space.towards(intersect(search.goal.outside, PUBLIC)))
    search.deliver(outside, "internet", "internet", "arrives at an address outside the facts")
    moved = flow.visiting("internet")
    if moved is None:
        return
    for hosts in search.goal.hosts.values():
        for host in hosts:
            _into_host(search, moved, host, only)


def _into_host(search: Search, flow: Flow, host: Interface, only: frozenset[str]) -> None:
    if only and gateways_by_vpc(search.network).get(host.vpc) not in only:
        search.block(flow, "internet gateway", ", ".join(sorted(only)), f"is not attached to {host.vpc}")
        return
    for private, public in host.public:
        met = flow.space.towards(public)
        if met:
            space = _towards(met, private)
            _through_gateway(search, flow, host, space, restore=_before_destination(public))
    met = flow.space.towards(intersect(host.addresses, PUBLIC_V6))
    if met:
        _through_gateway(search, flow, host, met, restore=None)


def _through_gateway(search: Search, flow: Flow, host: Interface, space: Space, *, restore: Restore | None) -> None:
    network = search.network
    name = gateways_by_vpc(search.network).get(host.vpc)
    if name is None:
        search.block(flow, "VPC", host.vpc, "has no internet gateway through which packets come in")
        return
    reason = blocked(network, host.vpc, host.subnet, inward=True, one_way=search.one_way)
    if reason:
        search.block(flow, *reason)
        return
    inside = replace(
        flow.through("internet gateway", name, f"enters {host.vpc} for {host.id}", space, restore=restore),
        sender=None,
        entered="outside",
        direct=False,
        rewritten=flow.rewritten + 1,
    )
    if not search.one_way:
        answered = _answered(search, inside.space, host)
        if not answered:
            table = table_of_subnet(network, host.subnet)
            named = table.id if table else host.subnet
            search.block(inside, "route table", named, f"has no route by which {host.id} could answer the internet")
            return
        inside = replace(inside, space=answered)
    table_name = network.table_of_gateway.get(name)
    if table_name is None:
        settle(search, inside, host.vpc, None)
    elif table_name in network.route_tables:
        follow(search, inside, network.route_tables[table_name], host.vpc, None)
    else:
        search.unknown(inside, table_name, "route table")


def _answered(search: Search, space: Space, host: Interface) -> Space:
    """The packets whose source the host's subnet routes back to an internet gateway.

    An internet gateway serves only subnets that route to it (VPC user guide, "Internet gateways": public subnet).
    """
    table = table_of_subnet(search.network, host.subnet)
    if table is None:
        return space
    back = Space(tuple(Box(host.addresses[0], interval) for interval in space.sources()))
    served: Ranges = ()
    for step in next_steps(table, search.network.vpcs.get(host.vpc), back):
        if step.route and step.certain and step.route.active and step.route.kind in _ANSWERING:
            served = union(served, step.space.destinations())
    return space.coming_from(served)


@lru_cache(maxsize=2)
def gateways_by_vpc(network: Network) -> dict[str, str]:
    """The internet or carrier gateway of each VPC: attached to it, or the target of one of its active routes."""
    found = {
        table.vpc: route.target
        for table in network.route_tables.values()
        for route in table.routes
        if route.kind in ("internet", "carrier") and route.active and route.target not in network.gateways
    }
    for gateway in network.gateways.values():
        if gateway.kind in ("internet", "carrier"):
            found |= dict.fromkeys(gateway.vpcs, gateway.id)
    return found


def _before_source(private: Ranges) -> Restore:
    """The packets before an internet gateway gave them another source."""

    def restore(packet: Packet) -> tuple[Box, ...]:
        return tuple(replace(_exactly(packet), source=part) for part in private)

    return restore


def _before_destination(public: Ranges) -> Restore:
    """The packets before an internet gateway gave them another destination."""

    def restore(packet: Packet) -> tuple[Box, ...]:
        return tuple(replace(_exactly(packet), destination=part) for part in public)

    return restore


def _exactly(packet: Packet) -> Box:
    fields = (packet.source, packet.destination, packet.protocol, packet.source_port, packet.destination_port)
    return Box(*((field, field) for field in fields))


def _from(space: Space, sources: Ranges) -> Space:
    return Space(tuple(dict.fromkeys(replace(box, source=part) for box in space.boxes for part in sources)))


def _towards(space: Space, destinations: Ranges) -> Space:
    return Space(tuple(dict.fromkeys(replace(box, destination=part) for box in space.boxes for part in destinations)))
