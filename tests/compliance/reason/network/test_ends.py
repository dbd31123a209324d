"""What an end of a query can be, and which hosts it stands for."""

from __future__ import annotations

import pytest

from compliance.errors import ComplianceError
from compliance.reason.network import reach_all

from .rigs import Rig, allow, entry, peered, route, two_vpcs


@pytest.mark.parametrize(
    "target",
    [
        "i-b",
        "eni-b",
        "subnet-b",
        "vpc-b",
        "sg-b",
        "10.2.1.10",
        "10.2.1.10/32",
        "10.2.0.0/16",
        "arn:aws:ec2:eu-west-1:111111111111:instance/i-b",
        "pcx-1",
    ],
)
def test_every_name_of_the_target_is_reached_and_without_a_route_none(target: str) -> None:
    assert peered().says("i-a", target) == "reachable"
    rig = peered()
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].pop()
    assert rig.says("i-a", target) == "unreachable"


@pytest.mark.parametrize("source", ["i-a", "eni-a", "subnet-a", "vpc-a", "sg-a", "10.1.1.10", "10.0.0.0/15"])
def test_every_name_of_the_source(source: str) -> None:
    assert peered().says(source, "i-b") == "reachable"
    assert two_vpcs().says(source, "i-b") == "unreachable"


def test_accounts_are_everything_in_them() -> None:
    rig = peered()
    for key in ("Vpcs", "Subnets", "NetworkInterfaces", "SecurityGroups"):
        for item in rig.facts[key]:
            if "b" in str(item.get("VpcId")).removeprefix("vpc-"):
                item["OwnerId"] = "222222222222"
    assert rig.says("111111111111", "222222222222") == "reachable"
    rig.item("VpcPeeringConnections")["Status"]["Code"] = "deleted"
    assert rig.says("111111111111", "222222222222") == "unreachable"
    assert rig.says("111111111111", "333333333333") == "indeterminate"


@pytest.mark.parametrize("name", ["vpc-lost", "i-lost", "subnet-lost", "eni-lost", "sg-lost", "igw-lost", "vpce-lost"])
def test_an_id_that_no_fact_describes_is_missing(name: str) -> None:
    answer = peered().reach("i-a", name)
    assert answer.disposition == "indeterminate"
    assert name in answer.missing[0]


@pytest.mark.parametrize("name", ["", "everything", "10.0.0.0/33", "1.2.3", "ami-1234", "12345", "10.0.0.0/8/9"])
def test_what_names_nothing_is_bad_input(name: str) -> None:
    with pytest.raises(ComplianceError):
        peered().reach("i-a", name)


@pytest.mark.parametrize("name", ["pcx-1"])
def test_what_sends_nothing_of_its_own_is_no_source(name: str) -> None:
    with pytest.raises(ComplianceError, match="sends no packets"):
        peered().reach(name, "i-a")


def empty() -> Rig:
    """The peered VPCs without any interface."""
    rig = peered()
    rig.facts["NetworkInterfaces"] = []
    return rig


def test_without_interfaces_any_host_that_could_be_placed_is_meant() -> None:
    assert empty().says("vpc-a", "vpc-b") == "reachable"
    rig = empty()
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = []
    assert rig.says("vpc-a", "vpc-b") == "unreachable"
    rig = empty()
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].pop()
    assert rig.says("vpc-a", "vpc-b") == "unreachable"
    rig = empty()
    rig.item("NetworkAcls", NetworkAclId="acl-b")["Entries"] = [entry(1, "deny"), entry(1, "allow", egress=True)]
    assert rig.says("vpc-a", "vpc-b") == "unreachable"


def test_without_interfaces_and_groups_no_group_filters() -> None:
    rig = empty()
    rig.facts["SecurityGroups"] = []
    answer = rig.reach("vpc-a", "vpc-b")
    assert answer.disposition == "reachable"
    assert any("security group" in words for words in answer.assumed)


def test_only_vpcs_tables_and_peering() -> None:
    rig = Rig().vpc("vpc-a", "10.1.0.0/16").vpc("vpc-b", "10.2.0.0/16").peering("pcx-1", "vpc-a", "vpc-b")
    rig.table("rtb-a", "vpc-a", route("10.1.0.0/16", "local"), route("10.2.0.0/16", "pcx-1"), main=True)
    rig.table("rtb-b", "vpc-b", route("10.2.0.0/16", "local"), main=True)
    assert rig.says("vpc-a", "vpc-b") == "reachable"
    assert rig.says("vpc-b", "vpc-a") == "unreachable"


def test_possible_hosts_count_on_request_where_interfaces_exist() -> None:
    rig = peered()
    rig.group("sg-open", "vpc-b", ingress=[allow()])
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = []
    assert rig.says("vpc-a", "vpc-b") == "unreachable"
    assert rig.says("vpc-a", "vpc-b", possible=True) == "reachable"


def test_shared_subnet_holds_hosts_of_two_accounts() -> None:
    rig = Rig().vpc("vpc-s", "10.5.0.0/16").subnet("subnet-s", "vpc-s", "10.5.1.0/24")
    rig.table("rtb-s", "vpc-s", route("10.5.0.0/16", "local"), main=True)
    rig.group("sg-x", "vpc-s", owner="222222222222").group("sg-y", "vpc-s", owner="333333333333", ingress=[allow()])
    rig.host("x", "vpc-s", "subnet-s", "10.5.1.10", "sg-x", OwnerId="222222222222")
    rig.host("y", "vpc-s", "subnet-s", "10.5.1.11", "sg-y", OwnerId="333333333333")
    assert rig.says("222222222222", "333333333333") == "reachable"
    assert rig.says("333333333333", "222222222222") == "unreachable"


