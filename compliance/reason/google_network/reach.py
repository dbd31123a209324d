"""Can any packet get from one end to another? Decided on representatives.

Rules and routes cut addresses, protocols and ports into ranges within which every packet fares alike. One packet of
each combination is followed; if none arrives, none does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from compliance.errors import ComplianceError
from compliance.reason.google_network.deliver import behind, deliver, enter, leave, to_google
from compliance.reason.google_network.ends import End, resolve
from compliance.reason.google_network.model import Block, Fabric, Gap, Host
from compliance.reason.google_network.narrow import Narrowing
from compliance.reason.google_network.outcome import Fate
from compliance.reason.google_network.parse_rules import protocol_number
from compliance.reason.google_network.private_service import through_endpoints
from compliance.reason.google_network.ranges import (
    classes,
    cuts,
    number,
    only_google,
    public_addresses,
    rules_of,
    spread,
)
from compliance.reason.google_network.rules import Packet
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN

_WITH_PORTS: Final = (6, 17, 132)


@dataclass(frozen=True, slots=True)
class GoogleReach:
    """The answer.

    Attributes:
        packet, hops: of the witness, where reachable.
        blocked_by: (kind, id, reason), where not.
        missing: what would settle it, where indeterminate.
        assumed: what was filled in.
    """

    disposition: Literal["reachable", "unreachable", "indeterminate"]
    packet: Packet | None = None
    hops: tuple[dict[str, Any], ...] = ()
    blocked_by: tuple[tuple[str, str, str], ...] = ()
    missing: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The documented JSON form (`docs/reach.md`)."""
        found: dict[str, Any] = {"disposition": self.disposition}
        if self.packet is not None:
            found["witness"] = {"packet": self.packet.as_json(), "hops": list(self.hops)}
        if self.disposition == "unreachable":
            found["blockedBy"] = [{"id": i, "kind": k, "reason": r} for k, i, r in self.blocked_by]
        if self.missing:
            found["missing"] = list(self.missing)
        if self.assumed:
            found["assumed"] = list(self.assumed)
        return found


def reach_google(
    fabric: Fabric, source: str, target: str, protocol: str = "-1", port: str | None = None, *, possible: bool = False
) -> GoogleReach:
    """Whether a packet can get from one end to the other.

    Args:
        fabric: from `load`.
        source: a network, subnet, instance, project (`projects/<id or number>`), block of addresses, or `internet`.
        target: the same.
        protocol: a name, a number, or -1 for any.
        port: `N` or `N-M`, the destination's.
        possible: whether machines that could be placed in the subnets count where there are others already.

    Raises:
        ComplianceError: an end or the protocol is not understood.
    """
    start, end = resolve(fabric, source, possible=possible), resolve(fabric, target, possible=possible)
    wanted, ports = protocol_number(protocol, "--protocol"), _ports(port)
    unknown = [f"no fact describes {e.text}" for e in (start, end) if not e.known]
    if unknown:
        return GoogleReach("indeterminate", missing=tuple(unknown))
    networks = tuple(dict.fromkeys(host.network for each in (start, end) for host in each.hosts))
    marks = cuts(fabric, networks)
    start, end = (replace(e, hosts=classes((spread(h, marks) for h in e.hosts), marks)) for e in (start, end))
    assumed = _assumed(fabric, start, end)
    gaps = _gaps(fabric, start, end)
    headers = _Headers(wanted, ports, port is not None)
    blocked: dict[tuple[str, str, str], None] = {}
    doubtful: dict[str, None] = {}
    for packet, fate in _fates(fabric, start, end, headers, marks):
        if fate.truth == TRUE:
            if any(gap.filters for gap in gaps):
                return GoogleReach("indeterminate", missing=tuple(g.text for g in gaps), assumed=assumed)
            return GoogleReach("reachable", packet, fate.hops, assumed=assumed)
        if fate.truth == FALSE:
            blocked[fate.obstacle] = None
        else:
            doubtful[": ".join(part for part in fate.obstacle if part) or "a rule that is not modelled"] = None
    lost = [f"{network} is not described by any fact" for network in networks if network not in fabric.networks]
    lost += [f"the addresses of {h.id}" for each in (start, end) for h in each.hosts if not h.addresses]
    missing = [*list(doubtful)[:10], *(gap.text for gap in gaps), *lost]
    if missing:
        return GoogleReach("indeterminate", missing=tuple(dict.fromkeys(missing)), assumed=assumed)
    if not blocked:
        blocked[("end", end.text, "there is no host on one of the ends")] = None
    return GoogleReach("unreachable", blocked_by=tuple(blocked)[:20], assumed=assumed)


def _assumed(fabric: Fabric, start: End, end: End) -> tuple[str, ...]:
    hosts = [host for each in (start, end) for host in each.hosts]
    placed = [f"a machine could be placed in {host.subnet}" for host in hosts if host.possible]
    lost = [f"no firewall policy stands above {h.network}" for h in hosts if h.network not in fabric.networks]
    return tuple(dict.fromkeys((*placed, *lost)))


