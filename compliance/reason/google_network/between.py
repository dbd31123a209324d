"""The ways between networks: peering, hubs, and static routes.

Source: VPC, "Routes", "VPC Network Peering"; Network Connectivity Center, "VPC spokes", "Preset topologies".
"""

from __future__ import annotations

from ipaddress import IPv4Network

from compliance.reason.google_network.model import Fabric, Host, Peering, Route, Spoke
from compliance.reason.google_network.outcome import Fate, hop
from compliance.reason.google_network.ranges import number
from compliance.reason.google_network.rules import Packet, inside
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth

_RELAY = IPv4Network("192.88.99.0/24")


def inner_path(fabric: Fabric, packet: Packet, source: Host, target: Host) -> Fate:
    """The way inside: the same network, a network that is peered with it directly, or one on the same hub."""
    if source.network == target.network:
        return Fate(TRUE, (hop("network", source.network, "subnet route"),))
    found = [_peered(fabric, packet, mine) for mine in _peerings(fabric, source.network, target.network)]
    found += [_on_hub(fabric, packet, mine, target) for mine in fabric.spokes.get(source.network, ())]
    best = max(found, key=lambda fate: fate.truth, default=None)
    if best is not None and best.truth != FALSE:
        return best
    routes = routes_of(fabric, packet, source)
    beyond = next((route for route in routes if route.hop != "internet"), None)
    if beyond is not None:
        what = "an appliance or another network behind the route takes it"
        return Fate(UNKNOWN, (hop("route", beyond.id, what),), ("route", beyond.id, what))
    return best or Fate(FALSE, (), ("network", source.network, f"has no route to {target.network}"))


def _peerings(fabric: Fabric, here: str, there: str) -> list[Peering]:
    return [peering for peering in fabric.peerings.get(here, ()) if peering.there == there]


def _peered(fabric: Fabric, packet: Packet, mine: Peering) -> Fate:
    """Whether a peering carries a packet: both sides active, IPv6 and public addresses only where both say so."""
    name = f"{mine.here} ↔ {mine.there}"
    theirs = _peerings(fabric, mine.there, mine.here)
    if not theirs and mine.there not in fabric.networks:
        what = "the network on its other side is not described"
        return Fate(UNKNOWN, (hop("peering", name, what),), ("peering", name, what))
    if not theirs:
        return Fate(FALSE, (), ("peering", mine.here, "is active on one side only"))
    to = number(packet.destination)
    if to.version == 6 and not (mine.dual and any(back.dual for back in theirs)):
        return Fate(FALSE, (), ("peering", name, "exchanges no IPv6 routes"))
    if (
        to.version == 4
        and to.is_global
        and to not in _RELAY
        and not (mine.imports_public and any(back.exports_public for back in theirs))
    ):
        return Fate(FALSE, (), ("peering", name, "does not exchange subnet routes with public addresses"))
    return Fate(TRUE, (hop("peering", name, "subnet route of the peer"),))


def _on_hub(fabric: Fabric, packet: Packet, mine: Spoke, target: Host) -> Fate:
    """Whether a hub carries a packet to another of its networks; it learns the subnets that the spoke exports."""
    theirs = [spoke for spoke in fabric.spokes.get(target.network, ()) if spoke.hub == mine.hub]
    if not theirs:
        return Fate(FALSE, (), ("hub", mine.hub, f"{target.network} is no spoke of it"))
    spoke = theirs[0]
    exported = spoke.include is None or inside(packet.destination, spoke.include)
    if not exported or inside(packet.destination, spoke.exclude):
        return Fate(FALSE, (), ("hub", mine.hub, f"{target.network} does not export {packet.destination} to it"))
    truth: Truth = TRUE
    if mine.group == spoke.group == "edge":
        topology = fabric.topologies.get(mine.hub)
        truth = TRUE if topology == "MESH" else FALSE if topology == "STAR" else UNKNOWN
    elif fabric.topologies.get(mine.hub) not in (None, "", "MESH", "STAR", "PRESET_TOPOLOGY_UNSPECIFIED"):
        truth = UNKNOWN
    what = "leads from spoke to spoke" if truth == TRUE else "does not lead from edge to edge"
    return Fate(truth, (hop("hub", mine.hub, what),), ("hub", mine.hub, what))


def routes_of(fabric: Fabric, packet: Packet, source: Host) -> list[Route]:
    """The static routes that take a packet: those of the longest prefix and lowest priority number, of equals all."""
    to = number(packet.destination)

    def covers(route: Route) -> bool:
        tagged = not route.tags or source.possible or bool(route.tags & source.tags)
        return to.version == route.block.version and to in route.block and tagged

    found = [route for route in fabric.routes.get(source.network, ()) if covers(route)]
    for peering in fabric.peerings.get(source.network, ()):
        back = [p for p in _peerings(fabric, peering.there, source.network) if p.exports]
        if peering.imports and back:
            theirs = [r for r in fabric.routes.get(peering.there, ()) if r.hop != "internet" and not r.tags]
            found += [route for route in theirs if covers(route)]
    best = min(((-route.block.prefixlen, route.priority) for route in found), default=None)
    return [route for route in found if (-route.block.prefixlen, route.priority) == best]
