"""The internet: which public addresses, Cloud NAT, IPv6, routes in and out of effect, load balancers."""

# ruff: noqa: E501 -- a case of a table reads best on one line

import pytest

from tests.compliance.reason.google_network.rigs import (
    V1,
    asset,
    disposition,
    firewall,
    machine,
    net,
    network,
    route,
    sub,
    subnet,
)

HOST = "203.0.113.20"
ANY = {"sourceRanges": ["0.0.0.0/0"]}


def inbound(source, ranges):
    facts = [network("b"), subnet("b"), machine("b", external=HOST), route("b", "0.0.0.0/0")]
    return disposition(*facts, firewall("b", "in", sourceRanges=ranges), start=source)


@pytest.mark.parametrize(
    ("source", "ranges", "expected"),
    [
        ("internet", ["203.0.113.0/24"], "reachable"),
        ("internet", ["192.0.2.0/24"], "reachable"),
        ("internet", ["11.0.0.0/8"], "reachable"),
        ("internet", ["10.0.0.0/7"], "reachable"),
        ("internet", ["10.0.0.0/8"], "unreachable"),
        ("203.0.113.0/24", ["203.0.113.0/24"], "reachable"),
        ("203.0.113.0/24", ["203.0.113.77/32"], "reachable"),
        ("8.8.8.8", ["1.1.1.1/32"], "unreachable"),
        ("1.1.1.1", ["1.1.1.1/32"], "reachable"),
    ],
)
def test_a_block_of_the_internet_stands_for_its_own_addresses(source, ranges, expected):
    assert inbound(source, ranges) == expected


def test_however_many_ranges_rules_name_none_is_left_out():
    denied = [f"{n}.0.0.0/8" for n in (*range(1, 10), *range(11, 100))]
    facts = [network("b"), subnet("b"), machine("b", external=HOST), route("b", "0.0.0.0/0")]
    facts += [
        firewall("b", f"d{i}", deny=True, proto="all", sourceRanges=[r], priority=5) for i, r in enumerate(denied)
    ]
    facts += [firewall("b", "in", sourceRanges=["99.1.2.3/32"], priority=4)]
    assert disposition(*facts, start="internet") == "reachable"


@pytest.mark.parametrize(
    ("to", "expected"),
    [("internet", "reachable"), ("8.8.8.8", "unreachable"), ("1.1.1.1/32", "reachable"), ("1.1.1.0/24", "reachable")],
)
def test_egress_to_one_address_is_egress_to_that_one(to, expected):
    only = {"direction": "EGRESS", "destinationRanges": ["1.1.1.1/32"], "priority": 900}
    none = {"direction": "EGRESS", "destinationRanges": ["0.0.0.0/0"], "deny": True, "proto": "all"}
    facts = [network("a"), subnet("a"), machine("a", external=HOST), route("a", "0.0.0.0/0")]
    assert disposition(*facts, firewall("a", "no", **none), firewall("a", "yes", **only), to=to) == expected


def nat(region="r1", **more):
    data = {"network": V1 + net("a"), "region": f"{V1}projects/a/regions/{region}", "nats": [{"name": "n"} | more]}
    return asset("Router", f"projects/a/regions/{region}/routers/r", data)


LISTED = {"sourceSubnetworkIpRangesToNat": "LIST_OF_SUBNETWORKS"}


@pytest.mark.parametrize(
    ("gateway", "protocol", "expected"),
    [
        (nat(sourceSubnetworkIpRangesToNat="ALL_SUBNETWORKS_ALL_IP_RANGES"), "-1", "reachable"),
        (nat(**LISTED, subnetworks=[{"name": V1 + sub("a")}]), "-1", "reachable"),
        (nat(**LISTED, subnetworks=[{"name": f"{V1}projects/a/regions/r1/subnetworks/other"}]), "-1", "unreachable"),
        (nat(type="PRIVATE"), "-1", "unreachable"),
        (nat(region="r2"), "-1", "unreachable"),
        (nat(), "icmp", "reachable"),
        (nat(), "47", "unreachable"),
    ],
)
def test_cloud_nat_is_for_its_subnets_and_protocols(gateway, protocol, expected):
    facts = [network("a"), machine("a"), route("a", "0.0.0.0/0"), gateway]
    assert disposition(*facts, subnet("a"), to="internet", protocol=protocol) == expected
    assert disposition(*facts, to="internet", protocol=protocol) == expected, "the subnet need not be described"


@pytest.mark.parametrize(
    ("ranges", "addresses", "expected"),
    [
        (["0.0.0.0/0"], None, "reachable"),
        (["203.0.113.0/24"], None, "indeterminate"),
        (["10.1.0.0/24"], None, "unreachable"),
        (["203.0.113.0/24"], "203.0.113.5", "reachable"),
        (["203.0.113.0/24"], "192.0.2.5", "unreachable"),
    ],
)
def test_who_sends_through_cloud_nat_has_the_addresses_of_the_gateway(ranges, addresses, expected):
    more = {"natIps": [f"{V1}projects/a/regions/r1/addresses/out"]} if addresses else {}
    facts = [asset("Address", "projects/a/regions/r1/addresses/out", {"address": addresses})] if addresses else []
    facts += [network("a"), network("b"), subnet("a"), subnet("b"), machine("a"), machine("b", external=HOST)]
    facts += [route("a", "0.0.0.0/0"), nat(**more), firewall("b", "in", sourceRanges=ranges)]
    assert disposition(*facts) == expected


