"""Planned networks: VPCs, subnets, routes, endpoints, gateways and flow logs."""

from __future__ import annotations

from typing import Any, Final

from compliance.estate.terraform import Planned
from compliance.planned.answers import Shown, Translate
from compliance.planned.values import blocks, renamed, tags, truth

_TARGETS: Final = {
    "cidr_block": "DestinationCidrBlock",
    "destination_cidr_block": "DestinationCidrBlock",
    "ipv6_cidr_block": "DestinationIpv6CidrBlock",
    "destination_ipv6_cidr_block": "DestinationIpv6CidrBlock",
    "destination_prefix_list_id": "DestinationPrefixListId",
    "carrier_gateway_id": "CarrierGatewayId",
    "core_network_arn": "CoreNetworkArn",
    "egress_only_gateway_id": "EgressOnlyInternetGatewayId",
    "gateway_id": "GatewayId",
    "local_gateway_id": "LocalGatewayId",
    "nat_gateway_id": "NatGatewayId",
    "network_interface_id": "NetworkInterfaceId",
    "transit_gateway_id": "TransitGatewayId",
    "vpc_peering_connection_id": "VpcPeeringConnectionId",
}


def ec2_listed(operation: str, member: str, identifier: str, names: dict[str, str] | None = None) -> Translate:
    """Writes a resource into a listing of EC2 by its id; `names` are attributes that are taken over."""

    def translate(shown: Shown, resource: Planned) -> None:
        item = {identifier: resource.id, "State": "available", "Tags": tags(resource)}
        shown.add(resource, f"ec2:{operation}", member, item | renamed(resource.values, names or {}))
        shown.about(resource.id, resource)

    return translate


def _vpc(shown: Shown, resource: Planned) -> None:
    cidr = resource.values.get("cidr_block")
    item: dict[str, Any] = {
        "VpcId": resource.id,
        "OwnerId": resource.account,
        "CidrBlock": cidr,
        "CidrBlockAssociationSet": [{"CidrBlock": cidr}],
        "IsDefault": resource.type == "aws_default_vpc",
        "Tags": tags(resource),
    }
    if truth(resource.values.get("assign_generated_ipv6_cidr_block")) or resource.values.get("ipv6_cidr_block"):
        item["Ipv6CidrBlockAssociationSet"] = [{"Ipv6CidrBlock": resource.values.get("ipv6_cidr_block") or "::/56"}]
    shown.add(resource, "ec2:DescribeVpcs", "Vpcs", item)
    shown.about(resource.id, resource)


def _more_range(shown: Shown, resource: Planned) -> None:
    vpc = str(resource.values.get("vpc_id"))
    for item in shown.found((resource.account, resource.region), "ec2:DescribeVpcs").get("Vpcs", []):
        if item["VpcId"] == vpc:
            item["CidrBlockAssociationSet"].append({"CidrBlock": resource.values.get("cidr_block")})
            shown.about(vpc, resource)


def _subnet(shown: Shown, resource: Planned) -> None:
    values = resource.values
    item = {
        "SubnetId": resource.id,
        "VpcId": values.get("vpc_id"),
        "CidrBlock": values.get("cidr_block"),
        "MapPublicIpOnLaunch": truth(values.get("map_public_ip_on_launch")),
        "AssignIpv6AddressOnCreation": truth(values.get("assign_ipv6_address_on_creation")),
        "Tags": tags(resource),
    }
    shown.add(resource, "ec2:DescribeSubnets", "Subnets", item)
    shown.about(resource.id, resource)


def _route(held: Any) -> dict[str, Any]:
    route = renamed(held, _TARGETS)
    if held.get("vpc_endpoint_id"):
        route["GatewayId"] = f"vpce-{held['vpc_endpoint_id']}"
    return route


def _route_table(shown: Shown, resource: Planned) -> None:
    table = resource.id
    local = {"DestinationCidrBlock": "(the VPC's own range)", "GatewayId": "local"}
    routes = [local, *(_route(held) for held in blocks(resource.values, "route"))]
    item = {"RouteTableId": table, "VpcId": resource.values.get("vpc_id"), "Routes": routes, "Tags": tags(resource)}
    if resource.type == "aws_default_route_table":
        item["Associations"] = [{"Main": True}]
    shown.add(resource, "ec2:DescribeRouteTables", "RouteTables", item)
    shown.about(table, resource)


def _one_route(shown: Shown, resource: Planned) -> None:
    place, table = (resource.account, resource.region), str(resource.values.get("route_table_id"))
    tables = shown.found(place, "ec2:DescribeRouteTables").get("RouteTables", [])
    held = next((one for one in tables if one["RouteTableId"] == table), None)
    if held is None:
        held = {"RouteTableId": table, "Routes": []}
        shown.add(resource, "ec2:DescribeRouteTables", "RouteTables", held)
    shown.put(resource, "ec2:DescribeRouteTables", {})
    held["Routes"].append(_route(resource.values))
    shown.about(table, resource)


