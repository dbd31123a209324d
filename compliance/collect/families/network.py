"""The VPC: everything that decides where a packet can go, and who may use which endpoint."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where

_LISTINGS = (
    ("DescribeVpcs", "Vpcs"),
    ("DescribeSubnets", "Subnets"),
    ("DescribeRouteTables", "RouteTables"),
    ("DescribeInternetGateways", "InternetGateways"),
    ("DescribeEgressOnlyInternetGateways", "EgressOnlyInternetGateways"),
    ("DescribeCarrierGateways", "CarrierGateways"),
    ("DescribeNatGateways", "NatGateways"),
    ("DescribeVpcPeeringConnections", "VpcPeeringConnections"),
    ("DescribeVpnGateways", "VpnGateways"),
    ("DescribeVpnConnections", "VpnConnections"),
    ("DescribeClientVpnEndpoints", "ClientVpnEndpoints"),
    ("DescribeNetworkInterfaces", "NetworkInterfaces"),
    ("DescribeSecurityGroups", "SecurityGroups"),
    ("DescribeSecurityGroupRules", "SecurityGroupRules"),
    ("DescribeNetworkAcls", "NetworkAcls"),
    ("DescribeDhcpOptions", "DhcpOptions"),
    ("DescribeAddresses", "Addresses"),
    ("DescribeVpcEndpoints", "VpcEndpoints"),
    ("DescribeVpcEndpointConnections", "VpcEndpointConnections"),
    ("DescribeFlowLogs", "FlowLogs"),
    ("DescribeInstanceConnectEndpoints", "InstanceConnectEndpoints"),
    ("DescribeTrafficMirrorSessions", "TrafficMirrorSessions"),
    ("DescribeVpcBlockPublicAccessOptions", "VpcBlockPublicAccessOptions"),
)


def _start(_place: Place) -> Iterator[Request]:
    for operation, member in _LISTINGS:
        yield Request(f"ec2:{operation}", expects=(member,))
    yield Request("ec2:DescribeManagedPrefixLists", expects=("PrefixLists",), then=_prefix_lists)
    yield Request(
        "ec2:DescribeVpcEndpointServiceConfigurations", expects=("ServiceConfigurations",), then=_endpoint_services
    )


def _prefix_lists(answer: Answer, _place: Place) -> Iterator[Request]:
    for prefixes in answer["PrefixLists"]:
        yield Request(
            "ec2:GetManagedPrefixListEntries", {"PrefixListId": prefixes["PrefixListId"]}, expects=("Entries",)
        )


def _endpoint_services(answer: Answer, _place: Place) -> Iterator[Request]:
    for service in answer["ServiceConfigurations"]:
        yield Request(
            "ec2:DescribeVpcEndpointServicePermissions",
            {"ServiceId": service["ServiceId"]},
            expects=("AllowedPrincipals",),
        )


NETWORK = Family("network", Where.EACH_REGION, _start)
