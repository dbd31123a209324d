"""State of one search: the work still to do, what arrived, what stood in the way, what was not known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from compliance.reason.network.addresses import NAT64, Ranges, intersect, union
from compliance.reason.network.filters import Passed
from compliance.reason.network.flow import Flow, Obstacle
from compliance.reason.network.model import Interface, Route
from compliance.reason.network.network import Network

Forward = Callable[["Search", Flow, Route, str, str | None], None]
"""Takes packets that a route sends to its target: (search, flow, route, VPC, subnet whose table it was or None)."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What counts as arriving: at a host, outside the facts, or in passing an object.

    `entry` are the destinations with which a packet can get there. `vpcs` and `accounts` belong to it whole, `owners`
    own some of it. `internet` says that `outside` is the internet,
    which a private connection to another site is not.
    """

    hosts: Mapping[str, tuple[Interface, ...]]
    outside: Ranges = ()
    internet: bool = False
    crossings: frozenset[str] = frozenset()
    vpcs: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    owners: frozenset[str | None] = frozenset()
    entry: Ranges = ()


@dataclass
class Search:
    """A breadth-first walk of flows from the sources to the goal."""

    network: Network
    goal: Goal
    one_way: bool
    forwards: Mapping[str, Forward]
    into_service: Callable[[Search, Flow, str], None]
    """Takes packets that arrived at an interface of an endpoint to the provider: (search, flow, endpoint id)."""
    emit: Callable[[Search, Flow, Interface], None]
    """Sends packets from a host: (search, flow, host)."""
    endpoints: Mapping[str, tuple[tuple[str, Interface], ...]] = field(default_factory=dict)
    """By VPC: interfaces of endpoints that lead to another party's service, with the endpoint's id."""
    arrived: list[Flow] = field(default_factory=list)
    doubtful: list[Flow] = field(default_factory=list)
    obstacles: dict[Obstacle, Obstacle] = field(default_factory=dict)
    work: deque[Callable[[], None]] = field(default_factory=deque)

    def run(self) -> None:
        """Works until a packet certainly arrives or nothing is left."""
        while self.work and not self.arrived:
            self.work.popleft()()

    def push(self, step: Callable[[], None]) -> None:
        """Adds work."""
        self.work.append(step)

    def deliver(self, flow: Flow, kind: str, name: str, text: str) -> None:
        """Packets that reached the goal."""
        if not flow.space:
            return
        done = flow.through(kind, name, text, flow.space)
        (self.doubtful if done.missing else self.arrived).append(done)

    def unknown(self, flow: Flow, name: str, what: str) -> None:
        """Packets that went to something no fact describes: they may arrive."""
        if flow.space:
            why = self.network.contradictory.get(name)
            self.doubtful.append(flow.lacking(f"{what} {name}" + (f" ({why})" if why else "")))

    def block(self, flow: Flow, kind: str, name: str, reason: str) -> None:
        """Packets that end here short of the goal."""
        obstacle = Obstacle(name, kind, reason, len(flow.hops))
        known = self.obstacles.get(obstacle)
        if known is None or known.depth < obstacle.depth:
            self.obstacles.pop(obstacle, None)
            self.obstacles[obstacle] = obstacle

    def passing(self, flow: Flow, passed: Passed, kind: str, name: str, reason: str) -> list[Flow]:
        """The flows that a filter lets through: certain, and with a missing fact; an obstacle if there is neither."""
        base = flow.assuming(*passed.assumed) if passed.assumed else flow
        flows = []
        if passed.certain:
            flows.append(
                base.through(kind, name, f"{kind} {name} lets it through", passed.certain, explain=passed.explain)
            )
        if passed.uncertain:
            flows.append(
                base.through(kind, name, f"{kind} {name} may let it through", passed.uncertain).lacking(*passed.missing)
            )
        if not flows and flow.space:
            self.block(flow, kind, name, f"{reason}: {flow.space.text()}")
        return flows

    def hosts_in(self, vpc: str) -> tuple[Interface, ...]:
        """Hosts of the goal in the VPC."""
        return self.goal.hosts.get(vpc, ())


def entry_of(hosts: tuple[Interface, ...], outside: Ranges, endpoints: Ranges) -> Ranges:
    """Destinations by which packets can get there: own, public, by NAT64, by the endpoints of PrivateLink."""
    direct = union(outside, *(h.addresses for h in hosts), *(outer for h in hosts for _, outer in h.public))
    base = NAT64[0]
    translated = tuple((base + low, base + high) for low, high in intersect(direct, ((0, (1 << 32) - 1),)))
    return union(direct, translated, endpoints)
