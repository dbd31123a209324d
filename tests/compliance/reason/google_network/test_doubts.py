"""What is said of ways that only part of the facts describe: never "unreachable"."""

import pytest

from compliance.errors import ComplianceError
from compliance.reason.google_network import load
from tests.compliance.reason.google_network.rigs import (
    ANCESTORS,
    V1,
    asset,
    disposition,
    firewall,
    machine,
    net,
    network,
    policy,
    route,
    rule,
    sub,
    subnet,
)
from tests.compliance.reason.google_network.test_joins import APART, ATTACHMENT, ENDPOINT, IN, OPEN, spoke

TUNNEL = asset("VpnTunnel", "projects/b/regions/r1/vpnTunnels/v", {})


def scoped(action, priority, **scope):
    made = rule(priority, action, egress=True, proto="all")
    return {**made, "match": {**made["match"], **scope}}


@pytest.mark.parametrize(
    "rules",
    [
        [scoped("deny", 1, destNetworkScope="INTERNET")],
        [scoped("allow", 1, destNetworkScope="NON_INTERNET"), scoped("deny", 2)],
    ],
)
def test_an_endpoints_own_address_is_not_said_to_be_on_the_internet(rules):
    facts = [*APART, firewall("b", "in", **IN), ENDPOINT, ATTACHMENT]
    assert disposition(*facts) == "reachable"
    assert disposition(*facts, policy(net("a"), *rules)) == "indeterminate"


def test_a_hub_may_pass_on_endpoints():
    passing = {
        "name": "//networkconnectivity.googleapis.com/projects/h/locations/global/hubs/h",
        "assetType": "networkconnectivity.googleapis.com/Hub",
        "resource": {"data": {"presetTopology": "MESH", "exportPsc": True}},
    }
    third = [network("c"), subnet_of_c(), machine_of_c()]
    ways = [ENDPOINT, ATTACHMENT, passing, spoke("a"), {**spoke("a"), **named("c")}]
    assert disposition(*APART, *third, ATTACHMENT, start="projects/c") == "unreachable"
    assert disposition(*APART, *third, *ways, start="projects/c") == "indeterminate"


def subnet_of_c():
    data = {"network": V1 + net("c"), "ipCidrRange": "10.3.0.0/24", "region": V1 + "regions/r1"}
    return asset("Subnetwork", sub("c"), data)


def machine_of_c():
    nic = {"network": V1 + net("c"), "subnetwork": V1 + sub("c"), "networkIP": "10.3.0.10"}
    data = {"name": "vm", "status": "RUNNING", "networkInterfaces": [nic]}
    return asset("Instance", "projects/c/zones/r1-a/instances/vm", data)


def named(project):
    hub = "https://networkconnectivity.googleapis.com/v1/projects/h/locations/global/hubs/h"
    data = {"hub": hub, "state": "ACTIVE", "linkedVpcNetwork": {"uri": V1 + net(project)}}
    name = f"//networkconnectivity.googleapis.com/projects/{project}/locations/global/spokes/{project}"
    return {"name": name, "ancestors": ["projects/3", "organizations/5"], "resource": {"data": data}}


def test_routes_that_a_hub_or_a_transit_network_learns_leave_doubt():
    of_hub = {
        "name": "//networkconnectivity.googleapis.com/projects/h/locations/r1/spokes/vpn",
        "assetType": "networkconnectivity.googleapis.com/Spoke",
        "ancestors": ["projects/4", "organizations/5"],
        "resource": {
            "data": {
                "hub": "https://networkconnectivity.googleapis.com/v1/projects/h/locations/global/hubs/h",
                "state": "ACTIVE",
                "linkedVpnTunnels": {"uris": ["x"]},
            }
        },
    }
    assert disposition(*OPEN, spoke("a"), TUNNEL) == "unreachable"
    assert disposition(*OPEN, spoke("a"), of_hub, TUNNEL) == "indeterminate"


def test_a_machine_whose_address_is_not_told_leaves_doubt():
    nic = {"network": V1 + net("b"), "subnetwork": V1 + sub("b")}
    hidden = asset("Instance", "projects/b/zones/r1-a/instances/vm", {"name": "vm", "networkInterfaces": [nic]})
    facts = [network("a", "b"), network("b", "a"), subnet("a"), subnet("b"), machine("a"), firewall("b", "in", **IN)]
    assert disposition(*facts, machine("b")) == "reachable"
    assert disposition(*facts, hidden) == "indeterminate"


def test_a_default_route_to_an_appliance_may_lead_to_google():
    facts = [network("a"), subnet("a"), machine("a"), route("a", "0.0.0.0/0", nextHopIlb="10.1.0.99")]
    assert disposition(*facts, to="199.36.153.8/30") == "indeterminate"


def test_a_range_that_is_private_to_google_is_carried_by_peering():
    facts = [network("a", "b"), network("b", "a"), subnet("a"), subnet("b", "192.88.99.0/24"), machine("a")]
    facts += [machine("b", ip="192.88.99.5"), firewall("b", "in", **IN)]
    assert disposition(*facts) == "reachable"


def test_a_regional_policy_without_its_content_leaves_doubt():
    lost = {
        "name": "//compute.googleapis.com/projects/b/regions/r1/firewallPolicies/x",
        "assetType": "compute.googleapis.com/RegionNetworkFirewallPolicy",
        "ancestors": ANCESTORS["b"],
    }
    facts = [network("a", "b"), network("b", "a"), subnet("a"), subnet("b"), machine("a"), machine("b")]
    assert disposition(*facts, firewall("b", "in", **IN), lost) == "indeterminate"


def deep(levels):
    data = {}
    inner = data
    for _ in range(levels):
        inner["a"] = {}
        inner = inner["a"]
    return data


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (
            asset("ServiceAttachment", "projects/b/regions/r1/serviceAttachments/s", {"natSubnets": 5}),
            "natSubnets: is 5, but must be a list",
        ),
        (asset("Address", "projects/b/regions/r1/addresses/a", deep(3000)), "is nested too deeply"),
        (firewall("b", "z", priority="1" * 5000), "firewalls/z.priority: is '1"),
    ],
    ids=["a number for a list", "nested", "digits"],
)
def test_odd_assets_are_errors_that_name_the_place(odd, said):
    with pytest.raises(ComplianceError, match=said):
        disposition(*OPEN, odd)


def test_a_keyword_for_ranges_is_no_error():
    assert load([*OPEN, spoke("a"), spoke("b", linked={"includeExportRanges": ["ALL_PRIVATE_IPV4_RANGES"]})])
