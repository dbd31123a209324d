"""Transit gateways: association decides the table, static and propagated routes, blackholes, peering, references."""

from __future__ import annotations

from typing import Any

from .rigs import Rig, allow, entry, route, two_vpcs


def hub(*, routes: list[dict[str, Any]] | None = None) -> Rig:
    """VPCs a and b on one transit gateway with one route table; each VPC routes 10.0.0.0/8 to it."""
    rig = two_vpcs()
    rig.add("TransitGateways", TransitGatewayId="tgw-1", State="available", Options={})
    rig.add("TransitGatewayRouteTables", TransitGatewayRouteTableId="tgw-rtb-1", TransitGatewayId="tgw-1")
    for name in ("a", "b"):
        attach(rig, name)
        rig.item("RouteTables", RouteTableId=f"rtb-{name}")["Routes"].append(route("10.0.0.0/8", "tgw-1"))
    found = [transit_route("10.1.0.0/16", "a"), transit_route("10.2.0.0/16", "b")] if routes is None else routes
    rig.facts["Routes"] = found
    return rig


def attach(rig: Rig, name: str, table: str = "tgw-rtb-1", gateway: str = "tgw-1") -> None:
    rig.add(
        "TransitGatewayVpcAttachments",
        TransitGatewayAttachmentId=f"tgw-attach-{name}",
        TransitGatewayId=gateway,
        VpcId=f"vpc-{name}",
        State="available",
        SubnetIds=[f"subnet-{name}"],
        Options={"SecurityGroupReferencingSupport": "enable"},
    )
    rig.add(
        "TransitGatewayAttachments",
        TransitGatewayAttachmentId=f"tgw-attach-{name}",
        TransitGatewayId=gateway,
        ResourceType="vpc",
        ResourceId=f"vpc-{name}",
        State="available",
        Association={"TransitGatewayRouteTableId": table, "State": "associated"},
    )


def transit_route(block: str, name: str | None, kind: str = "propagated", state: str = "active") -> dict[str, Any]:
    targets = [{"TransitGatewayAttachmentId": f"tgw-attach-{name}", "ResourceType": "vpc"}] if name else []
    return {"DestinationCidrBlock": block, "TransitGatewayAttachments": targets, "Type": kind, "State": state}


def test_attached_vpcs_reach_each_other() -> None:
    answer = hub().reach("i-a", "i-b", "tcp", "443")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    hops = [hop.id for hop, _ in answer.witness.hops]
    assert hops.index("tgw-1") < hops.index("tgw-rtb-1") < hops.index("tgw-attach-b") < hops.index("eni-b")


def test_no_route_in_the_vpc() -> None:
    rig = hub()
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].pop()
    assert rig.reach("vpc-a", "vpc-b").blocked_by[0].id == "rtb-a"


def test_no_route_in_the_transit_table() -> None:
    answer = hub(routes=[transit_route("10.1.0.0/16", "a")]).reach("vpc-a", "vpc-b")
    assert answer.disposition == "unreachable"
    assert answer.blocked_by[0].id == "tgw-rtb-1"


def test_blackhole_beats_a_shorter_route() -> None:
    routes = [transit_route("10.2.0.0/16", "b"), transit_route("10.2.1.0/24", None, "static", "blackhole")]
    assert hub(routes=routes).says("vpc-a", "vpc-b") == "unreachable"
    routes[1]["DestinationCidrBlock"] = "10.2.9.0/24"
    assert hub(routes=routes).says("vpc-a", "vpc-b") == "reachable"


def test_static_beats_propagated_of_the_same_length() -> None:
    routes = [transit_route("10.2.0.0/16", "b"), transit_route("10.2.0.0/16", None, "static", "blackhole")]
    assert hub(routes=routes).says("vpc-a", "vpc-b") == "unreachable"
    assert hub(routes=routes[::-1]).says("vpc-a", "vpc-b") == "unreachable"