WIDE, LOCAL = ("externalIpv6Prefix", "2600:1900:1::/64"), ("internalIpv6Prefix", "fd20:1::/64")


def dual(kind, outer=""):
    key, block = kind
    place, guest = subnet("b"), machine("b")
    place["resource"]["data"][key] = block
    nic = guest["resource"]["data"]["networkInterfaces"][0]
    if kind is WIDE:
        nic["ipv6AccessConfigs"] = [{"externalIpv6": "2600:1900:1::5", "externalIpv6PrefixLength": 96}]
    else:
        nic["ipv6Address"] = "fd20:1::5"
    return [network("b"), place, guest] + ([route("b", outer)] if outer else [])


V6 = firewall("b", "in6", sourceRanges=["::/0"])


@pytest.mark.parametrize(
    ("facts", "ends", "expected"),
    [
        ([*dual(WIDE, "::/0"), V6], ("internet", "b"), "reachable"),
        ([*dual(LOCAL, "::/0"), V6], ("internet", "b"), "unreachable"),
        ([*dual(WIDE, "::/0"), firewall("b", "in", **ANY)], ("::/0", "b"), "unreachable"),
        ([*dual(WIDE, "::/0"), firewall("b", "in")], ("::/0", "b"), "unreachable"),
        (dual(WIDE, "::/0"), ("b", "::/0"), "reachable"),
        (dual(WIDE, "0.0.0.0/0"), ("b", "internet"), "unreachable"),
        (dual(LOCAL, "::/0"), ("b", "::/0"), "unreachable"),
        (
            [network("b"), subnet("b"), machine("b", external=HOST), route("b", "::/0")],
            ("b", "internet"),
            "unreachable",
        ),
    ],
)
def test_ipv6_goes_out_and_in_by_external_ipv6_addresses(facts, ends, expected):
    assert disposition(*facts, start=ends[0], to=ends[1]) == expected


def test_a_route_out_of_effect_leads_nowhere():
    out = {"nextHopGateway": f"{V1}projects/a/global/gateways/default-internet-gateway"}
    facts = [network("a"), subnet("a"), machine("a", external=HOST)]
    assert disposition(*facts, route("a", "0.0.0.0/0", **out), to="internet") == "reachable"
    assert disposition(*facts, route("a", "0.0.0.0/0", **out, routeStatus="DROPPED"), to="internet") == "unreachable"


def test_a_longer_route_takes_only_its_own_destinations():
    facts = [network("a"), subnet("a"), machine("a", external=HOST), route("a", "0.0.0.0/0")]
    facts += [route("a", "8.8.8.0/24", nextHopIp="10.1.0.5")]
    assert disposition(*facts, to="8.8.8.8") == "indeterminate"
    assert disposition(*facts, to="1.1.1.1") == "reachable"


def test_an_external_load_balancer_of_the_target_leaves_doubt_to_who_gets_out():
    balancer = asset("ForwardingRule", "projects/b/regions/r1/forwardingRules/lb", {"loadBalancingScheme": "EXTERNAL_MANAGED", "IPAddress": "203.0.113.80"})  # fmt: skip
    facts = [network("a"), network("b"), subnet("a"), subnet("b"), machine("a", external=HOST), machine("b"), balancer]
    assert disposition(*facts) == "unreachable"
    assert disposition(*facts, route("a", "0.0.0.0/0")) == "indeterminate"


VIP = "199.36.153.4/30"


@pytest.mark.parametrize(
    ("facts", "private", "expected"),
    [
        ([machine("a"), route("a", VIP)], True, "reachable"),
        ([machine("a"), route("a", VIP)], False, "unreachable"),
        ([machine("a"), route("a", VIP)], None, "indeterminate"),
        ([machine("a")], True, "unreachable"),
        ([machine("a", external=HOST), route("a", "0.0.0.0/0")], False, "reachable"),
        (
            [machine("a"), route("a", VIP), firewall("a", "no", deny=True, proto="all", direction="EGRESS")],
            True,
            "unreachable",
        ),
    ],
)
def test_googles_own_addresses_need_private_google_access(facts, private, expected):
    place = subnet("a")
    place["resource"]["data"]["privateIpGoogleAccess"] = private
    described = [] if private is None else [place]
    assert disposition(network("a"), *described, *facts, to=VIP) == expected
    if expected == "reachable" and not private:
        return
    assert disposition(network("a"), *described, *facts, to="internet") == "unreachable", "it is not the internet"
