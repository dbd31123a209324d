"""Steps inside a VPC: out of a host, out of a subnet, along its route table, into a subnet, into a host."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from compliance.reason.network.addresses import ANY, covered, ranges_text, subtract
from compliance.reason.network.filters import acl_of, through_acl, through_acl_replies, through_groups
from compliance.reason.network.flow import Flow
from compliance.reason.network.model import Interface, Route, RouteTable
from compliance.reason.network.routing import Step, next_steps, table_of_subnet
from compliance.reason.network.search import Search


def emit(search: Search, flow: Flow, host: Interface) -> None:
    """Packets that a host sends: past its security groups, then out of its subnet."""
    passed = through_groups(search.network, host, flow, egress=True)
    reason = f"no egress rule of {_groups_text(host)} allows"
    for sent in search.passing(flow, passed, "security group", _groups_text(host), reason):
        depart(search, replace(sent, sender=host), host.subnet)


def depart(search: Search, flow: Flow, subnet: str, *, from_transit: bool = False) -> None:
    """Packets in a subnet: to their neighbours directly, to everything else by the subnet's route table.

    From a transit gateway to a neighbour of its attachment no ACL rule is evaluated; the neighbour's replies meet
    both directions of the ACL (TGW guide, "Network ACLs").
    """
    known = search.network.subnets.get(subnet)
    if known is None:
        search.unknown(flow, subnet or "of the interface", "subnet")
        return
    near = flow.space.towards(known.addresses)
    if near:
        meeting = replace(flow, space=near)
        for answered in _answered(search, meeting, subnet) if from_transit else [meeting]:
            settle(search, answered, known.vpc, subnet)
    far = replace(flow, space=flow.space.beyond(known.addresses))
    if not far.space:
        return
    table = table_of_subnet(search.network, subnet)
    if table is None:
        _without_table(search, far, subnet)
        return
    follow(search, far, table, known.vpc, subnet)


def follow(search: Search, flow: Flow, table: RouteTable, vpc: str, subnet: str | None) -> None:
    """Packets along a route table; `subnet` is whose table it is, None for a gateway's."""
    moved = flow.visiting(f"{table.id} {subnet} {flow.rewritten}")
    if moved is None:
        search.block(flow, "route table", table.id, "the routes lead in a circle")
        return
    for step in next_steps(table, search.network.vpcs.get(vpc), moved.space):
        _take(search, replace(moved, space=step.space), step, table, vpc, subnet)


def _take(search: Search, flow: Flow, step: Step, table: RouteTable, vpc: str, subnet: str | None) -> None:
    route = step.route
    if route is None:
        text = ranges_text(flow.space.destinations())
        search.block(flow, "route table", table.id, f"has no route to {text}")
        return
    if not step.certain:
        if route.kind == "endpoint" and route.target not in search.goal.crossings:
            return  # an undescribed AWS list behind a gateway endpoint takes packets away from the goal, never to it
        flow = flow.lacking(f"entries of prefix list {route.destination}")
    if not route.active or route.kind == "blackhole":
        search.block(flow, "route table", table.id, f"the route {route.destination} → {route.target} is a blackhole")
        return
    next_subnet = _subnet_of_target(search, route)
    flows = [flow]
    if subnet is not None and next_subnet != subnet:
        flows = leave(
            search, flow, subnet, replies=not (route.kind == "transit" and attached_in(search, route, vpc, subnet))
        )
    for left in flows:
        text = f"route {route.destination} → {route.target}"
        routed = left.through("route table", table.id, text, left.space)
        if route.kind == "local":
            settle(search, routed, vpc, subnet)
        else:
            search.push(partial(search.forwards[route.kind], search, routed, route, vpc, subnet))


def _subnet_of_target(search: Search, route: Route) -> str | None:
    nat = search.network.nats.get(route.target)
    if nat is not None:
        return nat.subnet
    interface = search.network.interfaces.get(route.target)
    return interface.subnet if interface else None


def _without_table(search: Search, flow: Flow, subnet: str) -> None:
    vpc = search.network.subnets[subnet].vpc
    known = search.network.vpcs.get(vpc)
    local = flow.space.towards(covered(known.blocks)) if known else flow.space.towards(())
    for left in leave(search, replace(flow, space=local), subnet) if local else []:
        settle(search, left.assuming(f"{subnet} has the local route of {vpc}"), vpc, subnet)
    rest = flow.space.beyond(covered(known.blocks)) if known else flow.space
    search.unknown(replace(flow, space=rest), subnet, "route table of")


