"""Network ACLs: ordered, stateless, both directions."""

from __future__ import annotations

import pytest

from .rigs import Rig, allow, entry, peered


def with_acl(name: str, *entries: dict[str, object]) -> Rig:
    """The peered rig with the rules of one ACL replaced."""
    rig = peered()
    rig.item("NetworkAcls", NetworkAclId=name)["Entries"] = list(entries)
    return rig


OUT = entry(100, "allow", egress=True)
IN = entry(100, "allow")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([IN, OUT], "reachable"),
        ([entry(90, "deny", "10.1.0.0/16"), IN, OUT], "unreachable"),
        ([entry(110, "deny", "10.1.0.0/16"), IN, OUT], "reachable"),
        ([entry(90, "deny", "10.1.1.10/32"), IN, OUT], "unreachable"),
        ([entry(90, "deny", "10.1.1.11/32"), IN, OUT], "reachable"),
        ([entry(90, "deny", protocol="6", ports=(443, 443)), IN, OUT], "unreachable"),
        ([entry(90, "deny", protocol="17", ports=(443, 443)), IN, OUT], "reachable"),
        ([entry(90, "allow", protocol="6", ports=(443, 443)), entry(95, "deny"), OUT], "reachable"),
        ([entry(90, "allow", protocol="6", ports=(80, 80)), OUT], "unreachable"),
        ([OUT], "unreachable"),
        ([IN], "unreachable"),
        ([IN, entry(100, "allow", egress=True, protocol="6", ports=(1024, 65535))], "reachable"),
        ([IN, entry(100, "allow", egress=True, protocol="6", ports=(32768, 60999))], "reachable"),
        ([IN, entry(100, "allow", egress=True, protocol="6", ports=(0, 1023))], "unreachable"),
        ([IN, entry(90, "deny", "10.1.0.0/16", egress=True), OUT], "unreachable"),
        ([IN, entry(100, "allow", "10.9.0.0/16", egress=True)], "unreachable"),
    ],
)
def test_acl_of_the_target(entries: list[dict[str, object]], expected: str) -> None:
    assert with_acl("acl-b", *entries).says("i-a", "i-b", "tcp", "443") == expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([IN, OUT], "reachable"),
        ([entry(90, "deny", "10.2.0.0/16", egress=True), IN, OUT], "unreachable"),
        ([IN, entry(100, "allow", egress=True, protocol="6", ports=(443, 443))], "reachable"),
        ([OUT, entry(100, "allow", protocol="6", ports=(1024, 65535))], "reachable"),
        ([OUT, entry(100, "allow", protocol="6", ports=(443, 443))], "unreachable"),
        ([OUT], "unreachable"),
    ],
)
def test_acl_of_the_source(entries: list[dict[str, object]], expected: str) -> None:
    assert with_acl("acl-a", *entries).says("i-a", "i-b", "tcp", "443") == expected


def test_a_packet_whose_reply_is_denied_is_told_apart() -> None:
    rig = with_acl("acl-b", IN)
    answer = rig.reach("i-a", "i-b", "tcp", "443")
    assert answer.as_json()["oneWay"] is True
    assert "repl" in answer.blocked_by[0].reason
    assert answer.blocked_by[0].id == "acl-b"
    assert rig.says("i-a", "i-b", "tcp", "443", one_way=True) == "reachable"
    assert "oneWay" not in with_acl("acl-b", OUT).reach("i-a", "i-b", "tcp", "443").as_json()


def test_ping_needs_its_echo_reply() -> None:
    request = entry(90, "allow", protocol="1") | {"IcmpTypeCode": {"Type": 8, "Code": -1}}
    reply = entry(90, "allow", egress=True, protocol="1") | {"IcmpTypeCode": {"Type": 0, "Code": -1}}
    wrong = entry(90, "allow", egress=True, protocol="1") | {"IcmpTypeCode": {"Type": 8, "Code": -1}}
    assert with_acl("acl-b", request, reply).says("i-a", "i-b", "icmp") == "reachable"
    assert with_acl("acl-b", request, wrong).says("i-a", "i-b", "icmp") == "unreachable"
    assert with_acl("acl-b", request, wrong).says("i-a", "i-b", "icmp", one_way=True) == "reachable"


def test_a_subnet_without_association_has_the_default_acl() -> None:
    rig = with_acl("acl-b")
    assert rig.says("i-a", "i-b") == "unreachable"
    rig.item("NetworkAcls", NetworkAclId="acl-b")["Associations"] = []
    assert rig.says("i-a", "i-b") == "unreachable"
    rig.item("NetworkAcls", NetworkAclId="acl-b")["IsDefault"] = False
    answer = rig.reach("i-a", "i-b")
    assert answer.disposition == "reachable"
    assert any("subnet-b" in words for words in answer.assumed)


def test_two_rules_of_one_number_do_not_hide_each_other_by_direction() -> None:
    rig = with_acl("acl-b", entry(100, "deny", egress=True), IN)
    assert rig.says("i-a", "i-b", one_way=True) == "reachable"
    assert rig.says("i-a", "i-b") == "unreachable"


def test_contradictory_acl_is_indeterminate_and_does_not_fall_back_to_the_default() -> None:
    rig = peered()
    rig.acl("acl-c", "vpc-b", subnets=())
    twin = rig.item("NetworkAcls", NetworkAclId="acl-b") | {"Entries": [], "IsDefault": False}
    rig.item("NetworkAcls", NetworkAclId="acl-b")["IsDefault"] = False
    rig.item("NetworkAcls", NetworkAclId="acl-c")["IsDefault"] = True
    rig.document({"NetworkAcls": [twin]}, "other.json")
    assert rig.says("i-a", "i-b") == "indeterminate"


def test_unrelated_rule_of_a_group_does_not_help_past_an_acl() -> None:
    rig = with_acl("acl-b", entry(100, "allow", protocol="6", ports=(22, 22)), OUT)
    rig.item("SecurityGroups", GroupId="sg-b")["IpPermissions"] = [allow("0.0.0.0/0", "tcp", (443, 443))]
    answer = rig.reach("i-a", "i-b")
    assert answer.disposition == "unreachable"
    assert answer.blocked_by[0].id == "sg-b"
