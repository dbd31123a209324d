"""VPCs, subnets and route tables out of `describe-vpcs`, `describe-subnets` and `describe-route-tables`."""

from __future__ import annotations

from collections.abc import Mapping

from compliance.errors import ComplianceError
from compliance.reason.network.addresses import Block, Blocks, parse_cidr
from compliance.reason.network.fields import Record
from compliance.reason.network.model import Route, RouteTable, Subnet, Vpc

_GATEWAY_KINDS = (
    ("igw-", "internet"),
    ("eigw-", "egress-only"),
    ("vgw-", "vpn"),
    ("vpce-", "endpoint"),
    ("cagw-", "carrier"),
    ("nat-", "nat"),
    ("tgw-", "transit"),
    ("pcx-", "peering"),
    ("eni-", "interface"),
)
_TARGET_FIELDS = (
    ("NatGatewayId", "nat"),
    ("TransitGatewayId", "transit"),
    ("VpcPeeringConnectionId", "peering"),
    ("EgressOnlyInternetGatewayId", "egress-only"),
    ("CarrierGatewayId", "carrier"),
    ("NetworkInterfaceId", "interface"),
    ("InstanceId", "instance"),
    ("VpcEndpointId", "endpoint"),
    ("LocalGatewayId", "other"),
    ("CoreNetworkArn", "other"),
    ("OdbNetworkArn", "other"),
)


def parse_vpc(record: Record) -> Vpc:
    """One item of `Vpcs`: every CIDR block that is associated, the first one also if no association set is given."""
    blocks: dict[Block, None] = {}
    associations = [*record.children("CidrBlockAssociationSet")]
    if not associations and (block := record.text("CidrBlock")):
        blocks[parse_cidr(block, record.place)] = None
    for item in associations:
        if _associated(item.child("CidrBlockState")):
            blocks[parse_cidr(item.required("CidrBlock"), item.place)] = None
    for item in record.children("Ipv6CidrBlockAssociationSet"):
        if _associated(item.child("Ipv6CidrBlockState")):
            blocks[parse_cidr(item.required("Ipv6CidrBlock"), item.place)] = None
    return Vpc(record.required("VpcId"), record.owner("OwnerId"), record.document.region, tuple(sorted(blocks)))


def parse_subnet(record: Record) -> Subnet:
    """One item of `Subnets`."""
    blocks = [parse_cidr(block, record.place) for block in [record.text("CidrBlock")] if block]
    blocks += [
        parse_cidr(item.required("Ipv6CidrBlock"), item.place)
        for item in record.children("Ipv6CidrBlockAssociationSet")
        if _associated(item.child("Ipv6CidrBlockState"))
    ]
    if not blocks:
        raise ComplianceError(record.place, "has neither CidrBlock nor an associated IPv6 block")
    caller = record.document.account
    return Subnet(
        id=record.required("SubnetId"),
        vpc=record.required("VpcId"),
        owner=record.owner("OwnerId"),
        zone=record.text("AvailabilityZone"),
        zone_id=record.text("AvailabilityZoneId"),
        blocks=tuple(sorted(blocks)),
        callers=frozenset({caller} if caller else ()),
    )


def parse_route_table(record: Record, prefix_lists: Mapping[str, Blocks]) -> RouteTable:
    """One item of `RouteTables`; destinations that are prefix lists are resolved against the lists given."""
    if "Routes" not in record.fields:
        raise ComplianceError(record.place, "lacks the field Routes; give the response as the AWS CLI printed it")
    main, subnets, gateways = False, [], []
    for item in record.children("Associations"):
        if item.child("AssociationState").text("State") in ("disassociated", "disassociating", "failed"):
            continue
        main = main or item.flag("Main")
        subnets += [subnet] if (subnet := item.text("SubnetId")) else []
        gateways += [gateway] if (gateway := item.text("GatewayId")) else []
    routes = dict.fromkeys(_parse_route(item, prefix_lists) for item in record.children("Routes"))
    return RouteTable(
        record.required("RouteTableId"),
        record.required("VpcId"),
        main,
        tuple(sorted(subnets)),
        tuple(sorted(gateways)),
        tuple(sorted(routes, key=lambda route: (route.destination, route.target))),
    )


def _parse_route(record: Record, prefix_lists: Mapping[str, Blocks]) -> Route:
    block = record.text("DestinationCidrBlock") or record.text("DestinationIpv6CidrBlock")
    prefix_list = record.text("DestinationPrefixListId")
    if block is None and prefix_list is None:
        raise ComplianceError(
            record.place, "has no DestinationCidrBlock, DestinationIpv6CidrBlock or DestinationPrefixListId"
        )
    kind, target = _target(record)
    blocks: Blocks | None
    if block is not None:
        blocks = (parse_cidr(block, record.place),)
    elif prefix_list is not None and prefix_list in prefix_lists:
        blocks = prefix_lists[prefix_list]
    else:
        blocks = None
    return Route(
        destination=block or prefix_list or "",
        blocks=blocks,
        kind=kind,
        target=target,
        active=_state(record) == "active",
        propagated=record.text("Origin") == "EnableVgwRoutePropagation",
        by_list=prefix_list is not None,
    )


def _state(record: Record) -> str:
    state = record.text("State") or "active"
    if state not in ("active", "blackhole", "filtered"):
        raise ComplianceError(f"{record.place}.State", f"is {state!r}, but must be active, blackhole or filtered")
    return state


def _target(record: Record) -> tuple[str, str]:
    for name, kind in _TARGET_FIELDS:
        if name == "InstanceId" and record.text("NetworkInterfaceId"):
            continue
        if target := record.text(name):
            return kind, target
    gateway = record.text("GatewayId")
    if gateway is None:
        if record.text("State") == "blackhole":
            return "blackhole", ""
        raise ComplianceError(record.place, "the route has no target; a blackhole without one has State blackhole")
    if gateway == "local":
        return "local", "local"
    kind = next((kind for prefix, kind in _GATEWAY_KINDS if gateway.startswith(prefix)), "other")
    return kind, gateway


def _associated(state: Record) -> bool:
    return state.text("State") in (None, "associated", "associating")