def attached_in(search: Search, route: Route, vpc: str, subnet: str) -> bool:
    """Whether the transit gateway's attachment to the VPC lies in the very subnet."""
    attachment = search.network.attachment_of_vpc.get((route.target, vpc))
    return attachment is not None and subnet in (attachment.subnets or ())


def leave(search: Search, flow: Flow, subnet: str, *, replies: bool = True) -> list[Flow]:
    """Packets out of a subnet past its network ACL; for a connection the replies must be let in too."""
    flows = _past_acl(search, flow, subnet, egress=True)
    return [a for f in flows for a in _with_replies(search, f, subnet, egress=False)] if replies else flows


def enter(search: Search, flow: Flow, subnet: str, *, replies: bool = True) -> list[Flow]:
    """Packets into a subnet past its network ACL; for a connection the replies must be let out too."""
    flows = _past_acl(search, flow, subnet, egress=False)
    return [a for f in flows for a in _with_replies(search, f, subnet, egress=True)] if replies else flows


def _answered(search: Search, flow: Flow, subnet: str) -> list[Flow]:
    return [
        both
        for out in _with_replies(search, flow, subnet, egress=True)
        for both in _with_replies(search, out, subnet, egress=False)
    ]


def _acl_name(search: Search, subnet: str) -> str:
    acl = acl_of(search.network, subnet)
    return acl.id if acl else f"of {subnet}"


def _past_acl(search: Search, flow: Flow, subnet: str, *, egress: bool) -> list[Flow]:
    if subnet not in search.network.subnets:
        return [flow]
    way = "egress rules deny out of" if egress else "ingress rules deny into"
    passed = through_acl(search.network, subnet, flow.space, egress=egress)
    return search.passing(flow, passed, "network ACL", _acl_name(search, subnet), f"{way} {subnet}")


def _with_replies(search: Search, flow: Flow, subnet: str, *, egress: bool) -> list[Flow]:
    """The packets whose replies pass the ACL in the direction given; all of them when no reply is asked for."""
    if search.one_way or subnet not in search.network.subnets:
        return [flow]
    replies = through_acl_replies(search.network, subnet, flow.space, egress=egress)
    flows = [replace(flow, space=replies.certain)] if replies.certain else []
    if replies.uncertain:
        flows.append(replace(flow, space=replies.uncertain).lacking(*replies.missing))
    if not flows:
        way = "egress rules deny the replies out of" if egress else "ingress rules deny the replies into"
        search.block(flow, "network ACL", _acl_name(search, subnet), f"{way} {subnet}: {flow.space.text()}")
    return flows


def settle(search: Search, flow: Flow, vpc: str, subnet: str | None) -> None:
    """Packets for addresses of the VPC: into the hosts of the goal, and into endpoints that lead further."""
    for host in search.hosts_in(vpc):
        met = flow.space.towards(host.addresses)
        if met and not host.possible and not flow.entered:
            met = met.coming_from(subtract(ANY, host.addresses))  # what a host sends to itself is no packet
        if met:
            for landed in land(search, replace(flow, space=met), host, subnet):
                search.deliver(landed, host.kind, host.id, f"arrives at {_host_text(host)}")
    for endpoint, host in search.endpoints.get(vpc, ()):
        met = flow.space.towards(host.addresses)
        if met:
            for landed in land(search, replace(flow, space=met), host, subnet):
                search.push(partial(search.into_service, search, landed, endpoint))


def land(search: Search, flow: Flow, host: Interface, subnet: str | None) -> list[Flow]:
    """Packets into an interface: past the network ACL unless they come from the same subnet, past its groups."""
    flows = [flow] if host.subnet == subnet else enter(search, flow, host.subnet)
    landed: list[Flow] = []
    for entered in flows:
        passed = through_groups(search.network, host, entered, egress=False)
        reason = f"no ingress rule of {_groups_text(host)} on {host.id} allows"
        landed += search.passing(entered, passed, "security group", _groups_text(host), reason)
    return landed


def _groups_text(host: Interface) -> str:
    return ", ".join(host.groups) or f"of {host.id}"


def _host_text(host: Interface) -> str:
    return f"{host.id} ({host.instance})" if host.instance and host.instance != host.id else host.id