def segmented() -> Rig:
    """Two transit tables: a is associated with one that knows nothing of b."""
    rig = hub()
    rig.add("TransitGatewayRouteTables", TransitGatewayRouteTableId="tgw-rtb-2", TransitGatewayId="tgw-1")
    del rig.facts["Routes"]
    rig.document({"Routes": [transit_route("10.1.0.0/16", "a")]}, "eu-west-1/tgw-rtb-1/routes.json")
    both = [transit_route("10.1.0.0/16", "a"), transit_route("10.2.0.0/16", "b")]
    return rig.document({"Routes": both, "TransitGatewayRouteTableId": "tgw-rtb-2"}, "x.json")


def test_association_decides_which_table_is_searched() -> None:
    rig = segmented()
    assert rig.says("vpc-a", "vpc-b") == "unreachable"
    rig.item("TransitGatewayAttachments", ResourceId="vpc-a")["Association"]["TransitGatewayRouteTableId"] = "tgw-rtb-2"
    assert rig.says("vpc-a", "vpc-b") == "reachable"


def test_association_listed_by_table() -> None:
    rig = segmented()
    rig.facts["TransitGatewayAttachments"] = []
    assert rig.says("vpc-a", "vpc-b") == "indeterminate"
    associated = {"TransitGatewayAttachmentId": "tgw-attach-a", "ResourceType": "vpc", "State": "associated"}
    one = rig.copy().document({"Associations": [associated]}, "assoc-tgw-rtb-1.json")
    assert one.says("vpc-a", "vpc-b") == "unreachable"
    two = rig.copy().document({"Associations": [associated]}, "assoc-tgw-rtb-2.json")
    assert two.says("vpc-a", "vpc-b") == "reachable"


def test_attachment_without_association_goes_nowhere() -> None:
    rig = hub()
    del rig.item("TransitGatewayAttachments", ResourceId="vpc-a")["Association"]
    answer = rig.reach("vpc-a", "vpc-b")
    assert answer.disposition == "unreachable"
    assert answer.blocked_by[0].id == "tgw-attach-a"


def test_attachment_that_waits_for_acceptance() -> None:
    for name in ("a", "b"):
        rig = hub()
        rig.item("TransitGatewayVpcAttachments", VpcId=f"vpc-{name}")["State"] = "pendingAcceptance"
        assert rig.says("vpc-a", "vpc-b") == "unreachable"


def test_routes_that_nobody_searched_are_missing() -> None:
    rig = hub()
    del rig.facts["Routes"]
    answer = rig.reach("vpc-a", "vpc-b")
    assert answer.disposition == "indeterminate"
    assert "tgw-rtb-1" in answer.missing[0]


def test_routes_that_belong_to_no_known_table_are_not_guessed() -> None:
    rig = hub()
    rig.add("TransitGatewayRouteTables", TransitGatewayRouteTableId="tgw-rtb-2", TransitGatewayId="tgw-1")
    assert rig.says("vpc-a", "vpc-b") == "indeterminate"


def test_propagation_completes_the_routes() -> None:
    rig = hub(routes=[transit_route("10.1.0.0/16", "a")])
    propagated = {
        "TransitGatewayAttachmentId": "tgw-attach-b",
        "ResourceId": "vpc-b",
        "ResourceType": "vpc",
        "State": "enabled",
    }
    rig.facts["TransitGatewayRouteTablePropagations"] = [propagated]
    assert rig.says("vpc-a", "vpc-b") == "reachable"
    propagated["State"] = "disabled"
    assert rig.says("vpc-a", "vpc-b") == "unreachable"


def test_undescribed_transit_gateway_is_missing() -> None:
    rig = two_vpcs()
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("10.0.0.0/8", "tgw-lost"))
    answer = rig.reach("vpc-a", "vpc-b")
    assert answer.disposition == "indeterminate"
    assert "tgw-lost" in answer.missing[0]
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"][-1]["DestinationCidrBlock"] = "10.3.0.0/16"
    assert rig.says("vpc-a", "vpc-b") == "unreachable"


def test_zone_without_attachment_subnet_is_cut_off() -> None:
    rig = hub().subnet("subnet-a2", "vpc-a", "10.1.2.0/24", zone="eu-west-1b")
    rig.host("a2", "vpc-a", "subnet-a2", "10.1.2.10", "sg-a")
    answer = rig.reach("i-a2", "i-b")
    assert answer.disposition == "unreachable"
    assert answer.blocked_by[0].id == "tgw-attach-a"
    rig.item("Subnets", SubnetId="subnet-a2")["AvailabilityZone"] = "eu-west-1a"
    assert rig.says("i-a2", "i-b") == "reachable"


