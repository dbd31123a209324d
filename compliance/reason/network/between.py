"""Steps from one VPC into another: peering connections and transit gateways, and out by private connections."""

from __future__ import annotations

from dataclasses import replace

from compliance.reason.network.addresses import covered, ranges_text
from compliance.reason.network.flow import Flow
from compliance.reason.network.inside import depart, enter, follow, settle
from compliance.reason.network.model import Route, Subnet, TransitAttachment
from compliance.reason.network.routing import next_transit_steps
from compliance.reason.network.search import Search

SITES = frozenset({"vpn", "vpn-concentrator", "direct-connect-gateway", "connect", "client-vpn", "network-function"})
"""Attachments that lead out of the facts, to a network of one's own."""


def to_peering(search: Search, flow: Flow, route: Route, vpc: str, _subnet: str | None) -> None:
    """Across a peering connection: straight to addresses of the peer VPC, and no further.

    Peering is not transitive: what comes into a VPC through a gateway or another connection cannot go on over it
    (VPC peering guide, "Edge to edge routing").
    """
    peering = search.network.peerings.get(route.target)
    if peering is None:
        search.unknown(flow, route.target, "peering connection")
        return
    if peering.status != "active":
        search.block(flow, "peering connection", peering.id, f"is {peering.status}, not active")
        return
    if vpc not in (peering.sides[0][0], peering.sides[1][0]):
        search.block(flow, "peering connection", peering.id, f"does not belong to {vpc}")
        return
    if flow.sender is None or flow.entered:
        search.block(flow, "peering connection", peering.id, "is not transitive: the packets come from outside the VPC")
        return
    far, shown, _ = peering.sides[1] if peering.sides[0][0] == vpc else peering.sides[0]
    if peering.id in search.goal.crossings:
        search.deliver(flow, "peering connection", peering.id, f"is on the way to {far}")
    known = search.network.vpcs.get(far)
    if known is None:
        reached = flow.space.towards(shown) if shown else flow.space
        search.unknown(replace(flow, space=reached), far, f"VPC behind {peering.id},")
        return
    space = flow.space.towards(covered(known.blocks))
    if not space:
        search.block(flow, "peering connection", peering.id, f"{far} has no {ranges_text(flow.space.destinations())}")
        return
    crossed = flow.through("peering connection", peering.id, f"from {vpc} to {far}", space)
    settle(search, replace(crossed, entered=f"peering:{peering.id}"), far, None)


def to_transit(search: Search, flow: Flow, route: Route, vpc: str, subnet: str | None) -> None:
    """Into a transit gateway through the VPC's attachment, which must have a subnet in the sender's zone."""
    gateway = route.target
    known = search.network.transit_gateways.get(gateway)
    if known is not None and known.state in ("deleting", "deleted"):
        search.block(flow, "transit gateway", gateway, f"is {known.state}")
        return
    attachment = search.network.attachment_of_vpc.get((gateway, vpc))
    if attachment is None:
        if _all_attachments_known(search, gateway):
            search.block(flow, "transit gateway", gateway, f"{vpc} is not attached")
        else:
            search.unknown(flow, gateway, f"attachment of {vpc} to transit gateway")
        return
    if attachment.state != "available":
        search.block(flow, "transit gateway attachment", attachment.id, f"is {attachment.state}")
        return
    if gateway in search.goal.crossings:
        search.deliver(flow, "transit gateway", gateway, f"enters through {attachment.id}")
    if attachment.subnets is None:
        _look_up(search, flow.assuming(f"{attachment.id} has a subnet in every zone"), attachment)
        return
    near = _subnets_in_zone(search, attachment, subnet)
    if not near:
        zone = search.network.subnets[subnet].zone if subnet in search.network.subnets else None
        search.block(
            flow, "transit gateway attachment", attachment.id, f"has no subnet in {zone}, the zone of {subnet}"
        )
        return
    for name in near:
        for entered in enter(search, flow, name, replies=name != subnet):
            _look_up(search, entered, attachment)


def _all_attachments_known(search: Search, gateway: str) -> bool:
    """A gateway that is described with other attachments, so that the VPC's own would have been listed."""
    known = any(key[1] == gateway for key in search.network.attachments)
    return known and gateway in search.network.transit_gateways


def _subnets_in_zone(search: Search, attachment: TransitAttachment, subnet: str | None) -> tuple[str, ...]:
    """The attachment's subnets that serve the subnet: those in its zone (TGW guide, "VPC attachments")."""
    own = search.network.subnets.get(subnet or "")
    known = [s for name in attachment.subnets or () if (s := search.network.subnets.get(name))]
    if own is None or len(known) < len(attachment.subnets or ()):
        return attachment.subnets or ()
    return tuple(s.id for s in known if _same_zone(own, s))


def _same_zone(left: Subnet, right: Subnet) -> bool:
    """By zone id, which is the same for every account; by name where an id is missing; unknown counts as the same."""
    if left.zone_id and right.zone_id:
        return left.zone_id == right.zone_id
    return left.zone is None or right.zone is None or left.zone == right.zone


