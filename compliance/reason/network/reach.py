"""The question: can a packet get from one end to the other? The answer with its witness or its reasons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from compliance.errors import ComplianceError
from compliance.reason.network.addresses import ANY, PUBLIC, intersect, union
from compliance.reason.network.appliances import to_endpoint, to_interface, to_other
from compliance.reason.network.between import from_site, to_peering, to_transit, to_vpn_gateway
from compliance.reason.network.ends import End, resolve
from compliance.reason.network.flow import Flow, Obstacle, Witness, witness_of
from compliance.reason.network.inside import emit
from compliance.reason.network.internet import at_internet, to_egress_only, to_internet_gateway
from compliance.reason.network.model import Interface
from compliance.reason.network.nat import from_nat, to_nat
from compliance.reason.network.network import Network
from compliance.reason.network.privatelink import provider_endpoints, service_of, through_endpoint
from compliance.reason.network.protocols import Header
from compliance.reason.network.search import Forward, Goal, Search, entry_of
from compliance.reason.network.space import every_packet, with_client_ports

EVERY_PACKET = Header()
REACHABLE, UNREACHABLE, INDETERMINATE = "reachable", "unreachable", "indeterminate"
EVERY_PACKET = Header()

_FORWARDS: dict[str, Forward] = {
    "internet": to_internet_gateway,
    "carrier": to_internet_gateway,
    "egress-only": to_egress_only,
    "nat": to_nat,
    "peering": to_peering,
    "transit": to_transit,
    "vpn": to_vpn_gateway,
    "interface": to_interface,
    "instance": to_interface,
    "endpoint": to_endpoint,
    "other": to_other,
}


@dataclass(frozen=True, slots=True)
class Reach:
    """The answer.

    `disposition` is reachable (with `witness`), unreachable (with `blocked_by`, the closest obstacle first) or
    indeterminate (with `missing`, the facts without which nothing is claimed). `one_way` says of an answer that is
    not reachable that a packet does arrive and only its reply cannot come back. `assumed` lists what was filled in.
    """

    disposition: str
    witness: Witness | None = None
    blocked_by: tuple[Obstacle, ...] = ()
    missing: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    one_way: bool = False

    def as_json(self) -> dict[str, object]:
        """The answer as `bulkhead reach --json` prints it."""
        shown: dict[str, object] = {"disposition": self.disposition}
        if self.witness is not None:
            shown["witness"] = self.witness.as_json()
        if self.disposition == UNREACHABLE:
            shown["blockedBy"] = [obstacle.as_json() for obstacle in self.blocked_by]
        if self.disposition == INDETERMINATE:
            shown["missing"] = list(self.missing)
        if self.one_way:
            shown["oneWay"] = True
        if self.assumed:
            shown["assumed"] = list(self.assumed)
        return shown


def reach(
    network: Network,
    source: str | End,
    target: str | End,
    *,
    header: Header = EVERY_PACKET,
    one_way: bool = False,
    possible: bool = False,
) -> Reach:
    """Whether any packet of the header gets from the source to the target.

    By default a packet counts if the network ACLs also let its reply come back (a connection); with `one_way` its
    arrival is enough, which is what a proof of isolation must rule out. `possible` also counts hosts that do not
    exist but could be started in a subnet.

    Raises:
        ComplianceError: an end that is no id, block or account, or one that cannot send.
    """
    start = resolve(network, source, possible=possible) if isinstance(source, str) else source
    end = resolve(network, target, possible=possible) if isinstance(target, str) else target
    if start.missing or end.missing:
        return Reach(INDETERMINATE, missing=tuple(dict.fromkeys((*start.missing, *end.missing))))
    if not start.interfaces and not start.outside and not start.can_send:
        raise ComplianceError(start.text, "sends no packets of its own; --from takes hosts, gateways or addresses")
    answer = _decide(network, start, end, header, one_way=one_way)
    if not one_way and answer.disposition != REACHABLE:
        arriving = _decide(network, start, end, header, one_way=True)
        if arriving.disposition == REACHABLE:
            return replace(answer, one_way=True)
    return answer


def _decide(network: Network, start: End, end: End, header: Header, *, one_way: bool) -> Reach:
    """First towards the addresses of the target, then past the objects in it that forward other people's packets."""
    missing: dict[str, None] = {}
    assumed: dict[str, None] = {}
    obstacles: dict[Obstacle, int] = {}
    for goal in _goals(network, end):
        search = _search(network, goal, one_way=one_way)
        _begin(search, start, header)
        search.run()
        if search.arrived:
            flow = search.arrived[0]
            return Reach(REACHABLE, witness_of(flow), assumed=flow.assumed)
        for flow in search.doubtful:
            missing |= dict.fromkeys(flow.missing)
            assumed |= dict.fromkeys(flow.assumed)
        if not obstacles:
            obstacles = {o: o.depth for o in search.obstacles}
    if missing:
        return Reach(INDETERMINATE, missing=tuple(missing), assumed=tuple(assumed))
    if network.cut_short:
        return Reach(INDETERMINATE, missing=network.cut_short)
    closest = sorted(obstacles, key=lambda o: (-o.depth, o.id, o.reason))
    if not closest:
        closest = [_nothing_to_send(start, end)]
    return Reach(UNREACHABLE, blocked_by=tuple(closest))


