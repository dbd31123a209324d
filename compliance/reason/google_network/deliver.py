"""What becomes of one packet: routes, peerings, ways out, and the firewall rules at both ends, in three values.

Source: VPC, "Routes", "VPC Network Peering"; Cloud NAT, "Overview"; Cloud NGFW, "Policy and rule evaluation order".
"""

from __future__ import annotations

from typing import Any, Final

from compliance.reason.google_network.between import inner_path, routes_of
from compliance.reason.google_network.model import Fabric, Host, Nat
from compliance.reason.google_network.outcome import Fate, hop
from compliance.reason.google_network.ranges import GOOGLE_APIS, number, public_addresses, rules_of
from compliance.reason.google_network.rules import Packet, inside, matches
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, agree, both, certain, either, negate

_TRANSLATED: Final = (1, 6, 17)
"""Cloud NAT carries TCP, UDP and ICMP."""


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
    if packet.destination in target.addresses:
        path = inner_path(fabric, packet, source, target)
        if path.truth != FALSE or packet.destination not in target.external:
            return path if path.truth == FALSE else _ends(fabric, packet, source, target, path)
    return _over_the_internet(fabric, packet, source, target)


def _ends(fabric: Fabric, packet: Packet, source: Host, target: Host, path: Fate) -> Fate:
    out = decide(fabric, packet, source, target, egress=True)
    if out.truth == FALSE:
        return out
    into = decide(fabric, packet, source, target, egress=False)
    if into.truth == FALSE:
        return into
    hops = (hop("host", source.id, "sends"), *out.hops, *path.hops, *into.hops, hop("host", target.id, "receives"))
    why = next((each.obstacle for each in (path, out, into) if each.truth == UNKNOWN), ("", "", ""))
    return Fate(both(path.truth, both(out.truth, into.truth)), hops, why)


def leave(fabric: Fabric, packet: Packet, source: Host) -> Fate:
    """Whether a packet gets to the internet."""
    routes = routes_of(fabric, packet, source)
    if not routes or inside(packet.destination, GOOGLE_APIS):
        return Fate(FALSE, (), ("network", source.network, f"has no route to the internet for {packet.destination}"))
    # Of routes with equal prefix and priority a packet may take any.
    way = next((route for route in routes if route.hop == "internet"), routes[0])
    out = decide(fabric, packet, source, None, egress=True)
    if out.truth == FALSE:
        return out
    if way.hop != "internet":
        return Fate(UNKNOWN, (), ("route", way.id, "leads to an appliance or out of the network"))
    through = _way_out(fabric, packet, source)
    if through is None:
        what = "has neither an external address nor Cloud NAT for such a packet"
        return Fate(FALSE, (), ("host", source.id, what))
    return Fate(
        out.truth, (hop("host", source.id, "sends"), *out.hops, hop("route", way.id, "to the internet"), through),
        out.obstacle,
    )  # fmt: skip


def to_google(fabric: Fabric, packet: Packet, source: Host) -> Fate:
    """Whether a packet gets to Google's own services at their virtual addresses.

    The route leads through the internet gateway; a machine without an external address needs Private Google Access.
    Source: VPC, "Private Google Access".
    """
    routes = routes_of(fabric, packet, source)
    ways = [route for route in routes if route.hop == "internet"]
    if routes and not ways:
        return Fate(UNKNOWN, (), ("route", routes[0].id, "leads to an appliance or out of the network"))
    if not ways:
        return Fate(FALSE, (), ("network", source.network, f"has no route to {packet.destination}"))
    out = decide(fabric, packet, source, None, egress=True)
    if out.truth == FALSE:
        return out
    subnet = fabric.subnets.get(source.subnet)
    private: Truth = UNKNOWN if subnet is None else certain(subnet.private_access)
    allowed: Truth = TRUE if source.possible or _external(packet, source) else private
    what = "has no Private Google Access" if private == FALSE else "may have no Private Google Access"
    hops = (hop("host", source.id, "sends"), *out.hops, hop("route", ways[0].id, "to Google's services"))
    return Fate(both(out.truth, allowed), hops, ("subnet", source.subnet, what) if allowed != TRUE else out.obstacle)


