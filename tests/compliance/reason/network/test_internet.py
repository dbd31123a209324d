"""Internet, NAT, egress-only and carrier gateways, and public access blocks."""

from __future__ import annotations

from typing import Any

import pytest

from .rigs import Rig, allow, entry, route

PUBLIC = "203.0.113.10"


def public_vpc(name: str = "a", number: int = 1, public: str = PUBLIC) -> Rig:
    """A VPC with an internet gateway and a host with a public address in a public subnet."""
    rig = Rig()
    add_public_vpc(rig, name, number, public)
    return rig


def add_public_vpc(rig: Rig, name: str, number: int, public: str) -> None:
    vpc, subnet = f"vpc-{name}", f"subnet-{name}"
    rig.vpc(vpc, f"10.{number}.0.0/16").subnet(subnet, vpc, f"10.{number}.1.0/24")
    rig.add("InternetGateways", InternetGatewayId=f"igw-{name}", Attachments=[{"VpcId": vpc, "State": "available"}])
    rig.group(f"sg-{name}", vpc, ingress=[allow("0.0.0.0/0", "tcp", (443, 443))])
    rig.host(name, vpc, subnet, f"10.{number}.1.10", f"sg-{name}", Association={"PublicIp": public})
    local = route(f"10.{number}.0.0/16", "local")
    rig.table(f"rtb-{name}", vpc, local, route("0.0.0.0/0", f"igw-{name}"), main=True)


def private_vpc() -> Rig:
    """A private host whose default route leads to a public NAT gateway in a public subnet."""
    rig = public_vpc().subnet("subnet-p", "vpc-a", "10.1.2.0/24").group("sg-p", "vpc-a")
    rig.host("p", "vpc-a", "subnet-p", "10.1.2.10", "sg-p")
    rig.add(
        "NatGateways",
        NatGatewayId="nat-1",
        VpcId="vpc-a",
        SubnetId="subnet-a",
        State="available",
        ConnectivityType="public",
        NatGatewayAddresses=[{"PrivateIp": "10.1.1.20", "PublicIp": "203.0.113.20", "NetworkInterfaceId": "eni-nat"}],
    )
    return rig.table(
        "rtb-p", "vpc-a", route("10.1.0.0/16", "local"), route("0.0.0.0/0", "nat-1"), subnets=("subnet-p",)
    )


def test_public_host_reaches_the_internet_with_its_public_address() -> None:
    answer = public_vpc().reach("i-a", "internet", "tcp", "443")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    assert answer.witness.packet.as_json()["source"] == "10.1.1.10"
    assert answer.witness.hops[-1][1].as_json()["source"] == PUBLIC


def test_host_without_public_address_does_not() -> None:
    rig = public_vpc()
    del rig.item("NetworkInterfaces")["Association"]
    answer = rig.reach("i-a", "internet")
    assert answer.disposition == "unreachable"
    assert answer.blocked_by[0].id == "igw-a"


def test_an_elastic_address_listed_on_its_own_counts() -> None:
    rig = public_vpc()
    del rig.item("NetworkInterfaces")["Association"]
    rig.add(
        "Addresses",
        PublicIp=PUBLIC,
        AllocationId="eipalloc-1",
        NetworkInterfaceId="eni-a",
        PrivateIpAddress="10.1.1.10",
    )
    assert rig.says("i-a", "internet") == "reachable"


def test_detached_gateway_stops() -> None:
    rig = public_vpc()
    rig.item("InternetGateways")["Attachments"] = []
    assert rig.says("i-a", "internet") == "unreachable"
    assert rig.says("internet", "i-a") == "unreachable"


def test_undescribed_gateway_of_an_active_route_counts_as_attached() -> None:
    rig = public_vpc()
    del rig.facts["InternetGateways"]
    assert rig.says("i-a", "internet") == "reachable"
    assert rig.says("internet", "i-a", "tcp", "443") == "reachable"


