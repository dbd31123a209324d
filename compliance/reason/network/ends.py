"""The two ends of a query: ids, CIDR blocks, accounts and `internet`, resolved to hosts and addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from compliance.errors import ComplianceError
from compliance.reason.network.addresses import (
    ANY_V4,
    ANY_V6,
    PUBLIC,
    PUBLIC_V4,
    PUBLIC_V6,
    Ranges,
    covered,
    intersect,
    parse_cidr,
    subtract,
    union,
)
from compliance.reason.network.hosts import NOT_RECEIVING, NOT_SENDING, hosts_of_vpc, possible_host, shared_hosts
from compliance.reason.network.model import Interface
from compliance.reason.network.network import Network

_ID = re.compile(r"[a-z][a-z0-9]*(?:-[A-Za-z0-9_]+)+")
_ACCOUNT = re.compile(r"\d{12}")
_INTERNET = {"internet": PUBLIC, "0.0.0.0/0": PUBLIC_V4, "::/0": PUBLIC_V6}


@dataclass(frozen=True, slots=True)
class End:
    """One end of a query.

    `interfaces` are the hosts that belong to it; `outside` the addresses beyond the facts (internet, on-premises)
    that do; `crossings` ids of gateways, peerings and endpoints where passing through counts as arriving; `vpcs`
    those that belong to it whole; `accounts` likewise; `missing` what would be needed to know the end.
    """

    text: str
    interfaces: tuple[Interface, ...] = ()
    outside: Ranges = ()
    crossings: frozenset[str] = frozenset()
    vpcs: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    is_internet: bool = False

    @property
    def can_send(self) -> bool:
        """Whether it is of a kind from which packets can come at all."""
        return not any(name.startswith(("pcx-", "tgw-", "eigw-", "vpce-svc-")) for name in self.crossings)

    def sending(self) -> tuple[Interface, ...]:
        """The hosts of this end that send of their own accord."""
        return tuple(i for i in self.interfaces if i.kind not in NOT_SENDING)

    def receiving(self) -> tuple[Interface, ...]:
        """The hosts of this end at which a packet can end."""
        return tuple(i for i in self.interfaces if i.kind not in NOT_RECEIVING)


def resolve(network: Network, text: str, *, possible: bool = False) -> End:
    """The end that the text names.

    An id of an interface, instance, subnet, VPC, security group, VPC endpoint, endpoint service, or of an internet,
    egress-only, carrier, NAT, VPN or transit gateway, VPN or peering connection; an ARN that ends in such an id; a
    twelve-digit account; a CIDR block or address; `internet` (also `0.0.0.0/0` and `::/0`). An id that no fact
    describes gives an end with `missing` set. `possible` adds hosts that could be started (see `hosts_of_vpc`).

    Raises:
        ComplianceError: the text is none of these.
    """
    name = text.rsplit("/", 1)[-1] if text.startswith("arn:") else text
    return _with_unread(network, _named(network, text, name, possible=possible))


def _named(network: Network, text: str, name: str, *, possible: bool) -> End:
    if name in _INTERNET:
        return End(text, outside=_INTERNET[name], is_internet=True)
    if _ACCOUNT.fullmatch(name):
        return _account(network, name, possible=possible)
    if _ID.fullmatch(name) and "." not in name:
        return replace(_by_id(network, name, possible=possible), text=text)
    try:
        interval, _ = parse_cidr(name, "")
    except ComplianceError:
        raise ComplianceError(
            text,
            "names no end of a path; give an id (vpc-…, subnet-…, eni-…, i-…, sg-…, vpce-…, igw-…), an "
            "account of twelve digits, a CIDR block, or internet",
        ) from None
    return _block(network, text, (interval,), possible=possible)


def _with_unread(network: Network, end: End) -> End:
    """The end; what could not be read in the accounts it belongs to is missing."""
    if not network.unread:
        return end
    owners = {host.owner for host in end.interfaces} | {network.vpcs[vpc].owner for vpc in end.vpcs} | end.accounts
    lacking = [
        f"{call} in {account}"
        for account in sorted(network.unread)
        for call in network.unread[account]
        if account in owners
    ]
    return replace(end, missing=tuple(dict.fromkeys((*end.missing, *lacking))))


def union_of(ends: Iterable[End], text: str) -> End:
    """One end that is all of the ends: a tenant's accounts and VPCs."""
    ends = tuple(ends)
    return End(
        text,
        tuple(dict.fromkeys(interface for end in ends for interface in end.interfaces)),
        union(*(end.outside for end in ends)),
        frozenset(name for end in ends for name in end.crossings),
        frozenset(name for end in ends for name in end.vpcs),
        frozenset(name for end in ends for name in end.accounts),
        tuple(dict.fromkeys(fact for end in ends for fact in end.missing)),
        any(end.is_internet for end in ends),
    )


