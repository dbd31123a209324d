"""Peering: active only, both ends, never transitive."""

from __future__ import annotations

from .rigs import allow, entry, peered, route, two_vpcs


def test_active_peering_with_route_reaches_and_lists_its_hops() -> None:
    answer = peered().reach("i-a", "i-b", "tcp", "443")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    shown = answer.witness.as_json()
    assert shown["packet"] == {
        "source": "10.1.1.10",
        "destination": "10.2.1.10",
        "protocol": "tcp",
        "sourcePort": 49152,
        "destinationPort": 443,
    }
    hops = [hop.id for hop, _ in answer.witness.hops]
    assert hops == ["eni-a", "sg-a", "acl-a", "rtb-a", "pcx-1", "acl-b", "sg-b", "eni-b"]


def test_no_route_stops_at_the_route_table() -> None:
    rig = two_vpcs().peering("pcx-1", "vpc-a", "vpc-b")
    answer = rig.reach("vpc-a", "vpc-b")
    assert answer.disposition == "unreachable"
    assert answer.blocked_by[0].id == "rtb-a"


def test_pending_peering_stops() -> None:
    rig = peered()
    rig.item("VpcPeeringConnections")["Status"]["Code"] = "pending-acceptance"
    answer = rig.reach("vpc-a", "vpc-b")
    assert answer.disposition == "unreachable"
    assert [o.id for o in answer.blocked_by] == ["pcx-1"]


def test_blackhole_route_stops() -> None:
    rig = peered()
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"][1]["State"] = "blackhole"
    assert rig.says("vpc-a", "vpc-b") == "unreachable"


def test_more_specific_blackhole_wins_over_a_shorter_active_route() -> None:
    rig = peered()
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("10.2.1.0/24", "pcx-1", "blackhole"))
    assert rig.says("vpc-a", "vpc-b") == "unreachable"
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"][-1]["DestinationCidrBlock"] = "10.2.9.0/24"
    assert rig.says("vpc-a", "vpc-b") == "reachable"


def test_peering_is_not_transitive() -> None:
    rig = peered().vpc("vpc-c", "10.3.0.0/16").subnet("subnet-c", "vpc-c", "10.3.1.0/24")
    rig.group("sg-c", "vpc-c", ingress=[allow()]).host("c", "vpc-c", "subnet-c", "10.3.1.10", "sg-c")
    rig.table("rtb-c", "vpc-c", route("10.3.0.0/16", "local"), main=True)
    rig.peering("pcx-2", "vpc-b", "vpc-c")
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("10.3.0.0/16", "pcx-1"))
    rig.item("RouteTables", RouteTableId="rtb-b")["Routes"].append(route("10.3.0.0/16", "pcx-2"))
    assert rig.says("vpc-a", "vpc-c") == "unreachable"
    assert rig.says("vpc-b", "vpc-c") == "reachable"


def test_a_route_on_one_side_lets_packets_arrive() -> None:
    rig = peered()
    rig.item("RouteTables", RouteTableId="rtb-b")["Routes"].pop()
    assert rig.says("vpc-a", "vpc-b") == "reachable"
    assert rig.says("vpc-b", "vpc-a") == "unreachable"


def test_a_group_of_the_peer_can_be_referenced() -> None:
    rig = peered()
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow("sg-a", "tcp", (443, 443))]
    assert rig.says("i-a", "i-b", "tcp", "443") == "reachable"
    assert rig.says("i-a", "i-b", "tcp", "444") == "unreachable"
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-a")["Groups"] = [{"GroupId": "sg-other"}]
    rig.group("sg-other", "vpc-a")
    assert rig.says("i-a", "i-b", "tcp", "443") == "unreachable"


def test_a_group_cannot_be_referenced_across_regions() -> None:
    rig = peered()
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow("sg-a")]
    rig.item("Subnets", SubnetId="subnet-b")["AvailabilityZone"] = "us-east-1a"
    assert rig.says("i-a", "i-b") == "unreachable"
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow("10.1.0.0/16")]
    assert rig.says("i-a", "i-b") == "reachable"


def test_the_peer_must_own_the_address() -> None:
    rig = peered()
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("10.7.0.0/16", "pcx-1"))
    assert rig.says("vpc-a", "10.7.0.0/16") == "unreachable"


def test_second_block_of_a_vpc_needs_its_own_route() -> None:
    rig = peered()
    vpc = rig.item("Vpcs", VpcId="vpc-b")
    vpc["CidrBlockAssociationSet"].append({"CidrBlock": "100.64.0.0/16", "CidrBlockState": {"State": "associated"}})
    rig.subnet("subnet-b2", "vpc-b", "100.64.1.0/24").host("b2", "vpc-b", "subnet-b2", "100.64.1.10", "sg-b")
    assert rig.says("i-a", "i-b2") == "unreachable"
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("100.64.0.0/16", "pcx-1"))
    assert rig.says("i-a", "i-b2") == "reachable"


def test_ipv6_over_peering_follows_its_own_routes() -> None:
    rig = peered()
    for name in ("a", "b"):
        block, small = f"2001:db8:{name}::/56", f"2001:db8:{name}:1::/64"
        associated = {"State": "associated"}
        vpc = rig.item("Vpcs", VpcId=f"vpc-{name}")
        vpc["Ipv6CidrBlockAssociationSet"] = [{"Ipv6CidrBlock": block, "Ipv6CidrBlockState": associated}]
        subnet = rig.item("Subnets", SubnetId=f"subnet-{name}")
        subnet["Ipv6CidrBlockAssociationSet"] = [{"Ipv6CidrBlock": small, "Ipv6CidrBlockState": associated}]
        host = rig.item("NetworkInterfaces", NetworkInterfaceId=f"eni-{name}")
        host["Ipv6Addresses"] = [{"Ipv6Address": f"2001:db8:{name}:1::10"}]
        host["PrivateIpAddress"], host["PrivateIpAddresses"] = None, []
        rig.item("SecurityGroups", GroupId=f"sg-{name}")["IpPermissions"] = [allow("::/0")]
        rig.item("SecurityGroups", GroupId=f"sg-{name}")["IpPermissionsEgress"] = [allow("::/0")]
        acl = rig.item("NetworkAcls", NetworkAclId=f"acl-{name}")
        acl["Entries"] += [entry(101, "allow", "::/0"), entry(101, "allow", "::/0", egress=True)]
    assert rig.says("i-a", "i-b") == "unreachable"
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("2001:db8:b::/56", "pcx-1"))
    assert rig.says("i-a", "i-b") == "reachable"
    acl = rig.item("NetworkAcls", NetworkAclId="acl-b")
    acl["Entries"] = [e for e in acl["Entries"] if e.get("Ipv6CidrBlock") is None]
    assert rig.says("i-a", "i-b") == "unreachable"


def test_nor_can_an_egress_rule_reference_a_group_across_regions() -> None:
    rig = peered()
    rig.item("SecurityGroups", GroupId="sg-a")["IpPermissionsEgress"] = [allow("sg-b")]
    assert rig.says("i-a", "i-b") == "reachable"
    peering = rig.item("VpcPeeringConnections", VpcPeeringConnectionId="pcx-1")
    peering["RequesterVpcInfo"]["Region"], peering["AccepterVpcInfo"]["Region"] = "eu-west-1", "us-east-1"
    assert rig.says("i-a", "i-b") == "unreachable"