def _endpoint(shown: Shown, resource: Planned) -> None:
    values = resource.values
    item = {
        "VpcEndpointId": resource.id,
        "VpcEndpointType": values.get("vpc_endpoint_type") or "Gateway",
        "VpcId": values.get("vpc_id"),
        "ServiceName": values.get("service_name"),
        "PrivateDnsEnabled": truth(values.get("private_dns_enabled")),
        "PolicyDocument": values.get("policy"),
        "Tags": tags(resource),
    }
    shown.add(resource, "ec2:DescribeVpcEndpoints", "VpcEndpoints", item)
    shown.about(resource.id, resource)


def _endpoint_policy(shown: Shown, resource: Planned) -> None:
    endpoint = str(resource.values.get("vpc_endpoint_id"))
    held = shown.found((resource.account, resource.region), "ec2:DescribeVpcEndpoints").get("VpcEndpoints", [])
    for item in held:
        if item["VpcEndpointId"] == endpoint:
            item["PolicyDocument"] = resource.values.get("policy")
            shown.about(endpoint, resource)


def _peering(shown: Shown, resource: Planned) -> None:
    values = resource.values
    near, far = {"VpcId": values.get("vpc_id"), "OwnerId": resource.account}, {"VpcId": values.get("peer_vpc_id")}
    target = shown.by_id.get(str(values.get("peer_vpc_id")))
    far["OwnerId"] = values.get("peer_owner_id") or (target.account if target is not None else "?")
    item = {"VpcPeeringConnectionId": resource.id, "Status": {"Code": "active"}}
    sides = {"RequesterVpcInfo": near, "AccepterVpcInfo": far}
    shown.add(resource, "ec2:DescribeVpcPeeringConnections", "VpcPeeringConnections", item | sides)


def _accepter(shown: Shown, resource: Planned) -> None:
    other = {"VpcId": "?", "OwnerId": "?"}
    item = {"VpcPeeringConnectionId": resource.values.get("vpc_peering_connection_id"), "Status": {"Code": "active"}}
    sides = {"RequesterVpcInfo": other, "AccepterVpcInfo": {"OwnerId": resource.account}}
    shown.add(resource, "ec2:DescribeVpcPeeringConnections", "VpcPeeringConnections", item | sides)


def _flow_log(shown: Shown, resource: Planned) -> None:
    values = resource.values
    watched = (
        values.get("vpc_id") or values.get("subnet_id") or values.get("eni_id") or values.get("transit_gateway_id")
    )
    item = {
        "FlowLogId": resource.id,
        "ResourceId": watched,
        "TrafficType": values.get("traffic_type"),
        "FlowLogStatus": "ACTIVE",
    }
    shown.add(resource, "ec2:DescribeFlowLogs", "FlowLogs", item)
    shown.about(str(watched), resource)


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_vpc": _vpc,
    "aws_default_vpc": _vpc,
    "aws_vpc_ipv4_cidr_block_association": _more_range,
    "aws_subnet": _subnet,
    "aws_default_subnet": _subnet,
    "aws_route_table": _route_table,
    "aws_default_route_table": _route_table,
    "aws_route": _one_route,
    "aws_vpc_endpoint": _endpoint,
    "aws_vpc_endpoint_policy": _endpoint_policy,
    "aws_vpc_peering_connection": _peering,
    "aws_vpc_peering_connection_accepter": _accepter,
    "aws_flow_log": _flow_log,
    "aws_internet_gateway": ec2_listed("DescribeInternetGateways", "InternetGateways", "InternetGatewayId"),
    "aws_egress_only_internet_gateway": ec2_listed(
        "DescribeEgressOnlyInternetGateways", "EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId"
    ),
    "aws_nat_gateway": ec2_listed("DescribeNatGateways", "NatGateways", "NatGatewayId"),
    "aws_ec2_carrier_gateway": ec2_listed("DescribeCarrierGateways", "CarrierGateways", "CarrierGatewayId"),
    "aws_vpn_gateway": ec2_listed("DescribeVpnGateways", "VpnGateways", "VpnGatewayId"),
    "aws_vpn_connection": ec2_listed("DescribeVpnConnections", "VpnConnections", "VpnConnectionId"),
    "aws_ec2_client_vpn_endpoint": ec2_listed(
        "DescribeClientVpnEndpoints", "ClientVpnEndpoints", "ClientVpnEndpointId"
    ),
    "aws_ec2_instance_connect_endpoint": ec2_listed(
        "DescribeInstanceConnectEndpoints", "InstanceConnectEndpoints", "InstanceConnectEndpointId"
    ),
    "aws_ec2_traffic_mirror_session": ec2_listed(
        "DescribeTrafficMirrorSessions", "TrafficMirrorSessions", "TrafficMirrorSessionId"
    ),
    "aws_eip": ec2_listed("DescribeAddresses", "Addresses", "AllocationId"),
    "aws_ec2_transit_gateway_vpc_attachment": ec2_listed(
        "DescribeTransitGatewayAttachments", "TransitGatewayAttachments", "TransitGatewayAttachmentId"
    ),
    "aws_ec2_transit_gateway_peering_attachment": ec2_listed(
        "DescribeTransitGatewayAttachments", "TransitGatewayAttachments", "TransitGatewayAttachmentId"
    ),
    "aws_vpc_endpoint_service": ec2_listed(
        "DescribeVpcEndpointServiceConfigurations", "ServiceConfigurations", "ServiceId"
    ),
}