def _by_id(network: Network, name: str, *, possible: bool) -> End:
    for prefix, find in _FINDERS:
        if name.startswith(prefix):
            found = find(network, name, possible)
            if found is not None:
                return found
            why = network.contradictory.get(name)
            return End(name, missing=(f"{name} is not described by any fact" if why is None else f"{name} is {why}",))
    raise ComplianceError(
        name,
        "is an id of a kind that cannot be an end of a path; known are " + ", ".join(prefix for prefix, _ in _FINDERS),
    )


def _interface(network: Network, name: str, _possible: bool) -> End | None:
    interface = network.interfaces.get(name)
    if interface is None:
        return None
    crossing = {nat.id for nat in network.nats.values() if name in nat.interfaces}
    return End(name, (interface,), crossings=frozenset({name} | crossing))


def _instance(network: Network, name: str, _possible: bool) -> End | None:
    found = tuple(i for i in network.interfaces.values() if i.instance == name)
    return End(name, found, crossings=frozenset(i.id for i in found)) if found else None


def _subnet(network: Network, name: str, possible: bool) -> End | None:
    subnet = network.subnets.get(name)
    if subnet is None:
        return None
    present = tuple(i for i in hosts_of_vpc(network, subnet.vpc) if i.subnet == name)
    if possible or not any(i.kind not in NOT_SENDING for i in present):
        present = (*(i for i in present if not i.possible), possible_host(network, subnet, subnet.owner))
    return End(name, present, crossings=_transit_of(network, present) | _gateways_in(network, subnet.vpc, name))


def _vpc(network: Network, name: str, possible: bool) -> End | None:
    if name not in network.vpcs:
        return None
    hosts = hosts_of_vpc(network, name, possible=possible)
    crossings = _transit_of(network, hosts) | _gateways_in(network, name, None)
    return End(name, hosts, crossings=crossings, vpcs=frozenset({name}))


def _account(network: Network, name: str, *, possible: bool) -> End:
    if name not in network.accounts and name not in network.unread:
        return End(name, missing=(f"account {name} does not occur in any fact",))
    own = frozenset(vpc.id for vpc in network.vpcs.values() if vpc.owner == name)
    hosts = [host for vpc in sorted(own) for host in hosts_of_vpc(network, vpc, possible=possible)]
    hosts = [host for host in hosts if host.owner in (name, None)]
    hosts += [i for i in network.interfaces.values() if i.owner == name and i.vpc not in own]
    hosts += shared_hosts(network, name)
    crossings = frozenset().union(_transit_of(network, hosts), *(_gateways_in(network, vpc, None) for vpc in own))
    return End(name, tuple(dict.fromkeys(hosts)), crossings=crossings, vpcs=own, accounts=frozenset({name}))


def _group(network: Network, name: str, _possible: bool) -> End | None:
    members = tuple(network.interfaces[i] for i in network.interfaces_of_group.get(name, ()))
    group = network.groups.get(name)
    if members:
        return End(name, members)
    if group is None or group.vpc is None:
        return None
    subnets = [network.subnets[subnet] for subnet in network.subnets_of_vpc.get(group.vpc, ())]
    return End(name, tuple(replace(possible_host(network, s, s.owner), groups=(name,)) for s in subnets))


def _endpoint(network: Network, name: str, _possible: bool) -> End | None:
    endpoint = network.endpoints.get(name)
    if endpoint is None:
        return None
    return End(name, endpoint_interfaces(network, name), crossings=frozenset({name}))


def endpoint_interfaces(network: Network, name: str) -> tuple[Interface, ...]:
    """The interfaces of a VPC endpoint; where none is described, any address of its subnets with its groups."""
    endpoint = network.endpoints[name]
    found = tuple(network.interfaces[i] for i in endpoint.interfaces if i in network.interfaces)
    if found or endpoint.kind == "Gateway":
        return found
    kind = "gateway_load_balancer_endpoint" if endpoint.kind == "GatewayLoadBalancer" else "vpc_endpoint"
    hosts = (
        possible_host(network, network.subnets[s], endpoint.owner) for s in endpoint.subnets if s in network.subnets
    )
    return tuple(replace(h, id=f"{name} in {h.subnet}", kind=kind, groups=endpoint.groups, public=()) for h in hosts)


