"""All pairs of tenants: the short ways give the same answers as asking for each pair."""

from __future__ import annotations

from hypothesis import given, settings

from compliance.facts.fact import Fact, Status
from compliance.reason.network import Network, documents_of, reach, reach_all

from .rigs import Rig, allow, peered, route
from .test_endpoints import privatelink
from .test_internet import add_public_vpc
from .test_simulator import VPCS, networks
from .test_transit import central_egress, hub


def tenants(rig: Rig) -> dict[str, list[str]]:
    return {vpc["VpcId"]: [vpc["VpcId"]] for vpc in rig.facts["Vpcs"]}


def same_as_one_by_one(rig: Rig) -> None:
    network = rig.network()
    for source, target, answer in reach_all(network, tenants(rig)):
        assert answer.disposition == reach(network, source, target, one_way=True).disposition, (source, target)


def test_pairs_agree_with_single_answers() -> None:
    both_public = Rig()
    add_public_vpc(both_public, "a", 1, "203.0.113.1")
    add_public_vpc(both_public, "b", 2, "203.0.113.2")
    lost = peered()
    lost.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("10.0.0.0/8", "tgw-lost"))
    for rig in (peered(), hub(), central_egress(), privatelink(), both_public, lost):
        rig.vpc("vpc-z", "10.26.0.0/16").subnet("subnet-z", "vpc-z", "10.26.1.0/24")
        rig.table("rtb-z", "vpc-z", route("10.26.0.0/16", "local"), main=True)
        same_as_one_by_one(rig)


@settings(max_examples=40, deadline=None)
@given(networks())
def test_pairs_agree_with_single_answers_on_random_networks(drawn: tuple[Rig, object]) -> None:
    rig, _ = drawn
    same_as_one_by_one(rig)
    assert len(list(reach_all(rig.network(), tenants(rig)))) == len(VPCS) * (len(VPCS) - 1)


def test_a_leak_between_two_of_many_is_found_and_nothing_else() -> None:
    rig = Rig()
    for number in range(40):
        vpc = f"vpc-{number}"
        rig.vpc(vpc, f"10.{number}.0.0/16").subnet(f"subnet-{number}", vpc, f"10.{number}.1.0/24")
        rig.group(f"sg-{number}", vpc, ingress=[allow()])
        rig.host(str(number), vpc, f"subnet-{number}", f"10.{number}.1.10", f"sg-{number}")
        rig.table(f"rtb-{number}", vpc, route(f"10.{number}.0.0/16", "local"), main=True)
    assert {answer.disposition for _, _, answer in reach_all(rig.network(), tenants(rig))} == {"unreachable"}
    rig.peering("pcx-1", "vpc-3", "vpc-7")
    rig.item("RouteTables", RouteTableId="rtb-3")["Routes"].append(route("10.7.0.0/16", "pcx-1"))
    found = {(a, b) for a, b, answer in reach_all(rig.network(), tenants(rig)) if answer.disposition == "reachable"}
    assert found == {("vpc-3", "vpc-7")}


def fact(operation: str, response: object, status: Status = Status.OK, **params: str) -> Fact:
    return Fact(
        api=f"ec2:{operation}",
        params=dict(params),
        account="111111111111",
        region="eu-west-1",
        caller="arn:aws:iam::111111111111:role/scan",
        started="2026-01-01T00:00:00Z",
        ended="2026-01-01T00:00:00Z",
        status=status,
        response=response,
    )


def test_collected_facts_are_read_and_unread_ones_withhold_the_claim() -> None:
    rig = hub()
    routes = rig.facts.pop("Routes")
    facts = [fact(f"Describe{key}", {key: value}) for key, value in rig.facts.items()]
    facts.append(fact("SearchTransitGatewayRoutes", {"Routes": routes}, TransitGatewayRouteTableId="tgw-rtb-1"))
    documents, unread = documents_of(facts)
    assert not unread
    assert reach(Network.load(documents, unread), "vpc-a", "vpc-b").disposition == "reachable"
    facts.append(fact("DescribeVpcPeeringConnections", None, Status.DENIED))
    answer = reach(Network.load(*documents_of(facts)), "vpc-a", "vpc-b")
    assert answer.disposition == "indeterminate"
    assert "DescribeVpcPeeringConnections" in answer.missing[0]


def test_an_account_of_which_nothing_could_be_read_is_never_clean() -> None:
    unread = {"999999999999": ("ec2:DescribeVpcs in eu-west-1 (denied)",)}
    network = Network.load([], unread)
    pairs = reach_all(network, {"one": ["999999999999"], "two": ["888888888888"]})
    assert {answer.disposition for _, _, answer in pairs} == {"indeterminate"}
