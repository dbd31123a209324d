"""What becomes of one packet: routes, peerings, ways out, and the firewall rules at both ends, in three values.

Source: VPC, "Routes", "VPC Network Peering", "Private Service Connect"; Cloud NGFW, "Policy and rule evaluation order".
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Final

from compliance.reason.google_network.model import Fabric, Host, Route
from compliance.reason.google_network.rules import Packet, matches
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, either, negate

GOOGLE_APIS: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("199.36.153.4/30", "199.36.153.8/30", "34.126.0.0/18", "2600:2d00:2:2000::/64")
)  # fmt: skip
"""Addresses of Google's own services: reached through the internet gateway's route without leaving Google."""


@dataclass(frozen=True, slots=True)
class Fate:
    """Whether a packet arrives; `hops` where it may, `obstacle` (kind, id, reason) where it does not."""

    truth: Truth
    hops: tuple[dict[str, Any], ...] = ()
    obstacle: tuple[str, str, str] = ("", "", "")


def hop(kind: str, id_: str, detail: str, by: str = "") -> dict[str, Any]:
    """A hop of a witness."""
    return {"kind": kind, "id": id_, "detail": detail} | ({"by": by} if by else {})


def decide(fabric: Fabric, packet: Packet, source: Host | None, target: Host | None, *, egress: bool) -> Fate:
    """Whether the rules of one end let a packet through: level by level, and the implied rule at the end."""
    own = source if egress else target
    assert own is not None
    direction = "egress" if egress else "ingress"
    open_: Truth = TRUE
    passed: Truth = FALSE
    by, stopped = "", ("", "", "")
    for level in fabric.levels.get(own.network, ()):
        onward: Truth = FALSE
        rest: Truth = open_
        for rule in level:
            if rule.egress != egress:
                continue
            met = matches(rule, packet, source, target, own.network)
            taken = both(rest, met)
            if taken == FALSE:
                continue
            if rule.action == "allow":
                passed, by = either(passed, taken), by or rule.id
            elif rule.action == "goto_next":
                onward = either(onward, taken)
            elif not stopped[0]:
                stopped = (rule.kind, rule.id, f"denies {direction}")
            rest = both(rest, negate(met))
            if rest == FALSE:
                break
        open_ = either(onward, rest)
        if open_ == FALSE:
            break
    if egress:
        passed, by = either(passed, open_), by or ("implied egress rule" if open_ != FALSE else "")
    if passed == FALSE:
        implied = ("implied rule", own.network, f"denies {direction}")
        return Fate(FALSE, (), stopped if stopped[0] else implied)
    return Fate(passed, (hop("firewall", own.network, f"{direction} at {own.id}", by),), stopped)


def deliver(fabric: Fabric, packet: Packet, source: Host, target: Host) -> Fate:
    """Whether a packet of one host arrives at another."""
    if packet.destination in target.external:
        return _over_the_internet(fabric, packet, source, target)
    path = _path(fabric, packet, source, target)
    if path.truth == FALSE:
        return path
    return _ends(fabric, packet, source, target, path)


def _ends(fabric: Fabric, packet: Packet, source: Host, target: Host, path: Fate) -> Fate:
    out = decide(fabric, packet, source, target, egress=True)
    if out.truth == FALSE:
        return out
    into = decide(fabric, packet, source, target, egress=False)
    if into.truth == FALSE:
        return into
    hops = (hop("host", source.id, "sends"), *out.hops, *path.hops, *into.hops, hop("host", target.id, "receives"))
    return Fate(both(path.truth, both(out.truth, into.truth)), hops)


def _path(fabric: Fabric, packet: Packet, source: Host, target: Host) -> Fate:
    """The way inside: the same network, or a network that is peered with it directly."""
    if source.network == target.network:
        return Fate(TRUE, (hop("network", source.network, "subnet route"),))
    for peering in fabric.peerings.get(source.network, ()):
        if peering.there != target.network:
            continue
        if any(back.there == source.network for back in fabric.peerings.get(target.network, ())):
            return Fate(TRUE, (hop("peering", f"{source.network} ↔ {target.network}", "subnet route of the peer"),))
        return Fate(FALSE, (), ("peering", source.network, "is active on one side only"))
    routes = _routes(fabric, packet, source)
    if routes and routes[0].hop != "internet":
        what = "an appliance or another network behind the route takes it"
        return Fate(UNKNOWN, (hop("route", routes[0].id, what),), ("route", routes[0].id, what))
    return Fate(FALSE, (), ("network", source.network, f"has no route to {target.network}"))


def _routes(fabric: Fabric, packet: Packet, source: Host) -> list[Route]:
    """Static routes for a packet, the one that is taken first."""
    number = ipaddress.ip_address(packet.destination)

    def covers(route: Route) -> bool:
        tagged = not route.tags or source.possible or bool(route.tags & source.tags)
        return number.version == route.block.version and number in route.block and tagged

    found = [route for route in fabric.routes.get(source.network, ()) if covers(route)]
    for peering in fabric.peerings.get(source.network, ()):
        back = [p for p in fabric.peerings.get(peering.there, ()) if p.there == source.network and p.exports]
        if peering.imports and back:
            theirs = [r for r in fabric.routes.get(peering.there, ()) if r.hop != "internet" and not r.tags]
            found += [route for route in theirs if covers(route)]
    return sorted(found, key=lambda route: (-route.block.prefixlen, route.priority))


def leave(fabric: Fabric, packet: Packet, source: Host) -> Fate:
    """Whether a packet gets to the internet."""
    number = ipaddress.ip_address(packet.destination)
    routes = _routes(fabric, packet, source)
    if not routes or any(number.version == block.version and number in block for block in GOOGLE_APIS):
        return Fate(FALSE, (), ("network", source.network, f"has no route to the internet for {packet.destination}"))
    way = routes[0]
    if way.hop != "internet":
        return Fate(UNKNOWN, (), ("route", way.id, "leads to an appliance or out of the network"))
    out = decide(fabric, packet, source, None, egress=True)
    if out.truth == FALSE:
        return out
    region = fabric.subnets[source.subnet].region if source.subnet in fabric.subnets else ""
    if source.external:
        through = hop("external address", source.external[0], "of the machine")
    elif source.possible:
        through = hop("external address", source.id, "a machine placed here could have one")
    elif f"{source.network}@{region}" in fabric.nat:
        through = hop("Cloud NAT", f"{source.network}@{region}", "translates it")
    else:
        return Fate(FALSE, (), ("host", source.id, "has neither external address nor Cloud NAT"))
    return Fate(
        out.truth, (hop("host", source.id, "sends"), *out.hops, hop("route", way.id, "to the internet"), through)
    )


def enter(fabric: Fabric, packet: Packet, target: Host) -> Fate:
    """Whether a packet from the internet arrives at a host with an external address."""
    if packet.destination not in target.external:
        if target.project in fabric.balanced:
            return Fate(UNKNOWN, (), ("load balancer", target.project, "may lead to it"))
        return Fate(FALSE, (), ("host", target.id, "has no external address"))
    inside = Packet(packet.source, target.addresses[0], packet.protocol, packet.port)
    into = decide(fabric, inside, None, target, egress=False)
    if into.truth == FALSE:
        return into
    first, last = hop("external address", packet.destination, "leads to it"), hop("host", target.id, "receives")
    return Fate(into.truth, (first, *into.hops, last))


def _over_the_internet(fabric: Fabric, packet: Packet, source: Host, target: Host) -> Fate:
    out = leave(fabric, packet, source)
    if out.truth == FALSE:
        return out
    public = source.external[0] if source.external else "203.0.113.1"
    into = enter(fabric, Packet(public, packet.destination, packet.protocol, packet.port), target)
    if into.truth == FALSE:
        return into
    return Fate(both(out.truth, into.truth), (*out.hops, *into.hops))