def test_participant_without_interfaces_could_place_a_host_in_the_shared_subnet() -> None:
    rig = Rig().vpc("vpc-s", "10.5.0.0/16").subnet("subnet-s", "vpc-s", "10.5.1.0/24")
    rig.table("rtb-s", "vpc-s", route("10.5.0.0/16", "local"), main=True)
    rig.group("sg-y", "vpc-s", owner="333333333333", ingress=[allow()])
    rig.host("y", "vpc-s", "subnet-s", "10.5.1.11", "sg-y", OwnerId="333333333333")
    rig.document({"Subnets": [dict(rig.item("Subnets"))]}, "222222222222/subnets.json", "222222222222")
    assert rig.says("222222222222", "333333333333") == "reachable"
    rig.item("SecurityGroups")["IpPermissions"] = []
    assert rig.says("222222222222", "333333333333") == "unreachable"


def test_instances_without_interface_facts() -> None:
    rig = peered()
    rig.facts["NetworkInterfaces"] = []
    for name, number in (("a", 1), ("b", 2)):
        instance = {
            "InstanceId": f"i-{name}",
            "State": {"Name": "running"},
            "VpcId": f"vpc-{name}",
            "SubnetId": f"subnet-{name}",
            "PrivateIpAddress": f"10.{number}.1.10",
            "SecurityGroups": [{"GroupId": f"sg-{name}"}],
        }
        rig.add("Reservations", OwnerId="111111111111", Instances=[instance])
    assert rig.says("i-a", "i-b") == "reachable"
    rig.facts["Reservations"][1]["Instances"][0]["State"]["Name"] = "terminated"
    assert rig.says("i-a", "i-b") == "indeterminate"


def test_secondary_addresses_and_prefixes_are_the_hosts_own() -> None:
    rig = peered()
    host = rig.item("NetworkInterfaces", NetworkInterfaceId="eni-b")
    host["PrivateIpAddresses"].append({"PrivateIpAddress": "10.2.1.77"})
    host["Ipv4Prefixes"] = [{"Ipv4Prefix": "10.2.1.128/28"}]
    for address in ("10.2.1.77", "10.2.1.130"):
        assert rig.says("i-a", address) == "reachable"
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow("10.9.0.0/16")]
    assert rig.says("i-a", "10.2.1.77") == "unreachable"


def test_a_block_without_hosts_stands_for_any_host_that_could_be_placed_there() -> None:
    rig = peered().subnet("subnet-b9", "vpc-b", "10.2.9.0/24")
    assert rig.says("i-a", "10.2.9.0/24") == "reachable"
    assert rig.says("10.2.9.7", "i-a") == "reachable"
    assert rig.says("i-a", "10.2.200.0/24") == "unreachable"
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = []
    assert rig.says("i-a", "10.2.9.0/24") == "unreachable"


def test_a_host_does_not_count_as_its_own_neighbour() -> None:
    assert peered().says("i-a", "i-a") == "unreachable"


def test_vpn_gateway() -> None:
    rig = two_vpcs()
    rig.add(
        "VpnGateways", VpnGatewayId="vgw-1", State="available", VpcAttachments=[{"VpcId": "vpc-a", "State": "attached"}]
    )
    propagated = route("192.168.0.0/16", "vgw-1", Origin="EnableVgwRoutePropagation")
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(propagated)
    assert rig.says("i-a", "192.168.7.0/24") == "reachable"
    assert rig.says("i-a", "vgw-1") == "reachable"
    assert rig.says("vgw-1", "i-a") == "reachable"
    assert rig.says("vgw-1", "i-b") == "unreachable"
    rig.item("VpnGateways")["VpcAttachments"] = []
    assert rig.says("i-a", "192.168.7.0/24") == "unreachable"


def test_propagated_route_inside_the_vpc_gives_way_to_the_local_one() -> None:
    rig = two_vpcs().host("a2", "vpc-a", "subnet-a", "10.1.1.11", "sg-a")
    rig.subnet("subnet-a3", "vpc-a", "10.1.3.0/24").host("a3", "vpc-a", "subnet-a3", "10.1.3.10", "sg-a")
    rig.add(
        "VpnGateways", VpnGatewayId="vgw-1", State="available", VpcAttachments=[{"VpcId": "vpc-a", "State": "attached"}]
    )
    stolen = route("10.1.3.0/24", "vgw-1", Origin="EnableVgwRoutePropagation")
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(stolen)
    assert rig.says("i-a", "i-a3") == "reachable"
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"][-1]["Origin"] = "CreateRoute"
    assert rig.says("i-a", "i-a3") == "unreachable"


def test_what_leaves_by_one_private_connection_may_come_back_by_another() -> None:
    rig = two_vpcs()
    for name in "ab":
        attached = [{"VpcId": f"vpc-{name}", "State": "attached"}]
        rig.add("VpnGateways", VpnGatewayId=f"vgw-{name}", State="available", VpcAttachments=attached)
    assert rig.says("i-a", "i-b") == "unreachable"
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("10.2.0.0/16", "vgw-a"))
    answer = rig.reach("i-a", "i-b")
    assert (answer.disposition, answer.missing) == ("indeterminate", ("routes of the network behind vgw-a",))
    tenants = {"a": ["vpc-a"], "b": ["vpc-b"]}
    assert reach_all(rig.network(), tenants).of("a", "b").disposition == "indeterminate"
    rig.item("VpnGateways", VpnGatewayId="vgw-b")["VpcAttachments"] = []
    assert rig.says("i-a", "i-b") == "unreachable"
    assert reach_all(rig.network(), tenants).of("a", "b").disposition == "unreachable"
