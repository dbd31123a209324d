"""Firewall rules: order of policies, regions, secure tags, scopes, address groups."""

# ruff: noqa: E501 -- a case of a table reads best on one line

import pytest

from tests.compliance.reason.google_network.rigs import (
    ANCESTORS,
    V1,
    disposition,
    firewall,
    joined,
    machine,
    net,
    network,
    policy,
    rule,
    sub,
    subnet,
)

IN = {"sourceRanges": ["10.0.0.0/8"]}
ALL = {"srcIpRanges": ["0.0.0.0/0"]}
DENY, ALLOW = rule(1, "deny", proto="all", **ALL), rule(1, "allow", proto="all", **ALL)


def regional(target, region, *rules, kind="RegionNetworkFirewallPolicy"):
    found = policy(target, *rules)
    project = target.split("/")[1]
    found["assetType"] = f"compute.googleapis.com/{kind}"
    found["name"] = f"//compute.googleapis.com/projects/{project}/regions/{region}/firewallPolicies/rp"
    return found


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([regional(net("b"), "r1", ALLOW)], "reachable"),
        ([regional(net("b"), "r9", ALLOW)], "unreachable"),
        ([regional(net("b"), "r9", ALLOW, kind="NetworkFirewallPolicy")], "unreachable"),
        ([regional(net("b"), "r1", ALLOW), policy(net("b"), DENY)], "unreachable"),
        ([regional(net("b"), "r1", DENY), policy(net("b"), ALLOW)], "reachable"),
        ([regional(net("b"), "r1", ALLOW), policy(net("b"), rule(1, "goto_next", proto="all", **ALL))], "reachable"),
    ],
)
def test_the_global_policy_comes_first_and_a_regional_one_is_for_its_region(policies, expected):
    assert disposition(*joined(*policies)) == expected


def test_vpc_rules_come_after_a_regional_policy_where_the_network_says_so():
    before = {"networkFirewallPolicyEnforcementOrder": "BEFORE_CLASSIC_FIREWALL"}
    rules = [firewall("b", "in", **IN), regional(net("b"), "r1", DENY)]
    assert disposition(*joined(*rules)) == "reachable"
    assert disposition(*joined(*rules, b=before)) == "unreachable"


def test_in_a_shared_network_the_policies_above_the_host_project_hold():
    guest = machine("b", "guest", of="a", ip="10.2.0.77")
    base = [network("b"), subnet("b"), machine("b"), guest, firewall("b", "in", **IN)]
    assert disposition(*base) == "reachable"
    assert disposition(*base, policy("projects/2", DENY)) == "unreachable"
    assert disposition(*base, policy("projects/1", DENY)) == "reachable"


def bound(project, value, parent=None):
    parent = parent or f"//compute.googleapis.com/projects/{project}/zones/r1-a/instances/vm"
    return {
        "name": f"//cloudresourcemanager.googleapis.com/tagBindings/{value}", "assetType": "cloudresourcemanager.googleapis.com/TagBinding",
        "ancestors": ANCESTORS[project], "resource": {"data": {"parent": parent, "tagValue": value}},
    }  # fmt: skip


def tagged(**tags):
    return policy(net("b"), rule(1, "allow", **tags))


TARGET = {"targetSecureTags": [{"name": "tagValues/7", "state": "EFFECTIVE"}], **ALL}
SOURCE = {"srcSecureTags": [{"name": "tagValues/7"}]}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([tagged(**TARGET), bound("b", "tagValues/7")], "reachable"),
        ([tagged(**TARGET), bound("b", "tagValues/8")], "unreachable"),
        ([tagged(**TARGET), bound("a", "tagValues/7")], "unreachable"),
        ([tagged(**SOURCE), bound("a", "tagValues/7")], "reachable"),
        ([tagged(**SOURCE), bound("b", "tagValues/7")], "unreachable"),
        ([tagged(targetSecureTags=[{"name": "tagValues/7", "state": "INEFFECTIVE"}], **ALL), bound("b", "tagValues/7")], "unreachable"),
        ([tagged(srcSecureTags=[{"name": "tagValues/7", "state": "INEFFECTIVE"}]), bound("a", "tagValues/7")], "unreachable"),
    ],
)  # fmt: skip
def test_secure_tags_are_bound_to_machines_and_reach_over_peerings(facts, expected):
    assert disposition(*joined(*facts)) == expected


def test_a_binding_may_name_the_machine_by_number():
    named = bound("b", "tagValues/7", "//compute.googleapis.com/projects/2/zones/r1-a/instances/4711")
    base = [network("a", "b"), network("b", "a"), subnet("a"), subnet("b"), machine("a"), tagged(**TARGET), named]
    assert disposition(*base, machine("b", id="4711")) == "reachable"
    assert disposition(*base, machine("b", id="4712")) == "unreachable"


