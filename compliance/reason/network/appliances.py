"""Steps through instances that route for others, and through gateway load balancer and gateway endpoints."""

from __future__ import annotations

from dataclasses import replace

from compliance.reason.network.addresses import ANY
from compliance.reason.network.filters import through_groups
from compliance.reason.network.flow import Flow
from compliance.reason.network.inside import depart, emit, enter
from compliance.reason.network.model import Interface, Route
from compliance.reason.network.privatelink import at_provider
from compliance.reason.network.search import Search
from compliance.reason.network.space import Box, Packet, Space


def to_interface(search: Search, flow: Flow, route: Route, _vpc: str, subnet: str | None) -> None:
    """Into an instance that routes, if it does not check addresses, and out of it again.

    What such an instance does with packets is its own affair: it is taken to forward them as they are, or with its own
    source address (a NAT instance).
    """
    if route.kind == "instance":
        routers = [i for i in search.network.interfaces.values() if i.instance == route.target]
    else:
        routers = [i for i in [search.network.interfaces.get(route.target)] if i]
    if not routers:
        search.unknown(flow, route.target, "the route's target")
    for router in routers:
        _through_router(search, flow, router, subnet)


def _through_router(search: Search, flow: Flow, router: Interface, subnet: str | None) -> None:
    moved = flow.visiting(router.id)
    if moved is None:
        search.block(flow, "interface", router.id, "the routes lead in a circle")
        return
    for entered in [moved] if router.subnet == subnet else enter(search, moved, router.subnet):
        passed = through_groups(search.network, router, entered, egress=False)
        reason = f"no ingress rule on {router.id} allows"
        for inside in search.passing(entered, passed, "security group", ", ".join(router.groups) or router.id, reason):
            _forward(search, inside, router)


def _forward(search: Search, flow: Flow, router: Interface) -> None:
    own = flow.space.towards(router.addresses)
    for host in search.hosts_in(router.vpc):
        if host.id == router.id and own:
            search.deliver(replace(flow, space=own), host.kind, host.id, f"arrives at {host.id}")
    if router.checks_address:
        search.block(
            flow, "interface", router.id, "drops what is not addressed to it: its source/destination check is on"
        )
        return
    if router.id in search.goal.crossings:
        search.deliver(flow, router.kind, router.id, f"is taken by {router.id}, which routes for others")
    assumed = flow.assuming(f"{router.id} forwards everything")
    plain = assumed.through("interface", router.id, "forwards it", flow.space)
    masked_space = Space(
        tuple(dict.fromkeys(replace(box, source=part) for box in flow.space.boxes for part in router.addresses))
    )
    masked = assumed.through(
        "interface", router.id, "forwards it with its own source address", masked_space, restore=_any_source
    )
    emit(search, replace(plain, sender=router, direct=False, entered=""), router)
    emit(search, replace(masked, sender=router, direct=True, entered=""), router)


def _any_source(packet: Packet) -> tuple[Box, ...]:
    destination, protocol = packet.destination, packet.protocol
    return (
        Box(
            ANY[0],
            (destination, destination),
            (protocol, protocol),
            (packet.source_port, packet.source_port),
            (packet.destination_port, packet.destination_port),
        ),
    )


def to_endpoint(search: Search, flow: Flow, route: Route, _vpc: str, subnet: str | None) -> None:
    """Into a VPC endpoint by a route: a gateway endpoint ends there, a gateway load balancer endpoint passes on."""
    endpoint = search.network.endpoints.get(route.target)
    if endpoint is None:
        if route.by_list:
            search.block(flow, "VPC endpoint", route.target, "leads to an AWS service only")
        else:
            search.unknown(flow, route.target, "VPC endpoint")
        return
    if endpoint.state not in ("available", "partial"):
        search.block(flow, "VPC endpoint", endpoint.id, f"is {endpoint.state}")
        return
    if endpoint.id in search.goal.crossings:
        search.deliver(flow, "VPC endpoint", endpoint.id, f"is taken by the endpoint for {endpoint.service}")
    if endpoint.kind != "GatewayLoadBalancer":
        if not search.goal.internet:
            search.deliver(
                replace(flow, space=flow.space.towards(search.goal.outside)),
                "VPC endpoint",
                endpoint.id,
                f"reaches {endpoint.service}",
            )
        search.block(flow, "VPC endpoint", endpoint.id, f"leads to {endpoint.service} only")
        return
    moved = flow.visiting(endpoint.id)
    if moved is None:
        search.block(flow, "VPC endpoint", endpoint.id, "the routes lead in a circle")
        return
    home = endpoint.subnets[0] if endpoint.subnets else None
    if home is None:
        search.unknown(moved, endpoint.id, "subnet of gateway load balancer endpoint")
        return
    for entered in [moved] if home == subnet else enter(search, moved, home):
        text = f"passes the appliances of {endpoint.service}"
        inspected = entered.through("VPC endpoint", endpoint.id, text, entered.space)
        inspected = inspected.assuming(f"the appliances behind {endpoint.id} let everything pass")
        at_provider(search, inspected, endpoint.id)
        depart(search, replace(inspected, direct=False), home)


def to_other(search: Search, flow: Flow, route: Route, _vpc: str, _subnet: str | None) -> None:
    """Into a target that this model does not follow: a local gateway, core network or ODB network."""
    search.unknown(flow, route.target, "what lies behind")
