"""Steps through internet, egress-only, carrier and NAT gateways, and across the internet into another VPC."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from compliance.reason.network.addresses import (
    ANY,
    ANY_V4,
    ANY_V6,
    NAT64,
    PUBLIC,
    PUBLIC_V4,
    PUBLIC_V6,
    Interval,
    Ranges,
    covered,
    intersect,
    ranges_text,
    union,
)
from compliance.reason.network.flow import Flow, Restore
from compliance.reason.network.inside import depart, enter, follow, settle
from compliance.reason.network.model import Interface, NatGateway, Route
from compliance.reason.network.network import Network
from compliance.reason.network.public_access import blocked
from compliance.reason.network.routing import next_steps, table_of_subnet
from compliance.reason.network.search import Search
from compliance.reason.network.space import ANY_PORT, EPHEMERAL, ICMP, ICMPV6, TCP, UDP, Box, Packet, Space

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


def to_nat(search: Search, flow: Flow, route: Route, vpc: str, subnet: str | None) -> None:
    """Into a NAT gateway and out of it again with its own source address; IPv6 to 64:ff9b::/96 becomes IPv4."""
    nat = search.network.nats.get(route.target)
    if nat is None:
        search.unknown(flow, route.target, "NAT gateway")
        return
    if nat.state != "available":
        search.block(flow, "NAT gateway", nat.id, f"is {nat.state}")
        return
    moved = flow.visiting(nat.id)
    if moved is None:
        search.block(flow, "NAT gateway", nat.id, "the routes lead in a circle")
        return
    entered = [moved] if nat.subnet in (None, subnet) else enter(search, moved, nat.subnet or "")
    for inside in entered:
        _translate(search, inside, nat, vpc)


def _translate(search: Search, flow: Flow, nat: NatGateway, vpc: str) -> None:
    if nat.id in search.goal.crossings:
        search.deliver(flow, "NAT gateway", nat.id, "is taken by the NAT gateway")
    sources = _own_addresses(search, nat)
    sender = Interface(
        id=nat.id,
        vpc=vpc,
        subnet=nat.subnet or "",
        owner=None,
        kind="nat_gateway",
        addresses=sources,
        public=nat.public,
    )
    plain = _translated(flow.space.towards((ANY_V4,)), sources, ICMP)
    wide = _translated(flow.space.towards((NAT64,)), sources, ICMPV6)
    if not plain and not wide:
        search.block(flow, "NAT gateway", nat.id, f"translates no {flow.space.text()}")
    for space, restore in ((plain, _before_nat), (_from_nat64(wide), _before_nat64)):
        if space:
            text = f"leaves with the source address {ranges_text(sources)}"
            out = flow.through("NAT gateway", nat.id, text, space, restore=restore)
            _out_of_nat(search, replace(out, sender=sender, direct=False, entered=""), nat, vpc)


def from_nat(search: Search, nat: NatGateway, space: Space) -> None:
    """Packets that a NAT gateway itself puts on the wire."""
    own = space.coming_from(_own_addresses(search, nat))
    flow = Flow(own).through("NAT gateway", nat.id, f"{nat.id} sends", own)
    sender = _sender(nat, nat.vpc, _own_addresses(search, nat))
    _out_of_nat(search, replace(flow, sender=sender, direct=False), nat, nat.vpc)


def _own_addresses(search: Search, nat: NatGateway) -> Ranges:
    subnet = search.network.subnets.get(nat.subnet or "")
    return intersect(nat.addresses or (subnet.addresses if subnet else ()), (ANY_V4,)) or (ANY_V4,)


def _sender(nat: NatGateway, vpc: str, sources: Ranges) -> Interface:
    return Interface(
        id=nat.id,
        vpc=vpc,
        subnet=nat.subnet or "",
        owner=None,
        kind="nat_gateway",
        addresses=sources,
        public=nat.public,
    )


def _out_of_nat(search: Search, flow: Flow, nat: NatGateway, vpc: str) -> None:
    if nat.subnet is not None:
        depart(search, flow, nat.subnet)
        return
    table = search.network.route_tables.get(nat.route_table or "")
    if table is None:
        search.unknown(flow, nat.id, "route table of regional NAT gateway")
        return
    follow(search, flow, table, vpc, None)


def _translated(space: Space, sources: Ranges, icmp: int) -> Space:
    """NAT gateways translate TCP, UDP and ICMP (VPC user guide, "NAT gateway basics")."""
    made: dict[Box, None] = {}
    for box in space.boxes:
        for number, ports in ((TCP, EPHEMERAL), (UDP, EPHEMERAL), (icmp, ANY_PORT)):
            if box.protocol[0] <= number <= box.protocol[1]:
                made |= {
                    Box(source, box.destination, (number, number), ports, box.destination_port): None
                    for source in sources
                }
    return Space(tuple(made))


def _from_nat64(space: Space) -> Space:
    """IPv6 destinations under 64:ff9b::/96 as the IPv4 destinations inside them; ICMPv6 becomes ICMP of any type."""
    made: list[Box] = []
    for box in space.boxes:
        destination = (box.destination[0] - NAT64[0], box.destination[1] - NAT64[0])
        if box.protocol == (ICMPV6, ICMPV6):
            made.append(Box(box.source, destination, (ICMP, ICMP)))
        else:
            made.append(replace(box, destination=destination))
    return Space(tuple(made))


def _before_nat(packet: Packet) -> tuple[Box, ...]:
    return (_keeping(packet.destination, packet.protocol, (packet.destination_port, packet.destination_port)),)


def _before_nat64(packet: Packet) -> tuple[Box, ...]:
    if packet.protocol == ICMP:
        return (_keeping(packet.destination + NAT64[0], ICMPV6, ANY_PORT),)
    port = (packet.destination_port, packet.destination_port)
    return (_keeping(packet.destination + NAT64[0], packet.protocol, port),)


def _keeping(destination: int, protocol: int, port: Interval) -> Box:
    return Box(ANY[0], (destination, destination), (protocol, protocol), ANY_PORT, port)


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