def test_the_internet_reaches_a_public_host_on_the_open_port_only() -> None:
    rig = public_vpc()
    assert rig.says("internet", "i-a", "tcp", "443") == "reachable"
    assert rig.says("internet", "i-a", "tcp", "22") == "unreachable"
    assert rig.says("198.51.100.0/24", "i-a", "tcp", "443") == "reachable"
    rig.item("SecurityGroups")["IpPermissions"] = [allow("198.51.100.0/24")]
    assert rig.says("198.51.100.0/24", "i-a", "tcp", "443") == "reachable"
    assert rig.says("192.0.2.0/24", "i-a", "tcp", "443") == "unreachable"


def test_a_subnet_without_a_route_to_the_gateway_is_private() -> None:
    rig = public_vpc()
    rig.item("RouteTables")["Routes"].pop()
    answer = rig.reach("internet", "i-a", "tcp", "443")
    assert answer.disposition == "unreachable"
    assert answer.blocked_by[0].id == "rtb-a"
    assert answer.one_way


def test_private_host_leaves_by_nat_and_cannot_be_reached() -> None:
    rig = private_vpc()
    answer = rig.reach("i-p", "internet", "tcp", "443")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    assert "nat-1" in [hop.id for hop, _ in answer.witness.hops]
    assert answer.witness.packet.as_json()["source"] == "10.1.2.10"
    assert answer.witness.hops[-1][1].as_json()["source"] == "203.0.113.20"
    assert rig.says("internet", "i-p") == "unreachable"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"State": "deleted"}, "unreachable"),
        ({"NatGatewayAddresses": [{"PrivateIp": "10.1.1.20"}], "ConnectivityType": "private"}, "unreachable"),
        ({"State": "available"}, "reachable"),
    ],
)
def test_nat_gateway_states(change: dict[str, Any], expected: str) -> None:
    rig = private_vpc()
    rig.item("NatGateways").update(change)
    assert rig.says("i-p", "internet") == expected


def test_nat_carries_no_other_protocols() -> None:
    assert private_vpc().says("i-p", "internet", "50") == "unreachable"
    assert private_vpc().says("i-p", "internet", "udp", "53") == "reachable"


def test_undescribed_nat_gateway_is_missing() -> None:
    rig = private_vpc()
    del rig.facts["NatGateways"]
    answer = rig.reach("i-p", "internet")
    assert answer.disposition == "indeterminate"
    assert "nat-1" in answer.missing[0]


def test_acl_of_the_nat_subnet_filters() -> None:
    rig = private_vpc()
    rig.acl("acl-n", "vpc-a", entry(1, "allow", "10.9.0.0/16"), entry(1, "allow", egress=True), subnets=("subnet-a",))
    assert rig.says("i-p", "internet") == "unreachable"
    rig.item("NetworkAcls")["Entries"].append(entry(2, "allow"))
    assert rig.says("i-p", "internet") == "reachable"


def test_two_vpcs_meet_on_the_internet() -> None:
    rig = public_vpc()
    add_public_vpc(rig, "b", 2, "203.0.113.66")
    answer = rig.reach("vpc-a", "vpc-b", "tcp", "443")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    assert answer.witness.packet.as_json()["destination"] == "203.0.113.66"
    assert answer.witness.hops[-1][1].as_json()["destination"] == "10.2.1.10"
    assert rig.says("vpc-a", "vpc-b", "tcp", "22") == "unreachable"
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow(f"{PUBLIC}/32")]
    assert rig.says("vpc-a", "vpc-b", "tcp", "22") == "reachable"
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow("10.1.1.10/32")]
    assert rig.says("vpc-a", "vpc-b", "tcp", "22") == "unreachable"


def test_a_reference_to_a_group_does_not_hold_over_public_addresses() -> None:
    rig = public_vpc()
    add_public_vpc(rig, "b", 2, "203.0.113.66")
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow("sg-a")]
    assert rig.says("vpc-a", "vpc-b") == "unreachable"


