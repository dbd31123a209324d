"""Steps through NAT gateways, which give packets their own source address and IPv6 its IPv4 (NAT64)."""

from __future__ import annotations

from dataclasses import replace

from compliance.reason.network.addresses import ANY, ANY_V4, NAT64, Interval, Ranges, intersect, ranges_text
from compliance.reason.network.flow import Flow
from compliance.reason.network.inside import depart, enter, follow
from compliance.reason.network.model import Interface, NatGateway, Route
from compliance.reason.network.search import Search
from compliance.reason.network.space import ANY_PORT, EPHEMERAL, ICMP, ICMPV6, TCP, UDP, Box, Packet, Space


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
