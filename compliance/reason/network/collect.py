"""Gathers the objects of all documents; `finish` joins what needs more than one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from compliance.reason.network import parse_filters, parse_gateways, parse_interfaces, parse_transit, parse_vpc, shelf
from compliance.reason.network.addresses import Block, Blocks, parse_cidr
from compliance.reason.network.attribute import subject_of
from compliance.reason.network.documents import FactDocument, region_in
from compliance.reason.network.fields import Record, records
from compliance.reason.network.model import (
    Endpoint,
    EndpointService,
    Gateway,
    GroupRule,
    Interface,
    NatGateway,
    NetworkAcl,
    Peering,
    PublicAccessBlock,
    PublicAccessExclusion,
    RouteTable,
    SecurityGroup,
    Subnet,
    TransitGateway,
    Vpc,
)
from compliance.reason.network.shelf import Item, Shelf
from compliance.reason.network.transit_facts import TransitFacts


@dataclass
class Collector:
    """What has been read so far. `add` each document, then `finish` once."""

    unread: dict[str, tuple[str, ...]] = field(default_factory=dict)
    contradictory: dict[str, str] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)
    callers: set[str] = field(default_factory=set)
    prefix_lists: dict[str, Blocks] = field(default_factory=dict)
    managed_lists: set[str] = field(default_factory=set)
    customer_lists: set[str] = field(default_factory=set)
    refused_connections: set[str] = field(default_factory=set)
    balancer_vpcs: dict[str, str] = field(default_factory=dict)
    vpn_gateways: dict[str, str] = field(default_factory=dict)
    transit: TransitFacts = field(default_factory=TransitFacts)
    access_blocks: list[PublicAccessBlock] = field(default_factory=list)
    documents: list[FactDocument] = field(default_factory=list)

    def __post_init__(self) -> None:
        bad = self.contradictory
        self.vpcs: Shelf[Vpc] = Shelf(bad, shelf.join_vpcs)
        self.subnets: Shelf[Subnet] = Shelf(bad, shelf.join_subnets)
        self.route_tables: Shelf[RouteTable] = Shelf(bad)
        self.groups: Shelf[SecurityGroup] = Shelf(bad, shelf.join_groups)
        self.acls: Shelf[NetworkAcl] = Shelf(bad)
        self.interfaces: Shelf[Interface] = Shelf(bad, shelf.join_interfaces)
        self.peerings: Shelf[Peering] = Shelf(bad, shelf.join_peerings)
        self.gateways: Shelf[Gateway] = Shelf(bad, shelf.join_gateways)
        self.nats: Shelf[NatGateway] = Shelf(bad)
        self.endpoints: Shelf[Endpoint] = Shelf(bad, shelf.join_endpoints)
        self.services: Shelf[EndpointService] = Shelf(bad, shelf.join_services)
        self.transit_gateways: Shelf[TransitGateway] = Shelf(bad, shelf.join_transit_gateways)
        self.access_exclusions: Shelf[PublicAccessExclusion] = Shelf(bad)

    def add(self, document: FactDocument) -> None:
        """Reads everything of a document that can be understood without the others."""
        self.documents.append(document)
        if document.account:
            self.callers.add(document.account)
        _fill(document, "Vpcs", self.vpcs, parse_vpc.parse_vpc)
        _fill(document, "Subnets", self.subnets, parse_vpc.parse_subnet)
        _fill(document, "SecurityGroups", self.groups, parse_filters.parse_security_group)
        _fill(document, "NetworkAcls", self.acls, parse_filters.parse_network_acl)
        _fill(document, "NetworkInterfaces", self.interfaces, parse_interfaces.parse_interface)
        _fill(document, "VpcPeeringConnections", self.peerings, parse_gateways.parse_peering)
        _fill(document, "InternetGateways", self.gateways, parse_gateways.parse_internet_gateway)
        _fill(document, "EgressOnlyInternetGateways", self.gateways, parse_gateways.parse_egress_only_gateway)
        _fill(document, "VpnGateways", self.gateways, parse_gateways.parse_vpn_gateway)
        _fill(document, "CarrierGateways", self.gateways, parse_gateways.parse_carrier_gateway)
        _fill(document, "NatGateways", self.nats, parse_gateways.parse_nat_gateway)
        _fill(document, "VpcEndpoints", self.endpoints, parse_gateways.parse_endpoint)
        _fill(document, "ServiceConfigurations", self.services, parse_gateways.parse_endpoint_service)
        _fill(document, "TransitGateways", self.transit_gateways, parse_transit.parse_transit_gateway)
        _fill(document, "ServiceDetails", self.services, parse_gateways.parse_service_detail)
        _fill(
            document,
            "VpcBlockPublicAccessExclusions",
            self.access_exclusions,
            parse_gateways.parse_public_access_exclusion,
        )
        self._add_names(document)
        self.transit.add(document)

    def _add_names(self, document: FactDocument) -> None:
        for record in records(document, "VpcEndpointConnections"):
            state = (record.text("VpcEndpointState") or "available").lower()
            if state not in ("available", "partial"):
                self.refused_connections.add(record.required("VpcEndpointId"))
        block = parse_gateways.parse_public_access_block(document)
        if block is not None:
            self.access_blocks.append(block)
        for record in records(document, "LoadBalancers"):
            arn, vpc = record.text("LoadBalancerArn"), record.text("VpcId")
            if arn and vpc:
                self.balancer_vpcs[arn] = vpc
        for record in records(document, "VpnConnections"):
            if record.text("State") not in ("deleting", "deleted"):
                gateway = record.text("VpnGatewayId") or record.text("TransitGatewayId") or ""
                self.vpn_gateways[record.required("VpnConnectionId")] = gateway
        # both describe-prefix-lists and describe-managed-prefix-lists print PrefixLists; only the latter has owners
        for record in (*records(document, "PrefixLists"), *records(document, "ManagedPrefixLists")):
            name = record.required("PrefixListId")
            owned = record.text("OwnerId") not in (None, "AWS")
            (self.customer_lists if owned else self.managed_lists).add(name)
            if "Cidrs" in record.fields:
                self._add_prefixes(name, [parse_cidr(text, record.place) for text in record.texts("Cidrs")])

    def _add_prefixes(self, name: str, prefixes: Iterable[Block]) -> None:
        self.prefix_lists[name] = tuple(sorted({*self.prefix_lists.get(name, ()), *prefixes}))

    def finish(self) -> None:
        """Reads what needs the other documents and fills in what only follows from several of them."""
        for document in self.documents:
            if "Entries" in document.content:
                self._read_entries(document)
        for document in self.documents:
            _fill(
                document, "RouteTables", self.route_tables, lambda r: parse_vpc.parse_route_table(r, self.prefix_lists)
            )
            self._read_interfaces(document)
        self._read_group_rules()
        self._read_elastic_addresses()
        self.transit.finish(self.documents, self.vpcs.items, self.prefix_lists)
        self.assumed.update(self.transit.unattributed)
        self._complete_vpcs()
        self._complete_interfaces()

    def _read_entries(self, document: FactDocument) -> None:
        unread = self.customer_lists - set(self.prefix_lists) or self.customer_lists | self.managed_lists
        name = subject_of(document, "PrefixListId", "pl-", unread)
        found = [parse_cidr(record.required("Cidr"), record.place) for record in records(document, "Entries")]
        if name is None:
            self.assumed[document.source] = (
                "the entries of a prefix list, but not of which one: put PrefixListId beside Entries, or the id into "
                "the file name; the entries were not used"
            )
            return
        self._add_prefixes(name, found)

    def _read_interfaces(self, document: FactDocument) -> None:
        for record in records(document, "Reservations"):
            for interface in parse_interfaces.parse_reservation(record):
                if interface.id not in self.interfaces.items:
                    self.interfaces.put(interface, record.place)

    def _read_group_rules(self) -> None:
        rules: dict[str, tuple[set[GroupRule], set[GroupRule]]] = {}
        for document in self.documents:
            for record in records(document, "SecurityGroupRules"):
                group, egress, rule = parse_filters.parse_group_rule(record)
                rules.setdefault(group, (set(), set()))[egress].add(rule)
        for group, (ingress, egress_rules) in rules.items():
            known = self.groups.items.get(group)
            if known is not None:
                self.groups.items[group] = replace(
                    known, ingress=known.ingress | ingress, egress=known.egress | egress_rules, unlisted=frozenset()
                )

    def _read_elastic_addresses(self) -> None:
        for document in self.documents:
            for record in records(document, "Addresses"):
                found = parse_interfaces.elastic_address(record)
                known = self.interfaces.items.get(found[0]) if found else None
                if found and known and not any(found[2] == public for _, public in known.public):
                    self.interfaces.items[known.id] = replace(known, public=(*known.public, found[1:]))

    def _complete_vpcs(self) -> None:
        """VPCs that only their subnets and local routes show, and VPCs that show no subnet."""
        blocks: dict[str, set[Block]] = {}
        for table in self.route_tables.items.values():
            local = (route.blocks or () for route in table.routes if route.kind == "local")
            blocks.setdefault(table.vpc, set()).update(block for part in local for block in part)
        inhabited = {subnet.vpc: subnet for subnet in self.subnets.items.values()}
        for vpc, subnet in inhabited.items():
            if vpc not in self.vpcs.items and vpc not in self.contradictory:
                self.assumed[vpc] = "not described; its CIDR blocks were taken from its local routes and subnets"
                known = blocks.get(vpc) or {
                    block for s in self.subnets.items.values() if s.vpc == vpc for block in s.blocks
                }
                self.vpcs.items[vpc] = Vpc(vpc, subnet.owner, None, tuple(sorted(known)))
        for described in list(self.vpcs.items.values()):
            subnet_zone = inhabited[described.id].zone if described.id in inhabited else None
            if described.region is None and subnet_zone:
                self.vpcs.items[described.id] = replace(described, region=region_in(subnet_zone))
            if described.id not in inhabited and described.blocks:
                self.assumed[described.id] = "no subnet of it is described; its whole range was taken to be one subnet"
                name = f"subnet-of-{described.id}"
                self.subnets.items[name] = Subnet(name, described.id, described.owner, None, None, described.blocks)

    def _complete_interfaces(self) -> None:
        for interface in list(self.interfaces.items.values()):
            subnet = self.subnets.items.get(interface.subnet)
            vpc = interface.vpc or (subnet.vpc if subnet else "")
            owner = interface.owner or (subnet.owner if subnet else None)
            self.interfaces.items[interface.id] = replace(interface, vpc=vpc, owner=owner)


def _fill(document: FactDocument, key: str, onto: Shelf[Item], parse: Callable[[Record], Item | None]) -> None:
    for record in records(document, key):
        item = parse(record)
        if item is not None:
            onto.put(item, record.place)