def _external(packet: Packet, source: Host) -> list[str]:
    """The sender's external addresses of the packet's family; IPv6 keeps the packet's own."""
    if number(packet.destination).version == 6:
        return [packet.source] if packet.source in source.external else []
    return [each for each in source.external if number(each).version == 4]


def _way_out(fabric: Fabric, packet: Packet, source: Host) -> dict[str, Any] | None:
    """By what a host's packets get past the internet gateway, None if by nothing; IPv6 keeps its own address."""
    own = _external(packet, source)
    if own:
        return hop("external address", own[0], "of the machine")
    if number(packet.destination).version == 6:
        return None
    if source.possible:
        return hop("external address", source.id, "a machine placed here could have one")
    found = _nats(fabric, packet, source)
    return hop("Cloud NAT", f"{found[0].network}@{found[0].region}", "translates it") if found else None


def _nats(fabric: Fabric, packet: Packet, source: Host) -> list[Nat]:
    if packet.protocol not in _TRANSLATED:
        return []
    return [
        nat
        for nat in fabric.nats
        if nat.network == source.network
        and source.region in (nat.region, "")
        and (nat.subnets is None or source.subnet in nat.subnets)
    ]


def behind(external: str, target: Host) -> str:
    """The address inside the network to which an external one leads; IPv6 keeps its own."""
    if number(external).version == 6:
        return external
    return next((each for each in target.addresses if number(each).version == 4), external)


def enter(fabric: Fabric, packet: Packet, target: Host) -> Fate:
    """Whether a packet from the internet arrives at a host with an external address."""
    if packet.destination not in target.external:
        if target.project in fabric.balanced:
            return Fate(UNKNOWN, (), ("load balancer", target.project, "may lead to it"))
        return Fate(FALSE, (), ("host", target.id, "has no external address"))
    within = Packet(packet.source, behind(packet.destination, target), packet.protocol, packet.port)
    into = decide(fabric, within, None, target, egress=False)
    if into.truth == FALSE:
        return into
    first, last = hop("external address", packet.destination, "leads to it"), hop("host", target.id, "receives")
    return Fate(into.truth, (first, *into.hops, last), into.obstacle)


def _over_the_internet(fabric: Fabric, packet: Packet, source: Host, target: Host) -> Fate:
    out = leave(fabric, packet, source)
    if out.truth == FALSE:
        return out
    senders, chosen = _senders(fabric, packet, source, target)
    entered = [enter(fabric, Packet(s, packet.destination, packet.protocol, packet.port), target) for s in senders]
    best = max(entered, key=lambda fate: fate.truth)
    truth = best.truth
    if not chosen:
        for fate in entered:
            truth = agree(truth, fate.truth)
    if truth == FALSE:
        return best
    doubt = ("Cloud NAT", source.network, "may or may not send with an address that is let in")
    why = best.obstacle if best.truth == UNKNOWN else doubt
    return Fate(both(out.truth, truth), (*out.hops, *best.hops), out.obstacle if out.truth == UNKNOWN else why)


def _senders(fabric: Fabric, packet: Packet, source: Host, target: Host) -> tuple[tuple[str, ...], bool]:
    """Source addresses with which a packet comes out, and whether the sender has them all to choose from."""
    if number(packet.destination).version == 6:
        return (packet.source,), True
    own = tuple(each for each in source.external if number(each).version == 4)
    if own:
        return own, True
    nats = _nats(fabric, packet, source)
    if nats and not source.possible and all(nat.addresses is not None for nat in nats):
        return tuple(each for nat in nats for each in nat.addresses or ()), True
    marks = dict.fromkeys(block for rule in rules_of(fabric, (target.network,)) for block in rule.source.blocks or ())
    found = public_addresses((), tuple(marks))
    return tuple(each for each in found if number(each).version == 4), source.possible
