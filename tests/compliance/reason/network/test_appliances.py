"""Instances that route for others."""

from __future__ import annotations

from .rigs import Rig, allow, entry, route


def routed(*, checks: bool = False) -> Rig:
    """a's packets to b's subnet pass an instance in a third subnet."""
    rig = Rig().vpc("vpc-a", "10.1.0.0/16").group("sg-a", "vpc-a", ingress=[allow()])
    for number, name in enumerate("abr", 1):
        rig.subnet(f"subnet-{name}", "vpc-a", f"10.1.{number}.0/24")
        rig.host(name, "vpc-a", f"subnet-{name}", f"10.1.{number}.10", "sg-a")
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-r")["SourceDestCheck"] = checks
    local = route("10.1.0.0/16", "local")
    rig.table("rtb-main", "vpc-a", local, main=True)
    return rig.table("rtb-a", "vpc-a", local, route("10.1.2.0/24", "eni-r"), subnets=("subnet-a",))


def test_router_forwards_when_it_does_not_check_addresses() -> None:
    answer = routed().reach("i-a", "i-b")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    assert "eni-r" in [hop.id for hop, _ in answer.witness.hops]


def test_source_destination_check_drops() -> None:
    answer = routed(checks=True).reach("i-a", "i-b")
    assert answer.disposition == "unreachable"
    assert answer.blocked_by[0].id == "eni-r"


def test_router_that_is_the_target_receives_what_is_addressed_to_it() -> None:
    assert routed(checks=True).says("i-a", "i-r") == "reachable"


def test_group_of_the_router_filters() -> None:
    rig = routed().group("sg-r", "vpc-a", ingress=[allow("10.9.0.0/16")])
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-r")["Groups"] = [{"GroupId": "sg-r"}]
    assert rig.says("i-a", "i-b") == "unreachable"
    rig.item("SecurityGroups", GroupId="sg-r")["IpPermissions"] = [allow("10.1.1.0/24")]
    assert rig.says("i-a", "i-b") == "reachable"
    rig.item("SecurityGroups", GroupId="sg-r")["IpPermissionsEgress"] = []
    assert rig.says("i-a", "i-b") == "unreachable"


def test_a_reference_to_the_senders_group_does_not_survive_the_router_but_one_to_the_routers_does() -> None:
    rig = routed().group("sg-b", "vpc-a", ingress=[allow("sg-a")]).group("sg-r", "vpc-a", ingress=[allow()])
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-b")["Groups"] = [{"GroupId": "sg-b"}]
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-r")["Groups"] = [{"GroupId": "sg-r"}]
    assert rig.says("i-a", "i-b") == "unreachable"
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow("sg-r")]
    assert rig.says("i-a", "i-b") == "reachable"


def test_acl_of_the_routers_subnet_filters() -> None:
    rig = routed().acl("acl-r", "vpc-a", entry(1, "allow"), subnets=("subnet-r",))
    assert rig.says("i-a", "i-b") == "unreachable"
    rig.item("NetworkAcls")["Entries"].append(entry(1, "allow", egress=True))
    assert rig.says("i-a", "i-b") == "reachable"


def test_route_to_an_instance_id() -> None:
    rig = routed()
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"][1] = route("10.1.2.0/24", "i-r")
    assert rig.says("i-a", "i-b") == "reachable"
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"][1] = route("10.1.2.0/24", "i-lost")
    assert rig.says("i-a", "i-b") == "indeterminate"


def test_two_routers_that_point_at_each_other_end() -> None:
    rig = routed()
    rig.host("s", "vpc-a", "subnet-r", "10.1.3.20", "sg-a", SourceDestCheck=False)
    rig.table("rtb-r", "vpc-a", route("10.1.0.0/16", "local"), route("10.1.2.0/24", "eni-s"), subnets=("subnet-r",))
    assert rig.says("i-a", "i-b") == "unreachable"


def test_local_route_whose_target_is_replaced() -> None:
    rig = routed(checks=True)
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"] = [route("10.1.0.0/16", "eni-r")]
    assert rig.says("i-a", "i-b") == "unreachable"
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-r")["SourceDestCheck"] = False
    assert rig.says("i-a", "i-b") == "reachable"


def test_target_that_contains_the_router_is_reached_in_passing() -> None:
    rig = routed()
    rig.item("SecurityGroups")["IpPermissions"] = [allow("10.1.1.0/24")]
    rig.vpc("vpc-x", "10.9.0.0/16")
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("8.8.8.0/24", "eni-r"))
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-r")["OwnerId"] = "333333333333"
    answer = rig.reach("i-a", "333333333333")
    assert answer.disposition == "reachable"
