"""Longest-prefix match over a route table, for whole sets of packets at once."""

from __future__ import annotations

from dataclasses import dataclass

from compliance.reason.network.addresses import Block, Interval, Ranges, subtract
from compliance.reason.network.model import Route, RouteTable, TransitRoute, Vpc
from compliance.reason.network.network import Network
from compliance.reason.network.space import Space


@dataclass(frozen=True, slots=True)
class Step:
    """Packets and the route that takes them.

    `route` is None for what no route takes; `certain` is false for a route whose destinations are not known.
    """

    route: Route | None
    space: Space
    certain: bool = True


def table_of_subnet(network: Network, subnet: str) -> RouteTable | None:
    """The route table of a subnet: the one associated with it, else the main one of its VPC."""
    name = network.table_of_subnet.get(subnet)
    if name is None and subnet in network.subnets:
        name = network.main_table.get(network.subnets[subnet].vpc)
    return network.route_tables.get(name) if name else None


def next_steps(table: RouteTable, vpc: Vpc | None, space: Space) -> list[Step]:
    """Which route takes which packets.

    The longest prefix wins; of equal ones static before prefix list before propagated, and a local route before any
    propagated one however long (VPC user guide, "Route priority"). A local route that a table does not show is added:
    every table has one for each block of its VPC.
    """
    steps = [Step(route, space, certain=False) for route in table.routes if route.blocks is None and space]
    left = space
    for interval, route in _ordered(table, vpc):
        taken = left.towards((interval,))
        if taken:
            steps.append(Step(route, taken))
            left = left.beyond((interval,))
    if left:
        steps.append(Step(None, left))
    return steps


def _ordered(table: RouteTable, vpc: Vpc | None) -> list[tuple[Interval, Route]]:
    entries: list[tuple[tuple[int, int], Interval, Route]] = []
    known = {block for route in table.routes for block in route.blocks or ()}
    local: list[tuple[Block, Route]] = [
        (block, Route(block_text, (block,), "local", "local", active=True, propagated=False, by_list=False))
        for block in (vpc.blocks if vpc else ())
        if block not in known and (block_text := "local")
    ]
    routes = [(block, route) for route in table.routes for block in route.blocks or ()] + local
    inside: Ranges = tuple(sorted(block[0] for block, route in routes if route.kind == "local"))
    for (interval, length), route in routes:
        rank = 2 if route.propagated else int(route.by_list)
        pieces = subtract((interval,), inside) if route.propagated else (interval,)
        entries += [((-length, rank), piece, route) for piece in pieces]
    return [(interval, route) for _, interval, route in sorted(entries, key=lambda e: (e[0], e[1], e[2].target))]


def next_transit_steps(routes: tuple[TransitRoute, ...], space: Space) -> list[tuple[TransitRoute | None, Space]]:
    """Which transit gateway route takes which packets: the longest prefix, a static route before a propagated one."""
    steps: list[tuple[TransitRoute | None, Space]] = []
    left = space
    for route in sorted(routes, key=lambda r: (-r.length, not r.static, r.text, r.attachments)):
        taken = left.towards((route.block,))
        if taken:
            steps.append((route, taken))
            left = left.beyond((route.block,))
    if left:
        steps.append((None, left))
    return steps
