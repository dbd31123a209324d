"""Facts that are missing, contradictory or malformed: never `unreachable` by accident, never a traceback."""

import pytest

from compliance.errors import ComplianceError
from compliance.reason.google_network import load
from tests.compliance.reason.google_network.rigs import (
    V1,
    ask,
    asset,
    disposition,
    firewall,
    joined,
    machine,
    net,
    network,
    policy,
    route,
    rule,
    subnet,
)

IN = {"sourceRanges": ["10.0.0.0/8"]}
DENY = rule(1, "deny", proto="all", srcIpRanges=["0.0.0.0/0"])


def bare(found):
    """The asset as an export of another content type has it."""
    return {name: value for name, value in found.items() if name != "resource"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (joined(bare(firewall("b", "in", **IN))), "indeterminate"),
        (joined(firewall("b", "in", **IN), bare(firewall("b", "no"))), "indeterminate"),
        (joined(firewall("b", "in", **IN), bare(firewall("b", "in", **IN))), "reachable"),
        (joined(firewall("b", "in", **IN), bare(machine("b", "other"))), "reachable"),
        (joined(bare(machine("b", "other"))), "indeterminate"),
        (joined(bare(route("c", "0.0.0.0/0"))), "unreachable"),
        (joined(firewall("b", "in", **IN), bare(policy("organizations/5", DENY))), "indeterminate"),
    ],
)
def test_an_asset_without_its_resource_is_missing(facts, expected):
    assert disposition(*facts) == expected


def test_an_asset_told_twice_must_be_told_alike():
    once = joined(firewall("b", "in", **IN))
    assert disposition(*once, *once) == "reachable"
    assert disposition(*once, firewall("b", "in", sourceRanges=["10.9.0.0/16"])) == "indeterminate"


def test_a_network_that_no_fact_describes_may_be_peered():
    facts = [network("a", "b"), subnet("a"), subnet("b"), machine("a"), machine("b"), firewall("b", "in", **IN)]
    answer = ask(*facts)
    assert answer.disposition == "indeterminate"
    assert any(net("b") in words for words in answer.missing)


def test_rules_hold_in_a_network_that_only_they_and_machines_name():
    facts = [subnet("a"), machine("a"), machine("a", "other", ip="10.1.0.11")]
    ends = {"start": "10.1.0.10", "to": "10.1.0.11"}
    assert disposition(*facts, **ends) == "indeterminate"
    answer = ask(*facts, firewall("a", "in", **IN), **ends)
    assert answer.disposition == "reachable"
    assert answer.assumed == (f"no firewall policy stands above {net('a')}",)


def test_policies_of_folders_need_to_know_what_is_below_them():
    lost = network("b", "a")
    lost["ancestors"] = []
    facts = [network("a", "b"), lost, subnet("a"), subnet("b"), machine("a"), machine("b"), firewall("b", "in", **IN)]
    assert disposition(*facts) == "reachable"
    assert disposition(*facts, policy("folders/9", DENY)) == "indeterminate"


def raw(kind, path, **data):
    return asset(kind, path, {"network": V1 + net("a")} | data)


@pytest.mark.parametrize(
    "bad",
    [
        raw("Firewall", "projects/a/global/firewalls/x", allowed="tcp"),
        raw("Firewall", "projects/a/global/firewalls/x", allowed=["tcp"]),
        raw("Firewall", "projects/a/global/firewalls/x"),
        asset("Firewall", "projects/a/global/firewalls/x", {"allowed": [{"IPProtocol": "tcp"}]}),
        firewall("a", "x", priority="high"),
        firewall("a", "x", direction="SIDEWAYS"),
        firewall("a", "x", ports=["70000"]),
        firewall("a", "x", ports=["90-80"]),
        firewall("a", "x", sourceRanges="0.0.0.0/0"),
        firewall("a", "x", disabled="false"),
        raw("Instance", "projects/a/zones/r1-a/instances/x", status="RUNNING", networkInterfaces=["n"]),
        machine("a", ip="10.1.0.999"),
        network("b", peerings="x"),
        network("b", peerings=[{"state": "ACTIVE"}]),
        raw("Route", "projects/a/global/routes/x", nextHopIp="10.1.0.5"),
        policy("organizations/5", rule(1, "deny") | {"direction": "UP"}),
        policy("organizations/5", rule(1, "deny") | {"match": "all"}),
        policy("organizations/5", rule(1, "deny") | {"match": {"srcNetworkScope": "MOON"}}),
        asset("FirewallPolicy", "locations/global/firewallPolicies/x", {"rules": "x"}),
        network("b") | {"resource": "x"},
        network("b") | {"ancestors": "projects/2"},
    ],
)
def test_what_is_malformed_is_an_error_that_names_the_asset(bad):
    with pytest.raises(ComplianceError) as error:
        load([network("a"), bad])
    assert error.value.place.startswith(("projects/", "locations/"))
