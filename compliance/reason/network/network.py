"""The network as one immutable index over the facts, and its loading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from compliance.reason.network.addresses import Blocks
from compliance.reason.network.collect import Collector
from compliance.reason.network.documents import FactDocument, cut_short
from compliance.reason.network.model import (
    Endpoint,
    EndpointService,
    Gateway,
    Interface,
    NatGateway,
    NetworkAcl,
    Peering,
    PublicAccessBlock,
    PublicAccessExclusion,
    RouteTable,
    SecurityGroup,
    Subnet,
    TransitAttachment,
    TransitGateway,
    TransitRoute,
    Vpc,
)


@dataclass(frozen=True, eq=False)
class Network:
    """Every object of the facts by id, and the indexes that the walk uses. Build it with `load`.

    `contradictory` names objects that were described twice in different words; they are left out, so whatever
    depends on them comes out indeterminate. `assumed` lists what was filled in because no fact spoke of it. With a
    listing in `cut_short` nothing is called unreachable.
    """

    vpcs: dict[str, Vpc] = field(default_factory=dict)
    subnets: dict[str, Subnet] = field(default_factory=dict)
    route_tables: dict[str, RouteTable] = field(default_factory=dict)
    groups: dict[str, SecurityGroup] = field(default_factory=dict)
    acls: dict[str, NetworkAcl] = field(default_factory=dict)
    interfaces: dict[str, Interface] = field(default_factory=dict)
    prefix_lists: dict[str, Blocks] = field(default_factory=dict)
    managed_lists: frozenset[str] = frozenset()
    peerings: dict[str, Peering] = field(default_factory=dict)
    gateways: dict[str, Gateway] = field(default_factory=dict)
    nats: dict[str, NatGateway] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    services: dict[str, EndpointService] = field(default_factory=dict)
    refused_connections: frozenset[str] = frozenset()
    balancer_vpcs: dict[str, str] = field(default_factory=dict)
    vpn_gateways: dict[str, str] = field(default_factory=dict)
    transit_gateways: dict[str, TransitGateway] = field(default_factory=dict)
    attachments: dict[tuple[str, str], TransitAttachment] = field(default_factory=dict)
    transit_routes: dict[str, tuple[TransitRoute, ...]] = field(default_factory=dict)
    transit_tables: frozenset[str] = frozenset()
    access_blocks: tuple[PublicAccessBlock, ...] = ()
    access_exclusions: tuple[PublicAccessExclusion, ...] = ()
    contradictory: dict[str, str] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)
    unread: dict[str, tuple[str, ...]] = field(default_factory=dict)
    cut_short: tuple[str, ...] = ()
    table_of_subnet: dict[str, str] = field(default_factory=dict)
    main_table: dict[str, str] = field(default_factory=dict)
    table_of_gateway: dict[str, str] = field(default_factory=dict)
    acl_of_subnet: dict[str, str] = field(default_factory=dict)
    default_acl: dict[str, str] = field(default_factory=dict)
    subnets_of_vpc: dict[str, tuple[str, ...]] = field(default_factory=dict)
    interfaces_of_vpc: dict[str, tuple[str, ...]] = field(default_factory=dict)
    interfaces_of_group: dict[str, tuple[str, ...]] = field(default_factory=dict)
    groups_of_vpc: dict[str, tuple[str, ...]] = field(default_factory=dict)
    attachment_of_vpc: dict[tuple[str, str], TransitAttachment] = field(default_factory=dict)
    accounts: frozenset[str] = frozenset()

    @staticmethod
    def load(documents: Iterable[FactDocument], unread: Mapping[str, tuple[str, ...]] | None = None) -> Network:
        """The network that the documents describe.

        Documents may repeat or split objects (pages, several callers); unknown top-level keys are ignored. `unread`
        names, by account, the calls that gave no answer: nothing is claimed about an end in such an account.

        Raises:
            ComplianceError: a field has a wrong type or value; the message names document and field.
        """
        collected = Collector(unread=dict(unread or {}))
        for document in documents:
            collected.add(document)
        collected.finish()
        return _index(collected)


def _index(found: Collector) -> Network:
    tables, acls = found.route_tables.items, found.acls.items
    all_tables = [*tables.values(), *found.route_tables.dropped.values()]
    all_acls = [*acls.values(), *found.acls.dropped.values()]
    interfaces, groups = found.interfaces.items, found.groups.items
    return Network(
        vpcs=found.vpcs.items,
        subnets=found.subnets.items,
        route_tables=tables,
        groups=groups,
        acls=acls,
        interfaces=interfaces,
        prefix_lists=found.prefix_lists,
        managed_lists=frozenset(found.managed_lists),
        peerings=found.peerings.items,
        gateways=found.gateways.items,
        nats=found.nats.items,
        endpoints=found.endpoints.items,
        services=found.services.items,
        refused_connections=frozenset(found.refused_connections),
        balancer_vpcs=found.balancer_vpcs,
        vpn_gateways=found.vpn_gateways,
        transit_gateways=found.transit_gateways.items,
        attachments=found.transit.attachments,
        transit_routes=found.transit.routes,
        transit_tables=frozenset(found.transit.tables),
        access_blocks=tuple(found.access_blocks),
        access_exclusions=tuple(found.access_exclusions.items.values()),
        contradictory=found.contradictory,
        unread=found.unread,
        cut_short=cut_short(found.documents),
        assumed=found.assumed,
        table_of_subnet={subnet: t.id for t in all_tables for subnet in t.subnets},
        main_table={t.vpc: t.id for t in all_tables if t.main},
        table_of_gateway={gateway: t.id for t in all_tables for gateway in t.gateways},
        acl_of_subnet={subnet: a.id for a in all_acls for subnet in a.subnets},
        default_acl={a.vpc: a.id for a in all_acls if a.default},
        subnets_of_vpc=_grouped((s.vpc, s.id) for s in found.subnets.items.values()),
        interfaces_of_vpc=_grouped((i.vpc, i.id) for i in interfaces.values()),
        interfaces_of_group=_grouped((group, i.id) for i in interfaces.values() for group in i.groups),
        groups_of_vpc=_grouped((g.vpc, g.id) for g in groups.values() if g.vpc),
        attachment_of_vpc={
            (a.gateway, a.resource): a
            for a in sorted(found.transit.attachments.values(), key=lambda a: a.state == "available")
            if a.kind == "vpc"
        },
        accounts=frozenset(_accounts(found)),
    )


def _accounts(found: Collector) -> Iterable[str]:
    owners = (
        [vpc.owner for vpc in found.vpcs.items.values()]
        + [i.owner for i in found.interfaces.items.values()]
        + [s.owner for s in found.services.items.values()]
        + [caller for s in found.subnets.items.values() for caller in s.callers]
        + list(found.callers)
    )
    return {owner for owner in owners if owner}


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, list[str]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(value)
    return {key: tuple(sorted(values)) for key, values in grouped.items()}
