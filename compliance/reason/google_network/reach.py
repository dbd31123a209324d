"""Can any packet get from one end to another? Decided on representatives.

Rules and routes cut addresses, protocols and ports into ranges within which every packet fares alike. One packet of
each combination is followed; if none arrives, none does.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from compliance.errors import ComplianceError
from compliance.reason.google_network.deliver import Fate, deliver, enter, hop, leave
from compliance.reason.google_network.ends import End, resolve
from compliance.reason.google_network.model import Fabric, Host, Rule
from compliance.reason.google_network.rules import Packet, protocol_number
from compliance.reason.iam.truth import FALSE, TRUE

_PUBLIC: Final = "198.51.100.7"
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
    unknown = [f"no fact describes {e.text}" for e in (start, end) if not e.known]
    if unknown:
        return GoogleReach("indeterminate", missing=tuple(unknown))
    placed = [host.subnet for each in (start, end) for host in each.hosts if host.possible]
    assumed = tuple(f"a machine could be placed in {subnet}" for subnet in dict.fromkeys(placed))
    through = _private_service(fabric, start, end)
    if through is not None:
        return through
    blocked: dict[tuple[str, str, str], None] = {}
    doubtful: list[str] = []
    for packet, fate in _fates(fabric, start, end, protocol, port):
        if fate.truth == TRUE:
            return GoogleReach("reachable", packet, fate.hops, assumed=assumed)
        if fate.truth == FALSE:
            blocked[fate.obstacle] = None
        else:
            doubtful.append(": ".join(part for part in fate.obstacle if part) or "a rule that is not modelled")
    outside = [text for text in fabric.missing if any(p in text for p in start.projects)]
    if doubtful or (outside and any(p in t for t in fabric.missing for p in end.projects)):
        return GoogleReach("indeterminate", missing=tuple(dict.fromkeys([*doubtful[:10], *outside])), assumed=assumed)
    if not blocked:
        blocked[("end", end.text, "there is no host on one of the ends")] = None
    return GoogleReach("unreachable", blocked_by=tuple(blocked)[:20], assumed=assumed)


def _private_service(fabric: Fabric, start: End, end: End) -> GoogleReach | None:
    """A Private Service Connect endpoint of the one end that leads to the other."""
    networks = {host.network for host in end.hosts}
    for endpoint in fabric.endpoints:
        from_here = endpoint.network in {host.network for host in start.hosts}
        if from_here and endpoint.accepted and fabric.attachments.get(endpoint.attachment) in networks:
            packet = Packet(start.hosts[0].addresses[0], endpoint.address, 6, 443)
            hops = (
                hop("endpoint", endpoint.id, "Private Service Connect"),
                hop("service attachment", endpoint.attachment, "hands it to the load balancer behind"),
            )
            return GoogleReach("reachable", packet, hops)
    return None


def _fates(fabric: Fabric, start: End, end: End, protocol: str, port: str | None) -> Iterator[tuple[Packet, Fate]]:
    kinds = list(_headers(fabric, protocol, port))
    if start.internet and end.internet:
        return
    for source in start.hosts or (None,):
        for target in end.hosts or (None,):
            if source is not None and target is not None and source.id == target.id and not source.possible:
                continue
            for from_, to in _addresses(fabric, source, target):
                for number, at in kinds:
                    packet = Packet(from_, to, number, at)
                    if source is not None and target is not None:
                        yield packet, deliver(fabric, packet, source, target)
                    elif source is not None:
                        yield packet, leave(fabric, packet, source)
                    elif target is not None:
                        yield packet, enter(fabric, packet, target)


def _addresses(fabric: Fabric, source: Host | None, target: Host | None) -> Iterator[tuple[str, str]]:
    public = _public(fabric)
    starts = source.addresses if source is not None else public
    ends = (*target.addresses, *target.external) if target is not None else public
    if source is None and target is not None:
        ends = target.external or target.addresses[:1]
    for from_ in starts:
        for to in ends:
            if ipaddress.ip_address(from_).version == ipaddress.ip_address(to).version and from_ != to:
                yield from_, to


def _rules(fabric: Fabric) -> Iterator[Rule]:
    for levels in fabric.levels.values():
        for level in levels:
            yield from level


def _public(fabric: Fabric) -> tuple[str, ...]:
    """Public addresses that rules and routes tell apart."""
    found = [_PUBLIC]
    blocks = [b for rule in _rules(fabric) for b in (*(rule.sources or ()), *(rule.destinations or ()))]
    blocks += [route.block for routes in fabric.routes.values() for route in routes]
    for block in blocks:
        for number in (int(block.network_address), int(block.broadcast_address) + 1):
            try:
                address = ipaddress.ip_address(number) if block.version == 4 else ipaddress.IPv6Address(number)
            except ValueError:
                continue
            if address.is_global and not address.is_multicast:
                found.append(str(address))
    return tuple(dict.fromkeys(found))[:60]


def _headers(fabric: Fabric, protocol: str, port: str | None) -> Iterator[tuple[int, int]]:
    wanted = protocol_number(protocol, "--protocol")
    named = {layer.protocol for rule in _rules(fabric) for layer in rule.layers}
    numbers = {6, 17, 1, 253} | {number for number in named if number is not None}
    first, last = _ports(port)
    edges = {first, last, 443} | {
        edge for rule in _rules(fabric) for layer in rule.layers for a, b in layer.ports or () for edge in (a, b + 1)
    }
    ports = sorted(edge for edge in edges if first <= edge <= last)
    for number in sorted(numbers) if wanted is None else (wanted,):
        yield from ((number, at) for at in (ports if number in _WITH_PORTS else [0]))


def _ports(port: str | None) -> tuple[int, int]:
    low, _, high = (port or "0-65535").partition("-")
    if not (low.isdigit() and (high or low).isdigit() and int(low) <= int(high or low) <= 65535):
        raise ComplianceError("--port", f"{port!r} is no port or range of ports")
    return int(low), int(high or low)
