"""Reading: any layout, repeated and split facts, and malformed ones with their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.errors import ComplianceError
from compliance.reason.network import FactDocument, Network, reach, reach_all, read_directory

from .rigs import Rig, peered, two_vpcs


def write(rig: Rig, folder: Path) -> None:
    """One file for each top-level key, in nested folders with names that say nothing."""
    for index, (key, value) in enumerate(rig.facts.items()):
        path = folder / "111111111111" / "eu-west-1" / f"part{index % 3}" / f"{index}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({key: value}), encoding="utf-8")


def test_files_are_recognised_by_their_top_level_key(tmp_path: Path) -> None:
    write(peered(), tmp_path)
    documents = read_directory(tmp_path)
    assert {d.account for d in documents} == {"111111111111"}
    assert {d.region for d in documents} == {"eu-west-1"}
    assert reach(Network.load(documents), "vpc-a", "vpc-b").disposition == "reachable"


def test_several_keys_in_one_file_and_other_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "everything.out").write_text(json.dumps(peered().facts), encoding="utf-8")
    (tmp_path / "README.md").write_text("# The facts", encoding="utf-8")
    (tmp_path / ".hidden.json").write_text("no", encoding="utf-8")
    assert reach(Network.load(read_directory(tmp_path)), "vpc-a", "vpc-b").disposition == "reachable"


def test_pages_and_repetitions_change_nothing() -> None:
    rig = peered()
    pages = [FactDocument({key: [item]}, f"{key}.json") for key, items in rig.facts.items() for item in items]
    for documents in (pages, pages * 2, pages[::-1]):
        network = Network.load(documents)
        assert not network.contradictory
        assert reach(network, "vpc-a", "vpc-b").disposition == "reachable"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"Vpcs": [', "bad.json:1:"),
        ("[]", "bad.json"),
        ("", "bad.json"),
        ('{"Vpcs": {}}', "Vpcs"),
        ('{"Vpcs": [1]}', "Vpcs[0]"),
        ('{"Vpcs": [{"VpcId": 1}]}', "Vpcs[0].VpcId"),
        ('{"Vpcs": [{}]}', "Vpcs[0]: lacks the field VpcId"),
        ('{"Vpcs": [{"VpcId": "v", "CidrBlock": "10.0.0.0/99"}]}', "Vpcs[0]"),
        ('{"Subnets": [{"SubnetId": "s", "VpcId": "v"}]}', "Subnets[0]"),
        ('{"RouteTables": [{"RouteTableId": "r", "VpcId": "v", "Routes": [{}]}]}', "Routes[0]"),
        (
            '{"RouteTables": [{"RouteTableId": "r", "VpcId": "v", "Routes": [{"DestinationCidrBlock": "::/0"}]}]}',
            "Routes[0]",
        ),
        ('{"SecurityGroups": [{"GroupId": "g", "IpPermissions": "all"}]}', "IpPermissions"),
        ('{"SecurityGroups": [{"GroupId": "g", "IpPermissions": [{"IpProtocol": "ipx"}]}]}', "IpProtocol"),
        (
            '{"SecurityGroups": [{"GroupId": "g", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 9, "ToPort": 1}]}]}',  # noqa: E501
            "IpPermissions[0]",
        ),
        ('{"NetworkAcls": [{"NetworkAclId": "a", "VpcId": "v", "Entries": [{"RuleNumber": 0}]}]}', "RuleNumber"),
        ('{"VpcPeeringConnections": [{"VpcPeeringConnectionId": "p"}]}', "RequesterVpcInfo"),
        ('{"VpcBlockPublicAccessOptions": {"InternetGatewayBlockMode": "maybe"}}', "InternetGatewayBlockMode"),
        ('{"Routes": [{"State": "active"}], "TransitGatewayRouteTableId": "tgw-rtb-1"}', "Routes[0]"),
        ('{"Routes": [], "TransitGatewayRouteTableId": 7}', "TransitGatewayRouteTableId"),
    ],
)
def test_malformed_facts_are_an_error_with_the_place(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "bad.json").write_text(text, encoding="utf-8")
    with pytest.raises(ComplianceError) as caught:
        Network.load(read_directory(tmp_path))
    assert place in str(caught.value)
    assert "bad.json" in str(caught.value)


def test_not_utf8_and_no_directory(tmp_path: Path) -> None:
    with pytest.raises(ComplianceError, match="no such directory"):
        read_directory(tmp_path / "none")
    with pytest.raises(ComplianceError, match="no JSON document"):
        read_directory(tmp_path)
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(ComplianceError, match="UTF-8"):
        read_directory(tmp_path)


def test_unknown_keys_are_ignored() -> None:
    network = Network.load([FactDocument(peered().facts | {"KeyPairs": 3, "NextToken": None}, "x")])
    assert reach(network, "vpc-a", "vpc-b").disposition == "reachable"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 70000) | st.sampled_from(["", "10.0.0.0/8", "-1", "vpc-a", "local"]),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """The peered rig with one field somewhere replaced by something else."""
    facts = peered().facts
    spot: Any = facts
    path = draw(st.lists(st.integers(0, 5), min_size=2, max_size=7))
    for step in path:
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        if not keys:
            break
        key = keys[step % len(keys)]
        if not isinstance(spot[key], (dict, list)) or step == path[-1]:
            spot[key] = draw(JSON)
            break
        spot = spot[key]
    return facts


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_damaged_facts_give_an_answer_or_a_clear_error(facts: dict[str, Any]) -> None:
    try:
        answer = reach(Network.load([FactDocument(facts, "x.json")]), "vpc-a", "vpc-b")
    except ComplianceError as error:
        assert error.place  # noqa: PT017 - either outcome is right, a traceback is not
        return
    assert answer.disposition in ("reachable", "unreachable", "indeterminate")


def test_a_listing_without_its_last_page_leaves_nothing_unreachable() -> None:
    rig = two_vpcs()
    assert rig.says("vpc-a", "vpc-b") == "unreachable"
    rig.facts["NextToken"] = "more"
    answer = rig.reach("vpc-a", "vpc-b")
    assert answer.disposition == "indeterminate"
    assert "the last page of RouteTables (rig.json)" in answer.missing
    tenants = {"a": ["vpc-a"], "b": ["vpc-b"]}
    assert reach_all(rig.network(), tenants).of("a", "b").disposition == "indeterminate"
    for key in [name for name in rig.facts if name != "NextToken"]:
        rig.document({key: []}, "last.json")
    assert rig.says("vpc-a", "vpc-b") == "unreachable"
    assert peered().says("vpc-a", "vpc-b") == "reachable"


@pytest.mark.parametrize(("key", "field"), [("RouteTables", "Routes"), ("NetworkAcls", "Entries")])
def test_a_list_that_is_not_there_is_not_an_empty_one(key: str, field: str) -> None:
    rig = peered()
    rig.facts[key][0].pop(field)
    with pytest.raises(ComplianceError, match=field):
        rig.network()


def test_a_route_is_in_a_known_state() -> None:
    rig = peered()
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"][-1]["State"] = "Active"
    with pytest.raises(ComplianceError, match="blackhole"):
        rig.network()
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"][-1]["State"] = "blackhole"
    assert rig.says("i-a", "i-b") == "unreachable"
