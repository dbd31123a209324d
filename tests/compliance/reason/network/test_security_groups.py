"""Security groups: allow only, stateful, with references and prefix lists."""

from __future__ import annotations

import pytest

from .rigs import Rig, allow, peered, route


def one_vpc() -> Rig:
    """Two hosts in two subnets of one VPC."""
    rig = Rig().vpc("vpc-a", "10.1.0.0/16")
    rig.subnet("subnet-1", "vpc-a", "10.1.1.0/24").subnet("subnet-2", "vpc-a", "10.1.2.0/24")
    rig.group("sg-1", "vpc-a").group("sg-2", "vpc-a", ingress=[allow()])
    rig.host("1", "vpc-a", "subnet-1", "10.1.1.10", "sg-1").host("2", "vpc-a", "subnet-2", "10.1.2.10", "sg-2")
    return rig.table("rtb-a", "vpc-a", route("10.1.0.0/16", "local"), main=True)


@pytest.mark.parametrize(
    ("permission", "protocol", "port", "expected"),
    [
        (allow("10.1.1.10/32", "tcp", (443, 443)), "tcp", "443", "reachable"),
        (allow("10.1.1.10/32", "tcp", (443, 443)), "tcp", "442", "unreachable"),
        (allow("10.1.1.10/32", "tcp", (443, 443)), "tcp", "400-500", "reachable"),
        (allow("10.1.1.10/32", "tcp", (443, 443)), "udp", "443", "unreachable"),
        (allow("10.1.1.10/32", "tcp", (443, 443)), "-1", None, "reachable"),
        (allow("10.1.1.10/32", "tcp", (443, 443)), "6", "443", "reachable"),
        (allow("10.1.1.11/32", "tcp", (443, 443)), "tcp", "443", "unreachable"),
        (allow("10.1.0.0/16", "-1"), "47", None, "reachable"),
        (allow("10.1.0.0/16", "47"), "47", None, "reachable"),
        (allow("10.1.0.0/16", "47"), "50", None, "unreachable"),
        (allow("10.1.0.0/16", "icmp", (8, -1)), "icmp", "8", "reachable"),
        (allow("10.1.0.0/16", "icmp", (8, -1)), "icmp", "3", "unreachable"),
        (allow("10.1.0.0/16", "icmp", (-1, -1)), "icmp", None, "reachable"),
        (allow("10.1.0.0/16", "icmp", (-1, -1)), "tcp", None, "unreachable"),
        (allow("sg-1"), "tcp", "22", "reachable"),
        (allow("sg-2"), "tcp", "22", "unreachable"),
        (allow("::/0"), "tcp", "22", "unreachable"),
    ],
)
def test_ingress_rule(permission: dict[str, object], protocol: str, port: str | None, expected: str) -> None:
    rig = one_vpc()
    rig.item("SecurityGroups", GroupId="sg-2")["IpPermissions"] = [permission]
    assert rig.says("i-1", "i-2", protocol, port) == expected


@pytest.mark.parametrize(
    ("permission", "port", "expected"),
    [
        (allow("10.1.2.0/24", "tcp", (443, 443)), "443", "reachable"),
        (allow("10.1.2.0/24", "tcp", (443, 443)), "80", "unreachable"),
        (allow("10.1.3.0/24"), "443", "unreachable"),
        (allow("sg-2"), "443", "reachable"),
        (allow("sg-1"), "443", "unreachable"),
    ],
)
def test_egress_rule(permission: dict[str, object], port: str, expected: str) -> None:
    rig = one_vpc()
    rig.item("SecurityGroups", GroupId="sg-1")["IpPermissionsEgress"] = [permission]
    assert rig.says("i-1", "i-2", "tcp", port) == expected


def test_groups_are_stateful_so_the_reply_needs_no_rule() -> None:
    rig = one_vpc()
    rig.item("SecurityGroups", GroupId="sg-2")["IpPermissionsEgress"] = []
    assert rig.says("i-1", "i-2") == "reachable"
    assert rig.says("i-2", "i-1") == "unreachable"


def test_several_groups_add_up() -> None:
    rig = one_vpc()
    rig.item("SecurityGroups", GroupId="sg-2")["IpPermissions"] = []
    assert rig.says("i-1", "i-2") == "unreachable"
    rig.group("sg-3", "vpc-a", ingress=[allow("10.1.1.0/24")])
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-2")["Groups"].append({"GroupId": "sg-3"})
    assert rig.says("i-1", "i-2") == "reachable"


