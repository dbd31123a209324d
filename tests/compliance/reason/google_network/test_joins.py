"""What joins networks: peering of IPv6 and public addresses, hubs, Private Service Connect, hybrid ways."""

# ruff: noqa: E501 -- a case of a table reads best on one line

import pytest

from tests.compliance.reason.google_network.rigs import (
    ANCESTORS,
    V1,
    asset,
    disposition,
    firewall,
    machine,
    net,
    network,
    sub,
    subnet,
)

IN = {"sourceRanges": ["10.0.0.0/8"]}
APART = [network("a"), network("b"), subnet("a"), subnet("b"), machine("a"), machine("b")]
OPEN = [*APART, firewall("b", "in", **IN)]


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ({}, {}, "unreachable"),
        ({"importSubnetRoutesWithPublicIp": True}, {}, "reachable"),
        ({"importSubnetRoutesWithPublicIp": True}, {"exportSubnetRoutesWithPublicIp": False}, "unreachable"),
        ({}, {"exportSubnetRoutesWithPublicIp": True}, "unreachable"),
    ],
)
def test_peering_carries_public_addresses_used_privately_only_if_they_are_imported(mine, theirs, expected):
    facts = [subnet("a"), subnet("b", "30.0.0.0/24"), machine("a"), machine("b", ip="30.0.0.10")]
    facts += [network("a", "b", peering=mine), network("b", "a", peering=theirs), firewall("b", "in", **IN)]
    assert disposition(*facts) == expected


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ({}, {}, "unreachable"),
        ({"stackType": "IPV4_IPV6"}, {}, "unreachable"),
        ({"stackType": "IPV4_IPV6"}, {"stackType": "IPV4_IPV6"}, "reachable"),
    ],
)
def test_peering_carries_ipv6_only_if_both_sides_say_so(mine, theirs, expected):
    facts = [network("a", "b", peering=mine), network("b", "a", peering=theirs)]
    for project in "ab":
        place, guest = subnet(project), machine(project)
        place["resource"]["data"]["internalIpv6Prefix"] = f"fd20:{project}::/64"
        guest["resource"]["data"]["networkInterfaces"][0]["ipv6Address"] = f"fd20:{project}::5"
        facts += [place, guest]
    assert disposition(*facts, firewall("b", "in6", sourceRanges=["::/0"])) == expected


def spoke(project, hub="h", group="", linked=None, **more):
    name = f"projects/h/locations/global/hubs/{hub}"
    data = {"hub": f"https://networkconnectivity.googleapis.com/v1/{name}", "state": "ACTIVE"}
    data["linkedVpcNetwork"] = {"uri": V1 + net(project)} | (linked or {})
    data |= {"group": f"{name}/groups/{group}"} if group else {}
    return {
        "name": f"//networkconnectivity.googleapis.com/projects/{project}/locations/global/spokes/{project}",
        "assetType": "networkconnectivity.googleapis.com/Spoke", "ancestors": ANCESTORS[project],
        "resource": {"data": data | more},
    }  # fmt: skip


def hub(topology):
    return {
        "name": "//networkconnectivity.googleapis.com/projects/h/locations/global/hubs/h",
        "assetType": "networkconnectivity.googleapis.com/Hub", "resource": {"data": {"presetTopology": topology}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([spoke("a"), spoke("b"), hub("MESH")], "reachable"),
        ([spoke("a"), spoke("b")], "reachable"),
        ([spoke("a"), spoke("b", "other")], "unreachable"),
        ([spoke("a")], "unreachable"),
        ([spoke("a", group="edge"), spoke("b", group="edge"), hub("STAR")], "unreachable"),
        ([spoke("a", group="edge"), spoke("b", group="edge")], "indeterminate"),
        ([spoke("a", group="center"), spoke("b", group="edge"), hub("STAR")], "reachable"),
        ([spoke("a"), spoke("b", linked={"excludeExportRanges": ["10.2.0.0/16"]})], "unreachable"),
        ([spoke("a"), spoke("b", linked={"includeExportRanges": ["10.2.0.0/28"]})], "reachable"),
        ([spoke("a"), spoke("b", linked={"includeExportRanges": ["10.2.0.128/25"]})], "unreachable"),
        ([spoke("a"), spoke("b", state="INACTIVE")], "unreachable"),
    ],
)
def test_spokes_of_one_hub_exchange_subnet_routes(facts, expected):
    assert disposition(*OPEN, *facts) == expected


def test_firewall_rules_are_asked_behind_a_hub_too():
    assert disposition(*APART, spoke("a"), spoke("b"), hub("MESH")) == "unreachable"


TO = f"{V1}projects/b/regions/r1/serviceAttachments/s"
ENDPOINT = asset("ForwardingRule", "projects/a/regions/r1/forwardingRules/e", {"network": V1 + net("a"), "target": TO, "IPAddress": "10.1.0.50", "pscConnectionStatus": "ACCEPTED"})  # fmt: skip
ATTACHMENT = asset("ServiceAttachment", "projects/b/regions/r1/serviceAttachments/s", {"natSubnets": [V1 + sub("b")]})
OUT = {"direction": "EGRESS", "destinationRanges": ["10.1.0.0/24"]}
NO = firewall("a", "no", deny=True, proto="all", **OUT)
WEB = firewall("a", "web", ports=["443"], priority=900, **OUT)


@pytest.mark.parametrize(
    ("facts", "port", "expected"),
    [
        ([ENDPOINT, ATTACHMENT], None, "reachable"),
        ([ENDPOINT, ATTACHMENT, NO], None, "unreachable"),
        ([ENDPOINT, ATTACHMENT, NO, WEB], "443", "reachable"),
        ([ENDPOINT, ATTACHMENT, NO, WEB], "80", "unreachable"),
        ([ENDPOINT], None, "indeterminate"),
    ],
)
def test_egress_rules_are_asked_for_the_address_of_an_endpoint(facts, port, expected):
    assert disposition(*APART, *facts, port=port) == expected


def test_which_machine_stands_behind_an_attachment_is_not_known():
    assert disposition(*APART, ENDPOINT, ATTACHMENT, to="projects/b/zones/r1-a/instances/vm") == "indeterminate"


def learns(project):
    data = {"name": "edge", "network": V1 + net(project), "region": "r1", "bgpPeers": [{"name": "x"}]}
    return asset("Router", f"projects/{project}/regions/r1/routers/edge", data)


def test_learned_routes_on_both_sides_leave_doubt():
    assert disposition(*OPEN, learns("a")) == "unreachable"
    assert disposition(*OPEN, learns("a"), learns("b")) == "indeterminate"


def test_tunnels_of_projects_with_longer_names_are_not_ours():
    tunnels = [asset("VpnTunnel", f"projects/{p}/regions/r1/vpnTunnels/t", {}) for p in ("ab", "bb")]
    assert disposition(*OPEN, *tunnels) == "unreachable"