def _gaps(fabric: Fabric, start: End, end: End) -> list[Gap]:
    """The missing facts that bear on the answer: those of either end, and ways out that both ends have."""

    def of(gap: Gap, each: End) -> bool:
        near = {host.network for host in each.hosts}
        hubs = {spoke.hub for network in near for spoke in fabric.spokes.get(network, ())}
        near |= {peering.there for network in near for peering in fabric.peerings.get(network, ())}
        near |= hubs | {n for n, spokes in fabric.spokes.items() if any(spoke.hub in hubs for spoke in spokes)}
        homes = {"/".join(network.split("/")[:2]) for network in near if gap.hybrid or network not in hubs}
        return gap.project in (each.projects | homes)

    found = [gap for gap in fabric.missing if not gap.hybrid]
    found = [gap for gap in found if not gap.project or of(gap, start) or of(gap, end)]
    ways = [[gap for gap in fabric.missing if gap.hybrid and of(gap, each)] for each in (start, end)]
    return [*found, *ways[0], *ways[1]] if all(ways) else found


def _fates(
    fabric: Fabric, start: End, end: End, headers: _Headers, marks: tuple[Block, ...]
) -> Iterator[tuple[Packet, Fate]]:
    """Every packet that differs from the others in something that a rule or route asks for, and what becomes of it."""
    every = headers.of(fabric, [host.network for each in (start, end) for host in each.hosts])
    narrowing = Narrowing(fabric)
    yield from through_endpoints(fabric, start, end, every)
    sources: list[Host | None] = [*start.hosts, *([None] if start.internet else [])]
    targets: list[Host | None] = [*end.hosts, *([None] if end.internet else [])]
    for source in sources:
        for target in targets:
            if source is None and target is None:
                continue
            if source is not None and target is not None and source.id == target.id and not source.possible:
                continue
            ends = [host.network for host in (source, target) if host is not None]
            for from_, to in _addresses(start, end, source, target, marks):
                near, kinds = fabric, every
                if source is None or target is None or to not in target.external:
                    inner = behind(to, target) if source is None and target is not None else to
                    near = narrowing.between(source, from_, target, inner)
                    kinds = headers.of(near, ends)
                for protocol, at in kinds:
                    packet = Packet(from_, to, protocol, at)
                    yield packet, _fate(near, packet, source, target, google=only_google(end.blocks))
    yield from _to_balancers(fabric, start, end, every)


def _fate(fabric: Fabric, packet: Packet, source: Host | None, target: Host | None, *, google: bool) -> Fate:
    if source is None:
        assert target is not None
        return enter(fabric, packet, target)
    if target is None and google:
        return to_google(fabric, packet, source)
    return leave(fabric, packet, source) if target is None else deliver(fabric, packet, source, target)


def _to_balancers(
    fabric: Fabric, start: End, end: End, headers: tuple[tuple[int, int], ...]
) -> Iterator[tuple[Packet, Fate]]:
    """Packets over the internet to external load balancers of the target, whose backends are not followed."""
    addresses = [each for project in sorted(end.projects) for each in fabric.balanced.get(project, ())]
    apart = {host.project for host in start.hosts}.isdisjoint(end.projects)
    for source in start.hosts if apart else ():
        for from_, to in ((f, t) for t in addresses for f in source.addresses):
            for protocol, at in headers:
                packet = Packet(from_, to or "198.51.100.7", protocol, at)
                fate = leave(fabric, packet, source)
                if fate.truth != FALSE:
                    what = "a load balancer may lead to it"
                    yield packet, replace(fate, truth=UNKNOWN, obstacle=("load balancer", to or end.text, what))
                    return


def _addresses(
    start: End, end: End, source: Host | None, target: Host | None, marks: tuple[Block, ...]
) -> Iterator[tuple[str, str]]:
    starts = source.addresses if source is not None else public_addresses(start.blocks, marks)
    ends = tuple(dict.fromkeys((*target.addresses, *target.external))) if target is not None else ()
    if target is None:
        ends = public_addresses(end.blocks, marks)
    elif source is None:
        ends = target.external or target.addresses[:1]
    for from_ in starts:
        for to in ends:
            if number(from_).version == number(to).version and from_ != to:
                yield from_, to


@dataclass(frozen=True, slots=True)
class _Headers:
    """Protocols and ports that are asked about; with a port `named`, only protocols that have ports."""

    wanted: int | None
    ports: tuple[int, int]
    named: bool

    def of(self, fabric: Fabric, networks: Iterable[str]) -> tuple[tuple[int, int], ...]:
        """Those that the rules of the networks tell apart."""
        layers = {layer for rule in rules_of(fabric, dict.fromkeys(networks)) for layer in rule.layers}
        numbers = {6, 17, 1, 253} | {layer.protocol for layer in layers if layer.protocol is not None}
        first, last = self.ports
        edges = {first, last, 443} | {edge for layer in layers for a, b in layer.ports or () for edge in (a, b + 1)}
        at = sorted(edge for edge in edges if first <= edge <= last)
        found: list[tuple[int, int]] = []
        for protocol in sorted(numbers) if self.wanted is None else (self.wanted,):
            if protocol in _WITH_PORTS:
                found += [(protocol, each) for each in at]
            elif not self.named or self.wanted is not None:
                found.append((protocol, 0))
        return tuple(found)


def _ports(port: str | None) -> tuple[int, int]:
    low, _, high = (port or "0-65535").strip().partition("-")
    if not ((low + high).isascii() and low.isdigit() and (high or low).isdigit()):
        raise ComplianceError("--port", f"{port!r} is no port or range of ports")
    if not int(low) <= int(high or low) <= 65535:
        raise ComplianceError("--port", f"{port!r} is no port or range of ports")
    return int(low), int(high or low)