def _look_up(search: Search, flow: Flow, attachment: TransitAttachment) -> None:
    """The route table that the attachment is associated with decides."""
    moved = flow.visiting(f"{attachment.gateway} {attachment.id} {flow.rewritten}")
    if moved is None:
        search.block(flow, "transit gateway", attachment.gateway, "the routes lead in a circle")
        return
    flow = moved.through("transit gateway", attachment.gateway, f"enters through {attachment.id}", moved.space)
    if attachment.id in search.goal.crossings:
        search.deliver(flow, "transit gateway attachment", attachment.id, "is crossed")
    table = attachment.table
    if table is None:
        search.unknown(flow, attachment.id, "route table association of")
        return
    if table == "":
        search.block(flow, "transit gateway attachment", attachment.id, "is associated with no route table")
        return
    routes = search.network.transit_routes.get(table)
    if routes is None:
        search.unknown(flow, table, "routes (search-transit-gateway-routes) of")
        return
    for route, space in next_transit_steps(routes, flow.space):
        part = replace(flow, space=space)
        if route is None:
            text = f"has no route to {ranges_text(space.destinations())}"
            search.block(part, "transit gateway route table", table, text)
        elif not route.active:
            search.block(part, "transit gateway route table", table, f"the route {route.text} is a blackhole")
        else:
            for target in route.attachments:
                text = f"{'static' if route.static else 'propagated'} route {route.text} → {target}"
                _leave(search, part.through("transit gateway route table", table, text, space), attachment, target)


def _leave(search: Search, flow: Flow, came_by: TransitAttachment, target: str) -> None:
    attachment = search.network.attachments.get((target, came_by.gateway))
    if attachment is None:
        search.unknown(flow, target, "transit gateway attachment")
    elif attachment.state != "available":
        search.block(flow, "transit gateway attachment", target, f"is {attachment.state}")
    elif attachment.kind == "vpc":
        _into_vpc(search, flow, attachment)
    elif attachment.kind == "peering":
        far = search.network.attachments.get((target, attachment.resource)) or _far_end(search, attachment)
        if far is None:
            search.unknown(flow, attachment.resource or target, "transit gateway")
            return
        across = flow.through("transit gateway attachment", target, f"peering to {far.gateway}", flow.space)
        _look_up(search, replace(across, direct=False), far)
    elif attachment.kind in SITES:
        to_site(search, flow, attachment.resource or target, f"leaves through {target} ({attachment.kind})")
    else:
        search.unknown(flow, target, f"attachment of kind {attachment.kind},")


def _far_end(search: Search, near: TransitAttachment) -> TransitAttachment | None:
    """The other side of a peering whose two ends have different attachment ids."""
    ends = (a for a in search.network.attachments.values() if a.kind == "peering" and a.gateway == near.resource)
    return next((a for a in ends if a.resource == near.gateway), None)


def _into_vpc(search: Search, flow: Flow, attachment: TransitAttachment) -> None:
    """Out of the transit gateway into the attachment's subnets, whose route tables take the packets further."""
    vpc = attachment.resource
    if vpc not in search.network.vpcs:
        search.unknown(flow, vpc, f"VPC behind {attachment.id},")
        return
    text = f"leaves through {attachment.id} into {vpc}"
    crossed = flow.through("transit gateway attachment", attachment.id, text, flow.space)
    crossed = replace(crossed, entered=f"transit:{attachment.gateway}")
    known = [name for name in attachment.subnets or () if name in search.network.subnets]
    if not known:
        assumed = crossed.assuming(f"{attachment.id} delivers inside {vpc} from a subnet without network ACL")
        settle(search, assumed, vpc, None)
    for name in known:
        depart(search, replace(crossed, sender=crossed.sender if crossed.direct else None), name, from_transit=True)


def to_site(search: Search, flow: Flow, name: str, text: str) -> None:
    """Out to a network of one's own by VPN, Direct Connect or the like; what that network does is not in the facts."""
    goal = search.goal
    owner = search.network.vpn_gateways.get(name, "")
    if goal.crossings & {name, owner}:
        search.deliver(flow, "private connection", name, text)
        return
    outside = flow.space.towards(goal.outside) if not goal.internet else flow.space.towards(())
    if outside:
        search.deliver(replace(flow, space=outside), "private connection", name, text)
        return
    search.block(flow, "private connection", name, f"{text}; the network behind it is not in the facts")
    moved = flow.visiting("private connection")
    if moved is not None:
        # what that network does is not known: it may send the packets back in by another connection
        back = replace(moved, sender=None).lacking(f"routes of the network behind {name}")
        from_site(search, back, frozenset(), besides=name)


def to_vpn_gateway(search: Search, flow: Flow, route: Route, vpc: str, _subnet: str | None) -> None:
    """Out through a virtual private gateway."""
    gateway = search.network.gateways.get(route.target)
    if gateway is not None and vpc not in gateway.vpcs:
        search.block(flow, "gateway", route.target, f"is not attached to {vpc}")
        return
    to_site(search, flow, route.target, f"leaves through {route.target}")


def from_site(search: Search, flow: Flow, only: frozenset[str], besides: str = "") -> None:
    """Packets of a network of one's own, in by every VPN gateway and site attachment (or by those of `only`).

    They do not come in by `besides`.
    """
    network = search.network
    wanted = only | {gateway for name, gateway in network.vpn_gateways.items() if name in only}
    for gateway in network.gateways.values():
        if gateway.kind == "vpn" and gateway.id != besides and (not only or gateway.id in wanted):
            for vpc in gateway.vpcs:
                entered = flow.through("gateway", gateway.id, f"enters {vpc} by VPN or Direct Connect", flow.space)
                _past_gateway(search, replace(entered, entered="outside", direct=False), gateway.id, vpc)
    for attachment in network.attachments.values():
        is_wanted = not only or bool({attachment.resource, attachment.id} & wanted)
        is_wanted = is_wanted and besides not in (attachment.resource, attachment.id)
        if attachment.kind in SITES and attachment.state == "available" and is_wanted:
            _look_up(search, replace(flow, entered="outside", direct=False), attachment)


def _past_gateway(search: Search, flow: Flow, gateway: str, vpc: str) -> None:
    table = search.network.table_of_gateway.get(gateway)
    if table is None:
        settle(search, flow, vpc, None)
    elif table in search.network.route_tables:
        follow(search, flow, search.network.route_tables[table], vpc, None)
    else:
        search.unknown(flow, table, "route table")