@pytest.mark.parametrize(
    ("mode", "exclusion", "out", "into"),
    [
        ("off", None, "reachable", "reachable"),
        ("block-bidirectional", None, "unreachable", "unreachable"),
        ("block-bidirectional", "allow-bidirectional", "reachable", "reachable"),
        ("block-bidirectional", "allow-egress", "reachable", "unreachable"),
        ("block-ingress", None, "unreachable", "unreachable"),
        ("block-ingress", "allow-bidirectional", "reachable", "reachable"),
    ],
)
def test_block_public_access(mode: str, exclusion: str | None, out: str, into: str) -> None:
    rig = public_vpc()
    options = {"AwsAccountId": "111111111111", "AwsRegion": "eu-west-1", "InternetGatewayBlockMode": mode}
    rig.facts["VpcBlockPublicAccessOptions"] = options
    if exclusion:
        rig.add(
            "VpcBlockPublicAccessExclusions",
            ExclusionId="vpcbpa-exclude-1",
            InternetGatewayExclusionMode=exclusion,
            ResourceArn="arn:aws:ec2:eu-west-1:111111111111:vpc/vpc-a",
            State="create-complete",
        )
    assert rig.says("i-a", "internet") == out
    assert rig.says("internet", "i-a", "tcp", "443") == into


def test_block_public_access_of_another_region_or_account_is_not_ours() -> None:
    for other in ({"AwsRegion": "us-east-1"}, {"AwsAccountId": "222222222222"}):
        rig = public_vpc()
        options = {"AwsAccountId": "111111111111", "AwsRegion": "eu-west-1"} | other
        rig.facts["VpcBlockPublicAccessOptions"] = options | {"InternetGatewayBlockMode": "block-bidirectional"}
        assert rig.says("i-a", "internet") == "reachable"


def test_block_ingress_spares_nat() -> None:
    rig = private_vpc()
    rig.facts["VpcBlockPublicAccessOptions"] = {"InternetGatewayBlockMode": "block-ingress"}
    assert rig.says("i-p", "internet") == "reachable"
    rig.facts["VpcBlockPublicAccessOptions"] = {"InternetGatewayBlockMode": "block-bidirectional"}
    assert rig.says("i-p", "internet") == "unreachable"


def dual_stack(gateway: str) -> Rig:
    """A host with a global IPv6 address and a default IPv6 route to the gateway."""
    rig = (
        Rig()
        .vpc("vpc-a", "10.1.0.0/16", v6="2600:1f00::/56")
        .subnet("subnet-a", "vpc-a", "10.1.1.0/24", v6="2600:1f00:0:1::/64")
    )
    rig.group("sg-a", "vpc-a", ingress=[allow("::/0")], egress=[allow("::/0")])
    rig.host("a", "vpc-a", "subnet-a", "10.1.1.10", "sg-a", Ipv6Addresses=[{"Ipv6Address": "2600:1f00:0:1::10"}])
    attached = [{"VpcId": "vpc-a", "State": "attached"}]
    rig.add("EgressOnlyInternetGateways", EgressOnlyInternetGatewayId="eigw-a", Attachments=attached)
    if gateway == "igw-a":
        rig.add("InternetGateways", InternetGatewayId="igw-a", Attachments=attached)
    return rig.table("rtb-a", "vpc-a", route("2600:1f00::/56", "local"), route("::/0", gateway), main=True)


def test_egress_only_gateway_lets_out_but_not_in() -> None:
    rig = dual_stack("eigw-a")
    assert rig.says("i-a", "internet") == "reachable"
    assert rig.says("i-a", "eigw-a") == "reachable"
    assert rig.says("internet", "i-a") == "unreachable"
    assert rig.says("i-a", "0.0.0.0/0") == "unreachable"


