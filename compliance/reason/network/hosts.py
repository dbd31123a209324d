"""Which hosts a VPC has: the network interfaces that are there, or the hosts that might be placed there."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.reason.network.addresses import ANY_V4, PUBLIC_V4, intersect
from compliance.reason.network.model import Interface, Subnet
from compliance.reason.network.network import Network

NOT_SENDING = frozenset(
    {"nat_gateway", "transit_gateway", "gateway_load_balancer_endpoint", "vpc_endpoint", "gateway_load_balancer"}
)
"""Interface types of gateways: they forward or answer, but nothing of the tenant's runs there."""
NOT_RECEIVING = frozenset({"nat_gateway", "transit_gateway", "gateway_load_balancer_endpoint"})
"""Interface types at which a packet addressed to them ends nowhere."""
UNFILTERED = frozenset({"nat_gateway", "transit_gateway", "gateway_load_balancer_endpoint", "gateway_load_balancer"})
"""Interface types without security groups."""
_SERVICE_KINDS = NOT_SENDING | {"network_load_balancer", "load_balancer", "global_accelerator_managed"}


def hosts_of_vpc(network: Network, vpc: str, *, possible: bool = False) -> tuple[Interface, ...]:
    """The hosts of a VPC.

    Where interfaces of hosts are described, those; otherwise one possible host for each subnet. With `possible` the
    possible hosts are added even where interfaces exist: what a tenant could start at any moment.
    """
    present = tuple(network.interfaces[name] for name in network.interfaces_of_vpc.get(vpc, ()))
    if not possible and any(interface.kind not in _SERVICE_KINDS for interface in present):
        return present
    subnets = (network.subnets[name] for name in network.subnets_of_vpc.get(vpc, ()))
    return present + tuple(possible_host(network, subnet, subnet.owner) for subnet in subnets)


def shared_hosts(network: Network, account: str) -> Iterator[Interface]:
    """Possible hosts of an account in subnets that others share with it and where it has no interface yet."""
    for subnet in network.subnets.values():
        if account in subnet.callers and subnet.owner not in (None, account):
            present = (network.interfaces[name] for name in network.interfaces_of_vpc.get(subnet.vpc, ()))
            if not any(i.owner == account and i.kind not in _SERVICE_KINDS for i in present):
                yield possible_host(network, subnet, account)


def possible_host(network: Network, subnet: Subnet, owner: str | None) -> Interface:
    """Any host that could be placed in the subnet: any free address, any group of the VPC, any public address."""
    private = intersect(subnet.addresses, (ANY_V4,))
    return Interface(
        id=f"any host in {subnet.id}",
        vpc=subnet.vpc,
        subnet=subnet.id,
        owner=owner,
        kind="interface",
        addresses=subnet.addresses,
        groups=network.groups_of_vpc.get(subnet.vpc, ()),
        public=((private, PUBLIC_V4),) if private else (),
        possible=True,
    )
