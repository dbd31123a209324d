"""PrivateLink: from an endpoint's interface in the consumer's VPC to the load balancer in the provider's.

The way goes in one direction only: a provider cannot open a connection to its consumers.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial

from compliance.reason.network.addresses import ANY, Ranges
from compliance.reason.network.ends import endpoint_interfaces
from compliance.reason.network.flow import Flow
from compliance.reason.network.model import EndpointService, Interface
from compliance.reason.network.network import Network
from compliance.reason.network.search import Search
from compliance.reason.network.space import EPHEMERAL, TCP, UDP, Box, Packet, Space


def service_of(network: Network, endpoint: str) -> str | None:
    """The id of the endpoint service of another party that an endpoint leads to; None for the services of AWS."""
    if network.endpoints[endpoint].managed:
        return None
    name = network.endpoints[endpoint].service
    last = name.rsplit(".", 1)[-1]
    return last if last.startswith("vpce-svc-") else None


def balancer_interfaces(network: Network, service: EndpointService) -> tuple[Interface, ...]:
    """The interfaces of the service's load balancers: their description is `ELB net/<name>/<id>`."""
    names = {"ELB " + arn.split(":loadbalancer/", 1)[-1] for arn in service.balancers}
    return tuple(i for i in network.interfaces.values() if i.description in names)


@lru_cache(maxsize=2)
def provider_endpoints(network: Network) -> dict[str, tuple[tuple[str, Interface], ...]]:
    """By VPC: the interfaces of the endpoints that lead to another party's service, with the endpoint's id."""
    found: dict[str, list[tuple[str, Interface]]] = {}
    for endpoint in network.endpoints.values():
        if endpoint.kind == "Interface" and service_of(network, endpoint.id):
            interfaces = endpoint_interfaces(network, endpoint.id)
            found.setdefault(endpoint.vpc, []).extend((endpoint.id, interface) for interface in interfaces)
    return {vpc: tuple(interfaces) for vpc, interfaces in found.items()}


def through_endpoint(search: Search, flow: Flow, endpoint: str) -> None:
    """Packets that arrived at an interface endpoint, on to the service's load balancer and its targets."""
    moved = flow.visiting(endpoint)
    known = search.network.endpoints[endpoint]
    if moved is None:
        return
    if known.state not in ("available", "partial"):
        search.block(flow, "VPC endpoint", endpoint, f"is {known.state}")
        return
    at_provider(search, moved.through("VPC endpoint", endpoint, f"leads to {known.service}", moved.space), endpoint)


def at_provider(search: Search, flow: Flow, endpoint: str) -> None:
    """Packets that came through an endpoint to the provider's side."""
    network = search.network
    name = service_of(network, endpoint)
    if name is None:
        return
    if endpoint in network.refused_connections:
        search.block(flow, "endpoint service", name, f"has not accepted the connection of {endpoint}")
        return
    service = network.services.get(name)
    if service is None:
        search.unknown(flow, name, "provider of endpoint service")
        return
    if service.state != "available":
        search.block(flow, "endpoint service", name, f"is {service.state}")
        return
    moved = flow.through("endpoint service", name, f"reaches the provider {service.owner or ''}".rstrip(), flow.space)
    if name in search.goal.crossings or (service.owner and service.owner in search.goal.accounts):
        search.deliver(moved, "endpoint service", name, "is taken by the endpoint service")
        return
    balancers = balancer_interfaces(network, service)
    homes = {i.vpc for i in balancers} | {
        network.balancer_vpcs[b] for b in service.balancers if b in network.balancer_vpcs
    }
    if homes & search.goal.vpcs:
        search.deliver(
            moved, "endpoint service", name, f"is taken by its load balancer in {min(homes & search.goal.vpcs)}"
        )
        return
    goal_hosts = {host.id for hosts in search.goal.hosts.values() for host in hosts}
    for balancer in balancers:
        if balancer.id in goal_hosts:
            search.deliver(moved, balancer.kind, balancer.id, f"arrives at {balancer.id}, the service's load balancer")
        else:
            _on_to_targets(search, moved, balancer)
    if not homes and service.owner and None not in search.goal.owners and service.owner not in search.goal.owners:
        search.block(
            moved, "endpoint service", name, f"belongs to {service.owner}, to whom nothing of the target belongs"
        )
    elif not homes:
        search.unknown(moved, name, "load balancer of endpoint service")
    elif not balancers:
        search.unknown(moved, ", ".join(service.balancers), "interfaces of load balancer")


def _on_to_targets(search: Search, flow: Flow, balancer: Interface) -> None:
    """From the load balancer to any target that its network lets it reach; which targets it has, no fact says."""
    space = _from_balancer(balancer.addresses, search.goal.entry)
    if not space:
        return
    onward = flow.through("load balancer", balancer.id, "sends to its targets", space, restore=_anything)
    onward = replace(onward, sender=balancer, direct=True, entered="", rewritten=flow.rewritten + 1)
    onward = onward.lacking(f"targets of the load balancer {balancer.description or balancer.id}")
    search.push(partial(search.emit, search, onward, balancer))


def _from_balancer(sources: Ranges, destinations: Ranges) -> Space:
    boxes = (
        Box(source, destination, (number, number), EPHEMERAL)
        for source in sources
        for destination in destinations
        for number in (TCP, UDP)
    )
    return Space(tuple(boxes))


def _anything(_packet: Packet) -> tuple[Box, ...]:
    return (Box(ANY[0], ANY[0]),)