def test_internet_gateway_carries_ipv6_both_ways() -> None:
    rig = dual_stack("igw-a")
    assert rig.says("i-a", "::/0") == "reachable"
    assert rig.says("internet", "i-a") == "reachable"


def test_nat64_translates() -> None:
    rig = private_vpc()
    rig.item("Vpcs")["Ipv6CidrBlockAssociationSet"] = [{"Ipv6CidrBlock": "2600:1f00::/56"}]
    rig.item("Subnets", SubnetId="subnet-p")["Ipv6CidrBlockAssociationSet"] = [{"Ipv6CidrBlock": "2600:1f00:0:2::/64"}]
    host = rig.item("NetworkInterfaces", NetworkInterfaceId="eni-p")
    host |= {"PrivateIpAddress": None, "PrivateIpAddresses": [], "Ipv6Addresses": [{"Ipv6Address": "2600:1f00:0:2::9"}]}
    rig.item("SecurityGroups", GroupId="sg-p")["IpPermissionsEgress"] = [allow("::/0")]
    assert rig.says("i-p", "8.8.8.8/32", "tcp", "443") == "unreachable"
    rig.item("RouteTables", RouteTableId="rtb-p")["Routes"].append(route("64:ff9b::/96", "nat-1"))
    answer = rig.reach("i-p", "8.8.8.8/32", "tcp", "443")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    assert answer.witness.packet.as_json()["destination"] == "64:ff9b::808:808"


def test_gateway_ids_are_ends() -> None:
    rig = public_vpc()
    assert rig.says("i-a", "igw-a") == "reachable"
    assert rig.says("igw-a", "i-a", "tcp", "443") == "reachable"
    rig.item("NetworkInterfaces").pop("Association")
    assert rig.says("i-a", "igw-a") == "unreachable"
    assert rig.says("igw-a", "i-a", "tcp", "443") == "unreachable"
    assert private_vpc().says("i-p", "nat-1") == "reachable"
    assert private_vpc().says("nat-1", "internet") == "reachable"


def test_a_gateway_does_not_lead_into_another_vpc() -> None:
    rig = public_vpc()
    add_public_vpc(rig, "b", 2, "203.0.113.66")
    assert rig.says("igw-b", "i-b", "tcp", "443") == "reachable"
    assert rig.says("igw-b", "i-a", "tcp", "443") == "unreachable"


def test_edge_route_table_sends_inbound_packets_through_an_appliance() -> None:
    rig = public_vpc().subnet("subnet-f", "vpc-a", "10.1.9.0/24").group("sg-f", "vpc-a", ingress=[allow()])
    rig.host("f", "vpc-a", "subnet-f", "10.1.9.10", "sg-f", SourceDestCheck=False)
    assert rig.says("internet", "i-a", "tcp", "443") == "reachable"
    edge = [route("10.1.0.0/16", "local"), route("10.1.1.0/24", "eni-f")]
    rig.table("rtb-edge", "vpc-a", *edge, gateway="igw-a")
    answer = rig.reach("internet", "i-a", "tcp", "443")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    assert "eni-f" in [hop.id for hop, _ in answer.witness.hops]
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-f")["SourceDestCheck"] = True
    assert rig.says("internet", "i-a", "tcp", "443") == "unreachable"


def test_carrier_gateway() -> None:
    rig = public_vpc()
    rig.facts["CarrierGateways"] = [{"CarrierGatewayId": "cagw-1", "VpcId": "vpc-a", "State": "available"}]
    rig.item("RouteTables")["Routes"][-1] = route("0.0.0.0/0", "cagw-1")
    rig.item("NetworkInterfaces")["Association"] = {"CarrierIp": "203.0.113.99"}
    assert rig.says("i-a", "internet") == "reachable"
    rig.item("CarrierGateways")["State"] = "deleted"
    assert rig.says("i-a", "internet") == "unreachable"