def test_rules_listed_on_their_own_count() -> None:
    rig = one_vpc()
    rig.item("SecurityGroups", GroupId="sg-2")["IpPermissions"] = []
    rig.add(
        "SecurityGroupRules",
        SecurityGroupRuleId="sgr-1",
        GroupId="sg-2",
        IsEgress=False,
        IpProtocol="tcp",
        FromPort=22,
        ToPort=22,
        ReferencedGroupInfo={"GroupId": "sg-1", "UserId": "111111111111"},
    )
    answer = rig.reach("i-1", "i-2", "tcp", "22")
    assert answer.disposition == "reachable"
    assert "sgr-1" in str(answer.as_json())
    assert rig.says("i-1", "i-2", "tcp", "23") == "unreachable"


def test_prefix_list_with_entries_and_without() -> None:
    rig = one_vpc()
    rig.item("SecurityGroups", GroupId="sg-2")["IpPermissions"] = [allow("pl-0abc")]
    missing = rig.reach("i-1", "i-2")
    assert missing.disposition == "indeterminate"
    assert missing.missing == ("entries of prefix list pl-0abc",)
    entries = {"Entries": [{"Cidr": "10.1.1.0/24"}]}
    named = rig.copy().document(entries, "prefix-lists/pl-0abc/entries.json")
    assert named.says("i-1", "i-2") == "reachable"
    keyed = rig.copy().document(entries | {"PrefixListId": "pl-0abc"}, "x.json")
    assert keyed.says("i-1", "i-2") == "reachable"
    other = rig.copy().document({"Entries": [{"Cidr": "10.9.0.0/16"}], "PrefixListId": "pl-0abc"}, "x.json")
    assert other.says("i-1", "i-2") == "unreachable"


def test_undescribed_group_is_never_unreachable() -> None:
    rig = one_vpc()
    rig.facts["SecurityGroups"] = [g for g in rig.facts["SecurityGroups"] if g["GroupId"] != "sg-2"]
    answer = rig.reach("i-1", "i-2")
    assert answer.disposition == "indeterminate"
    assert answer.missing == ("security group sg-2",)


def test_undescribed_group_does_not_matter_where_another_group_allows() -> None:
    rig = one_vpc()
    rig.item("NetworkInterfaces", NetworkInterfaceId="eni-2")["Groups"].append({"GroupId": "sg-lost"})
    assert rig.says("i-1", "i-2") == "reachable"


def test_undescribed_group_does_not_matter_where_the_route_is_missing() -> None:
    rig = peered()
    rig.facts["SecurityGroups"] = [g for g in rig.facts["SecurityGroups"] if g["GroupId"] != "sg-b"]
    assert rig.says("i-a", "i-b") == "indeterminate"
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].pop()
    assert rig.says("i-a", "i-b") == "unreachable"


def test_contradictory_descriptions_of_a_group_are_indeterminate() -> None:
    rig = one_vpc()
    twin = dict(rig.item("SecurityGroups", GroupId="sg-2"), IpPermissions=[])
    rig.document({"SecurityGroups": [twin]}, "other.json")
    answer = rig.reach("i-1", "i-2")
    assert answer.disposition == "indeterminate"
    assert "described differently" in answer.missing[0]


def test_rules_that_are_not_listed_are_unknown_but_an_empty_list_is_none() -> None:
    rig = one_vpc()
    del rig.item("SecurityGroups", GroupId="sg-1")["IpPermissionsEgress"]
    answer = rig.reach("i-1", "i-2")
    assert answer.disposition == "indeterminate"
    assert answer.missing == ("egress rules of security group sg-1",)
    rig.item("SecurityGroups", GroupId="sg-1")["IpPermissionsEgress"] = []
    assert rig.says("i-1", "i-2") == "unreachable"


def test_neighbours_in_one_subnet_meet_groups_but_no_acl() -> None:
    rig = one_vpc()
    rig.host("3", "vpc-a", "subnet-1", "10.1.1.11", "sg-2")
    rig.acl("acl-1", "vpc-a", subnets=("subnet-1", "subnet-2"))
    assert rig.says("i-1", "i-3") == "reachable"
    assert rig.says("i-1", "i-2") == "unreachable"
    rig.item("SecurityGroups", GroupId="sg-2")["IpPermissions"] = []
    assert rig.says("i-1", "i-3") == "unreachable"