def test_group_reference_needs_the_option() -> None:
    rig = hub()
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow("sg-a")]
    assert rig.says("i-a", "i-b") == "unreachable"
    rig.item("TransitGateways")["Options"] = {"SecurityGroupReferencingSupport": "enable"}
    assert rig.says("i-a", "i-b") == "reachable"
    rig.item("TransitGatewayVpcAttachments", VpcId="vpc-b")["Options"] = {"SecurityGroupReferencingSupport": "disable"}
    assert rig.says("i-a", "i-b") == "unreachable"


def with_own_attachment_subnets() -> Rig:
    """The hub with each attachment in a subnet of its own, with an ACL of its own."""
    rig = hub()
    for name, number in (("a", 1), ("b", 2)):
        rig.subnet(f"subnet-t{name}", f"vpc-{name}", f"10.{number}.255.0/28")
        rig.item("TransitGatewayVpcAttachments", VpcId=f"vpc-{name}")["SubnetIds"] = [f"subnet-t{name}"]
        both = (entry(100, "allow"), entry(100, "allow", egress=True))
        rig.acl(f"acl-t{name}", f"vpc-{name}", *both, subnets=(f"subnet-t{name}",))
    return rig


def test_acls_of_attachment_subnets() -> None:
    assert with_own_attachment_subnets().says("i-a", "i-b") == "reachable"
    for name in ("ta", "tb"):
        for egress in (True, False):
            rig = with_own_attachment_subnets()
            rig.item("NetworkAcls", NetworkAclId=f"acl-{name}")["Entries"].append(entry(1, "deny", egress=egress))
            assert rig.says("i-a", "i-b") == "unreachable"
            # only one direction of each meets the packet itself; the other meets its reply
            arrives = (name == "ta" and egress) or (name == "tb" and not egress)
            assert rig.says("i-a", "i-b", one_way=True) == ("reachable" if arrives else "unreachable")


def test_acl_of_a_subnet_shared_with_the_attachment_is_not_evaluated_from_the_gateway() -> None:
    rig = hub()
    rig.item("NetworkAcls", NetworkAclId="acl-b")["Entries"].append(entry(1, "deny", "10.1.0.0/16"))
    assert rig.says("i-a", "i-b") == "reachable"
    rig.item("NetworkAcls", NetworkAclId="acl-b")["Entries"].append(entry(1, "deny", "10.1.0.0/16", egress=True))
    assert rig.says("i-a", "i-b") == "unreachable"
    assert rig.says("i-a", "i-b", one_way=True) == "reachable"


def two_gateways() -> Rig:
    """a behind tgw-1, b behind tgw-2, the gateways peered with static routes both ways."""
    rig = two_vpcs()
    for number, name in ((1, "a"), (2, "b")):
        rig.add("TransitGateways", TransitGatewayId=f"tgw-{number}", State="available")
        rig.add(
            "TransitGatewayRouteTables",
            TransitGatewayRouteTableId=f"tgw-rtb-{number}",
            TransitGatewayId=f"tgw-{number}",
        )
        attach(rig, name, f"tgw-rtb-{number}", f"tgw-{number}")
        rig.item("RouteTables", RouteTableId=f"rtb-{name}")["Routes"].append(route("10.0.0.0/8", f"tgw-{number}"))
        rig.add(
            "TransitGatewayAttachments",
            TransitGatewayAttachmentId="tgw-attach-p",
            TransitGatewayId=f"tgw-{number}",
            ResourceType="peering",
            ResourceId=f"tgw-{3 - number}",
            State="available",
            Association={"TransitGatewayRouteTableId": f"tgw-rtb-{number}", "State": "associated"},
        )
    rig.add(
        "TransitGatewayPeeringAttachments",
        TransitGatewayAttachmentId="tgw-attach-p",
        RequesterTgwInfo={"TransitGatewayId": "tgw-1"},
        AccepterTgwInfo={"TransitGatewayId": "tgw-2"},
        State="available",
    )
    first = [transit_route("10.1.0.0/16", "a"), transit_route("10.2.0.0/16", "p", "static")]
    second = [transit_route("10.2.0.0/16", "b"), transit_route("10.1.0.0/16", "p", "static")]
    rig.document({"Routes": first}, "tgw-rtb-1.json").document({"Routes": second}, "tgw-rtb-2.json")
    return rig