def test_service_accounts_as_sources_hold_within_one_network():
    runs_as = {"serviceAccounts": [{"email": "x@a.iam.gserviceaccount.com"}]}
    accepts = firewall("b", "in", sourceServiceAccounts=["x@a.iam.gserviceaccount.com"])
    apart = [network("a", "b"), network("b", "a"), subnet("a"), subnet("b"), machine("a", **runs_as), machine("b")]
    assert disposition(*apart, accepts) == "unreachable"
    guest = machine("b", "guest", of="a", ip="10.2.0.77", **runs_as)
    assert disposition(network("b"), subnet("b"), machine("b"), guest, accepts) == "reachable"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"srcNetworkScope": "INTERNET"}, "unreachable"),
        ({"srcNetworkScope": "NON_INTERNET"}, "reachable"),
        ({"srcNetworkContext": "INTRA_VPC"}, "unreachable"),
        ({"srcNetworkScope": "VPC_NETWORKS", "srcNetworks": [V1 + net("a")]}, "reachable"),
        ({"srcNetworkScope": "VPC_NETWORKS", "srcNetworks": [V1 + net("c")]}, "unreachable"),
    ],
)
def test_where_packets_come_from_may_be_asked(scope, expected):
    match = {"layer4Configs": [{"ipProtocol": "tcp"}], **ALL, **scope}
    assert disposition(*joined(policy(net("b"), rule(1, "allow") | {"match": match}))) == expected


def test_address_groups_are_looked_up():
    name = "projects/b/locations/global/addressGroups/g"
    group = {
        "name": f"//networksecurity.googleapis.com/{name}", "assetType": "networksecurity.googleapis.com/AddressGroup",
        "resource": {"data": {"items": ["10.1.0.0/16"]}},
    }  # fmt: skip
    allows = policy(net("b"), rule(1, "allow", srcAddressGroups=[name]))
    assert disposition(*joined(allows)) == "indeterminate"
    assert disposition(*joined(allows, group)) == "reachable"
    group["resource"]["data"]["items"] = ["10.9.0.0/16"]
    assert disposition(*joined(allows, group)) == "unreachable"


def test_a_rule_by_region_does_not_cloud_what_its_ranges_settle():
    allows = policy(net("b"), rule(1, "allow", srcIpRanges=["10.1.0.0/16"], srcRegionCodes=["DE"]))
    assert disposition(*joined(allows)) == "reachable"


def test_alias_ranges_hold_every_address_in_them():
    guest = machine("b")
    guest["resource"]["data"]["networkInterfaces"][0]["aliasIpRanges"] = [{"ipCidrRange": "10.2.0.64/28"}]
    base = [network("a", "b"), network("b", "a"), subnet("a"), subnet("b"), machine("a"), guest]
    narrow = firewall("b", "in", destinationRanges=["10.2.0.70/32"], **IN)
    assert disposition(*base, narrow) == "reachable"
    assert disposition(*base, narrow, to="10.2.0.70") == "reachable"
    assert disposition(*base, narrow, to="10.2.0.71") == "unreachable"


def test_a_port_is_asked_of_protocols_that_have_ports():
    assert disposition(*joined(firewall("b", "in", proto="icmp", **IN)), port="443") == "unreachable"
    assert disposition(*joined(firewall("b", "in", proto="icmp", **IN))) == "reachable"


def test_the_subnet_of_a_machine_need_not_be_described_for_its_region():
    base = [network("a", "b"), network("b", "a"), subnet("a"), machine("a"), machine("b")]
    assert sub("b") == "projects/b/regions/r1/subnetworks/b"
    assert disposition(*base, regional(net("b"), "r1", ALLOW)) == "reachable"
    assert disposition(*base, regional(net("b"), "r9", ALLOW)) == "unreachable"


@pytest.mark.parametrize(("number", "expected"), [("2", "unreachable"), ("1", "reachable")])
def test_links_may_name_a_project_by_number(number, expected):
    named = f"{V1}projects/{number}/global/networks/b"
    shut = policy("organizations/5", rule(1, "deny", proto="all", targetResources=[named], **ALL))
    assert disposition(*joined(firewall("b", "in", **IN), shut)) == expected
    neighbours = [network("b"), subnet("b"), machine("b"), machine("b", "other", ip="10.2.0.11")]
    opened = firewall("b", "in", **IN)
    opened["resource"]["data"]["network"] = named
    ends = {"start": "10.2.0.10", "to": "10.2.0.11"}
    assert (disposition(*neighbours, opened, **ends) == "reachable") == (number == "2")