def _nothing_to_send(start: End, end: End) -> Obstacle:
    if not start.sending() and not start.outside and not start.crossings:
        return Obstacle(start.text, "source", "nothing in it sends packets", 0)
    return Obstacle(
        end.text, "target", "no packet of the source is of the target's address family, or it has no host", 0
    )


def _goals(network: Network, end: End) -> Iterable[Goal]:
    hosts: dict[str, tuple[Interface, ...]] = {}
    for host in end.receiving():
        hosts[host.vpc] = (*hosts.get(host.vpc, ()), host)
    outside = () if end.crossings else end.outside
    owners = frozenset(
        [host.owner for host in end.interfaces] + [network.vpcs[vpc].owner for vpc in end.vpcs] + [*end.accounts]
    )
    if hosts or outside:
        through = union(*(i.addresses for vpc in provider_endpoints(network).values() for _, i in vpc))
        yield Goal(
            hosts,
            outside,
            end.is_internet,
            vpcs=end.vpcs,
            accounts=end.accounts,
            owners=owners,
            entry=entry_of(end.receiving(), outside, through),
        )
    inspects = bool(end.vpcs or end.accounts) and any(
        endpoint.kind == "GatewayLoadBalancer" and service_of(network, endpoint.id)
        for endpoint in network.endpoints.values()
    )
    if end.crossings or inspects:
        yield Goal({}, crossings=end.crossings, vpcs=end.vpcs, accounts=end.accounts, owners=owners, entry=ANY)


def _search(network: Network, goal: Goal, *, one_way: bool) -> Search:
    return Search(network, goal, one_way, _FORWARDS, through_endpoint, emit, provider_endpoints(network))


def _begin(search: Search, start: End, header: Header) -> None:
    space = every_packet(header.protocols, header.ports).towards(search.goal.entry)
    if not search.one_way:
        space = with_client_ports(space)
    for host in _classes(start.sending()):
        sent = space.coming_from(host.addresses)
        if sent:
            flow = Flow(sent, sender=host).through(host.kind, host.id, f"{host.id} sends", sent)
            search.push(partial(emit, search, flow, host))
    public = space.coming_from(intersect(start.outside, PUBLIC))
    gateways = frozenset(name for name in start.crossings if name.startswith(("igw-", "cagw-")))
    if public and (gateways or not start.crossings):
        flow = Flow(public).through("internet", "internet", "a host outside the facts sends", public)
        search.push(partial(at_internet, search, flow, None, only=gateways))
    site = space.coming_from(start.outside)
    if site and not gateways and not start.is_internet:
        flow = Flow(site).through("private connection", start.text, "a host outside the facts sends", site)
        search.push(partial(from_site, search, flow, start.crossings))
    for nat in (search.network.nats[name] for name in sorted(start.crossings & set(search.network.nats))):
        if not start.interfaces:
            search.push(partial(from_nat, search, nat, space))


def _classes(hosts: tuple[Interface, ...]) -> list[Interface]:
    """Hosts that every filter on their way out treats alike, as one."""
    classes: dict[tuple[object, ...], Interface] = {}
    for host in hosts:
        key = (host.vpc, host.subnet, host.groups, host.kind, host.checks_address, host.possible)
        known = classes.get(key)
        classes[key] = host if known is None else _together(known, host)
    return list(classes.values())


def _together(first: Interface, second: Interface) -> Interface:
    return replace(first, addresses=union(first.addresses, second.addresses), public=(*first.public, *second.public))