def _service(network: Network, name: str, _possible: bool) -> End | None:
    return End(name, crossings=frozenset({name})) if name in network.services else None


def _gateway(network: Network, name: str, _possible: bool) -> End | None:
    gateway = network.gateways.get(name)
    if gateway is None:
        return None
    if gateway.kind in ("internet", "egress-only", "carrier"):
        outside = PUBLIC_V6 if gateway.kind == "egress-only" else PUBLIC
        return End(name, outside=outside, crossings=frozenset({name}))
    return End(name, outside=(ANY_V4, ANY_V6), crossings=frozenset({name}))


def _nat(network: Network, name: str, _possible: bool) -> End | None:
    nat = network.nats.get(name)
    return None if nat is None else End(name, crossings=frozenset({name}))


def _crossing(known: Callable[[Network], Iterable[str]]) -> Callable[[Network, str, bool], End | None]:
    def find(network: Network, name: str, _possible: bool) -> End | None:
        return End(name, crossings=frozenset({name})) if name in known(network) else None

    return find


def _vpn(network: Network, name: str, _possible: bool) -> End | None:
    if name not in network.vpn_gateways:
        return None
    return End(name, outside=(ANY_V4, ANY_V6), crossings=frozenset({name, network.vpn_gateways[name]} - {""}))


_FINDERS: tuple[tuple[str, Callable[[Network, str, bool], End | None]], ...] = (
    ("vpce-svc-", _service),
    ("vpce-", _endpoint),
    ("vpc-", _vpc),
    ("subnet-", _subnet),
    ("eni-", _interface),
    ("i-", _instance),
    ("sg-", _group),
    ("igw-", _gateway),
    ("eigw-", _gateway),
    ("cagw-", _gateway),
    ("vgw-", _gateway),
    ("vpn-", _vpn),
    ("nat-", _nat),
    ("pcx-", _crossing(lambda network: network.peerings)),
    ("tgw-attach-", _crossing(lambda network: {key[0] for key in network.attachments})),
    ("tgw-", _crossing(lambda network: network.transit_gateways)),
)


def _transit_of(network: Network, hosts: Iterable[Interface]) -> frozenset[str]:
    """Interfaces that forward what is not addressed to them."""
    del network
    return frozenset(host.id for host in hosts if not host.checks_address and not host.possible)


def _gateways_in(network: Network, vpc: str, subnet: str | None) -> frozenset[str]:
    """NAT gateways and gateway load balancer endpoints in the VPC (or the subnet): what they forward was there."""
    nats = {n.id for n in network.nats.values() if n.vpc == vpc and subnet in (None, n.subnet)}
    endpoints = {
        e.id
        for e in network.endpoints.values()
        if e.vpc == vpc and e.kind == "GatewayLoadBalancer" and (subnet is None or subnet in e.subnets)
    }
    return frozenset(nats | endpoints)


def _block(network: Network, text: str, block: Ranges, *, possible: bool) -> End:
    """Hosts with an address in the block, private or public, and the part of the block that lies in no VPC.

    In a VPC of which the block holds no host's address, it stands for any host that could be placed there.
    """
    hosts: list[Interface] = []
    inside: Ranges = ()
    for vpc in sorted(network.vpcs):
        own = covered(network.vpcs[vpc].blocks)
        inside = union(inside, own)
        found = [part for host in hosts_of_vpc(network, vpc, possible=possible) if (part := _part(host, block))]
        if not found and intersect(own, block):
            subnets = (network.subnets[name] for name in network.subnets_of_vpc.get(vpc, ()))
            anywhere = (possible_host(network, subnet, subnet.owner) for subnet in subnets)
            found = [part for host in anywhere if (part := _part(host, block))]
        hosts += found
    return End(text, tuple(hosts), outside=subtract(block, inside))


def _part(host: Interface, block: Ranges) -> Interface | None:
    """The host with only its addresses in the block, and those behind its public addresses there; None without any."""
    private = intersect(host.addresses, block)
    public = tuple((own, met) for own, outer in host.public if (met := intersect(outer, block)))
    if not private and (host.possible or not public):
        return None
    reached = union(private, *(own for own, _ in public))
    return replace(host, addresses=reached, public=public or _only(host, private))


def _only(host: Interface, private: Ranges) -> tuple[tuple[Ranges, Ranges], ...]:
    return tuple((met, outer) for own, outer in host.public if (met := intersect(own, private)))