def test_peered_transit_gateways() -> None:
    rig = two_gateways()
    assert rig.says("i-a", "i-b") == "reachable"
    rig.item("TransitGatewayPeeringAttachments")["State"] = "pendingAcceptance"
    assert rig.says("i-a", "i-b") == "unreachable"


def test_routes_in_a_circle_end() -> None:
    rig = two_gateways()
    rig.more.pop()
    rig.document({"Routes": [transit_route("10.0.0.0/8", "p", "static")]}, "tgw-rtb-2.json")
    answer = rig.reach("i-a", "i-b")
    assert answer.disposition == "unreachable"
    assert any("circle" in obstacle.reason for obstacle in answer.blocked_by)


def central_egress() -> Rig:
    """a reaches the internet through b's NAT gateway, by the transit gateway."""
    routes = [transit_route("10.1.0.0/16", "a"), transit_route("0.0.0.0/0", "b", "static")]
    rig = hub(routes=routes)
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("0.0.0.0/0", "tgw-1"))
    rig.subnet("subnet-n", "vpc-b", "10.2.9.0/24")
    rig.item("RouteTables", RouteTableId="rtb-b")["Routes"].append(route("0.0.0.0/0", "nat-1"))
    rig.table("rtb-n", "vpc-b", route("0.0.0.0/0", "igw-1"), route("10.1.0.0/16", "tgw-1"), subnets=("subnet-n",))
    addresses = [{"PrivateIp": "10.2.9.9", "PublicIp": "203.0.113.9", "NetworkInterfaceId": "eni-nat"}]
    return rig.add(
        "NatGateways", NatGatewayId="nat-1", VpcId="vpc-b", SubnetId="subnet-n", NatGatewayAddresses=addresses
    )


def test_central_egress() -> None:
    rig = central_egress()
    assert rig.says("i-a", "internet") == "reachable"
    rig.item("RouteTables", RouteTableId="rtb-b")["Routes"].pop()
    assert rig.says("i-a", "internet") == "unreachable"


def test_passing_through_a_vpc_counts_as_being_there() -> None:
    rig = central_egress()
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = []
    assert rig.says("vpc-a", "i-b") == "unreachable"
    answer = rig.reach("vpc-a", "vpc-b")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    assert answer.witness.hops[-1][0].id == "nat-1"


def test_vpn_leads_to_the_block_behind_it_and_back() -> None:
    rig = hub(routes=[transit_route("10.1.0.0/16", "a"), transit_route("192.168.0.0/16", "v", "static")])
    rig.add(
        "TransitGatewayAttachments",
        TransitGatewayAttachmentId="tgw-attach-v",
        TransitGatewayId="tgw-1",
        ResourceType="vpn",
        ResourceId="vpn-1",
        State="available",
        Association={"TransitGatewayRouteTableId": "tgw-rtb-1", "State": "associated"},
    )
    rig.add("VpnConnections", VpnConnectionId="vpn-1", TransitGatewayId="tgw-1", State="available")
    assert rig.says("i-a", "192.168.1.0/24") == "unreachable"
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("192.168.0.0/16", "tgw-1"))
    assert rig.says("i-a", "192.168.1.0/24") == "reachable"
    assert rig.says("i-a", "vpn-1") == "reachable"
    assert rig.says("192.168.1.0/24", "i-a") == "reachable"
    assert rig.says("192.168.1.0/24", "i-b") == "unreachable"
    rig.item("SecurityGroups", GroupId="sg-a")["IpPermissions"] = [allow("10.0.0.0/8")]
    assert rig.says("192.168.1.0/24", "i-a") == "unreachable"


def test_a_deleted_gateway_carries_nothing() -> None:
    rig = hub(routes=[transit_route("10.2.0.0/16", "b")])
    gateway = rig.item("TransitGateways", TransitGatewayId="tgw-1")
    assert rig.says("i-a", "i-b") == "reachable"
    gateway["State"] = "deleting"
    assert rig.says("i-a", "i-b") == "unreachable"
