"""Reachability on Google Cloud: rules, policies, routes, peering, the internet, Private Service Connect."""

# ruff: noqa: E501 -- a case of a table reads best on one line

import pytest

from compliance.errors import ComplianceError
from compliance.reason.google_network import load
from tests.compliance.reason.google_network.rigs import (
    HOSTS,
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
    sub,
    subnet,
)

IN = {"sourceRanges": ["10.0.0.0/8"]}
PUBLIC = "203.0.113.20"


def test_networks_that_nothing_joins_are_apart():
    alone = [
        network("a"),
        network("b"),
        subnet("a"),
        subnet("b"),
        machine("a"),
        machine("b"),
        firewall("b", "in", **IN),
    ]
    answer = ask(*alone)
    assert answer.disposition == "unreachable"
    assert "no route" in answer.blocked_by[0][2]


def test_peering_with_an_ingress_rule_lets_in_and_names_its_hops():
    answer = ask(*joined(firewall("b", "in", ports=["443"], **IN)))
    assert answer.disposition == "reachable"
    assert (answer.packet.source, answer.packet.destination, answer.packet.port) == (HOSTS["a"], HOSTS["b"], 443)
    assert [each["kind"] for each in answer.hops] == ["host", "firewall", "peering", "firewall", "host"]
    assert answer.hops[3]["by"] == "projects/b/global/firewalls/in"


def test_peering_on_one_side_only_is_no_peering():
    one_sided = [
        network("a", "b"),
        network("b"),
        subnet("a"),
        subnet("b"),
        machine("a"),
        machine("b"),
        firewall("b", "in", **IN),
    ]
    assert disposition(*one_sided) == "unreachable"
    inactive = joined(firewall("b", "in", **IN))
    inactive[0]["resource"]["data"]["peerings"][0]["state"] = "INACTIVE"
    assert disposition(*inactive) == "unreachable"


def test_peering_is_not_transitive():
    hub = asset(
        "Network",
        "projects/c/global/networks/c",
        {"peerings": [{"network": V1 + net(p), "state": "ACTIVE"} for p in "ab"]},
    )
    spokes = [
        asset("Network", net(p), {"peerings": [{"network": V1 + "projects/c/global/networks/c", "state": "ACTIVE"}]})
        for p in "ab"
    ]
    assert (
        disposition(hub, *spokes, subnet("a"), subnet("b"), machine("a"), machine("b"), firewall("b", "in", **IN))
        == "unreachable"
    )


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], "unreachable"),
        ([firewall("b", "in", **IN)], "reachable"),
        ([firewall("b", "in", disabled=True, **IN)], "unreachable"),
        ([firewall("b", "in", sourceRanges=["10.9.0.0/16"])], "unreachable"),
        ([firewall("b", "in")], "reachable"),
        ([firewall("b", "in", **IN), firewall("b", "no", deny=True, proto="all", priority=900)], "unreachable"),
        ([firewall("b", "in", **IN), firewall("b", "no", deny=True, proto="all", priority=1100)], "reachable"),
        ([firewall("b", "in", **IN), firewall("b", "no", deny=True, proto="all", priority=1000)], "unreachable"),
        (
            [firewall("b", "in", ports=["80-90"], **IN), firewall("b", "no", deny=True, ports=["80-89"], priority=900)],
            "reachable",
        ),
        (
            [firewall("b", "in", ports=["80-90"], **IN), firewall("b", "no", deny=True, ports=["80-90"], priority=900)],
            "unreachable",
        ),
        (
            [
                firewall("b", "in", **IN),
                firewall("a", "out", deny=True, proto="all", direction="EGRESS", destinationRanges=["10.2.0.0/16"]),
            ],
            "unreachable",
        ),
        (
            [
                firewall("b", "in", **IN),
                firewall("a", "out", deny=True, proto="all", direction="EGRESS", destinationRanges=["10.3.0.0/16"]),
            ],
            "reachable",
        ),
        ([firewall("b", "in", targetTags=["web"], **IN)], "unreachable"),
        ([firewall("b", "in", targetServiceAccounts=["x@b.iam.gserviceaccount.com"], **IN)], "unreachable"),
        ([firewall("b", "in", sourceTags=["client"])], "unreachable"),
    ],
)
def test_vpc_firewall_rules(rules, expected):
    assert disposition(*joined(*rules)) == expected


def test_targets_by_tag_and_by_service_account():
    rules = [firewall("b", "in", targetTags=["web"], **IN)]
    tagged = [
        network("a", "b"),
        network("b", "a"),
        subnet("a"),
        subnet("b"),
        machine("a"),
        machine("b", tags={"items": ["web"]}),
        *rules,
    ]
    assert disposition(*tagged) == "reachable"
    rules = [firewall("b", "in", targetServiceAccounts=["x@b.iam.gserviceaccount.com"], **IN)]
    runs_as = machine("b", serviceAccounts=[{"email": "x@b.iam.gserviceaccount.com"}])
    assert (
        disposition(network("a", "b"), network("b", "a"), subnet("a"), subnet("b"), machine("a"), runs_as, *rules)
        == "reachable"
    )


def test_source_tags_hold_within_one_network_only():
    rules = [firewall("b", "in", sourceTags=["client"])]
    guest = machine("b", "guest", of="a", ip="10.2.0.77", tags={"items": ["client"]})
    assert disposition(network("b"), subnet("b"), machine("b"), guest, *rules) == "reachable"
    assert disposition(*joined(*rules), start="projects/a") == "unreachable"


def test_machine_in_a_shared_network_is_of_its_own_project():
    guest = machine("b", "guest", of="a", ip="10.2.0.77")
    assert disposition(network("b"), subnet("b"), machine("b"), guest) == "unreachable"
    assert disposition(network("b"), subnet("b"), machine("b"), guest, firewall("b", "in", **IN)) == "reachable"


ALL = {"srcIpRanges": ["0.0.0.0/0"]}


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([policy("organizations/5", rule(1, "deny", proto="all", **ALL))], "unreachable"),
        ([policy("folders/9", rule(1, "deny", proto="all", **ALL))], "unreachable"),
        ([policy("folders/8", rule(1, "deny", proto="all", **ALL))], "reachable"),
        (
            [policy("organizations/5", rule(1, "goto_next", proto="all", **ALL), rule(2, "deny", proto="all", **ALL))],
            "reachable",
        ),
        (
            [
                policy("organizations/5", rule(1, "allow", proto="all", **ALL)),
                policy("folders/9", rule(1, "deny", proto="all", **ALL)),
            ],
            "reachable",
        ),
        (
            [
                policy("organizations/5", rule(1, "goto_next", proto="all", **ALL)),
                policy("folders/9", rule(1, "deny", proto="all", **ALL)),
            ],
            "unreachable",
        ),
        ([policy("organizations/5", rule(1, "deny", proto="all", disabled=True, **ALL))], "reachable"),
        (
            [policy("organizations/5", rule(1, "deny", proto="all", targetResources=[V1 + net("a")], **ALL))],
            "reachable",
        ),
        (
            [policy("organizations/5", rule(1, "deny", proto="all", targetResources=[V1 + net("b")], **ALL))],
            "unreachable",
        ),
        (
            [policy("organizations/5", rule(1, "deny", egress=True, proto="all", destIpRanges=["10.2.0.0/16"]))],
            "unreachable",
        ),
        ([policy("organizations/5", rule(1, "deny", proto="all", srcRegionCodes=["DE"]))], "indeterminate"),
        ([policy(net("b"), rule(1, "deny", proto="all", **ALL))], "reachable"),
    ],
)
def test_hierarchical_policies_come_before_vpc_rules(policies, expected):
    assert disposition(*joined(firewall("b", "in", **IN), *policies)) == expected


def test_network_policy_before_or_after_vpc_rules():
    rules = [firewall("b", "in", **IN), policy(net("b"), rule(1, "deny", proto="all", **ALL))]
    assert disposition(*joined(*rules)) == "reachable"
    before = {"networkFirewallPolicyEnforcementOrder": "BEFORE_CLASSIC_FIREWALL"}
    assert disposition(*joined(*rules, b=before)) == "unreachable"
    alone = [policy(net("b"), rule(1, "allow", ports=["443"], **ALL))]
    assert disposition(*joined(*alone)) == "reachable"


def test_secure_tags_are_targets_and_sources():
    tags = {"params": {"resourceManagerTags": {"tagKeys/1": "tagValues/7"}}}
    rules = [policy(net("b"), rule(1, "allow", ports=["443"], targetSecureTags=[{"name": "tagValues/7"}], **ALL))]
    base = [network("a", "b"), network("b", "a"), subnet("a"), subnet("b"), machine("a")]
    assert disposition(*base, machine("b", **tags), *rules) == "reachable"
    assert disposition(*base, machine("b"), *rules) == "unreachable"


def test_protocol_and_port_of_the_question_narrow_it():
    rules = [firewall("b", "in", ports=["443"], **IN)]
    assert disposition(*joined(*rules), protocol="tcp", port="443") == "reachable"
    assert disposition(*joined(*rules), protocol="tcp", port="80") == "unreachable"
    assert disposition(*joined(*rules), protocol="udp") == "unreachable"
    assert disposition(*joined(*rules), protocol="tcp", port="400-500") == "reachable"


def test_a_network_without_machines_stands_for_any_that_could_be_placed():
    empty = [
        network("a", "b"),
        network("b", "a"),
        subnet("a"),
        subnet("b"),
        firewall("b", "in", targetTags=["web"], **IN),
    ]
    answer = ask(*empty)
    assert answer.disposition == "reachable"
    assert any("could be placed" in words for words in answer.assumed)
    assert disposition(*joined(firewall("b", "in", targetTags=["web"], **IN)), possible=True) == "reachable"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([machine("a", external=PUBLIC), route("a", "0.0.0.0/0")], "reachable"),
        ([machine("a"), route("a", "0.0.0.0/0")], "unreachable"),
        ([machine("a", external=PUBLIC)], "unreachable"),
        ([machine("a", external=PUBLIC), route("a", "199.36.153.4/30")], "unreachable"),
        (
            [
                machine("a"),
                route("a", "0.0.0.0/0"),
                asset(
                    "Router",
                    "projects/a/regions/r1/routers/r",
                    {"network": V1 + net("a"), "region": "r1", "nats": [{"name": "n"}]},
                ),
            ],
            "reachable",
        ),
        (
            [
                machine("a", external=PUBLIC),
                route("a", "0.0.0.0/0"),
                firewall("a", "out", deny=True, proto="all", direction="EGRESS", destinationRanges=["0.0.0.0/0"]),
            ],
            "unreachable",
        ),
        ([machine("a", external=PUBLIC), route("a", "0.0.0.0/0", nextHopIp="10.1.0.9")], "indeterminate"),
    ],
)
def test_ways_to_the_internet(facts, expected):
    assert disposition(network("a"), subnet("a"), *facts, to="internet") == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([machine("b", external=PUBLIC), firewall("b", "in", sourceRanges=["0.0.0.0/0"])], "reachable"),
        ([machine("b", external=PUBLIC)], "unreachable"),
        ([machine("b"), firewall("b", "in", sourceRanges=["0.0.0.0/0"])], "unreachable"),
        ([machine("b", external=PUBLIC), firewall("b", "in", sourceRanges=["198.51.100.0/24"])], "reachable"),
        ([machine("b", external=PUBLIC), firewall("b", "in", **IN)], "unreachable"),
        (
            [
                machine("b"),
                asset(
                    "ForwardingRule", "projects/b/regions/r1/forwardingRules/lb", {"loadBalancingScheme": "EXTERNAL"}
                ),
            ],
            "indeterminate",
        ),
    ],
)
def test_ways_in_from_the_internet(facts, expected):
    assert disposition(network("b"), subnet("b"), *facts, start="internet") == expected


def test_between_networks_over_the_internet():
    rules = [firewall("b", "in", sourceRanges=["0.0.0.0/0"]), route("a", "0.0.0.0/0")]
    hosts = [machine("a", external="203.0.113.10"), machine("b", external=PUBLIC)]
    apart = [network("a"), network("b"), subnet("a"), subnet("b")]
    assert disposition(*apart, *hosts, *rules) == "reachable"
    assert disposition(*apart, hosts[0], machine("b"), *rules) == "unreachable"
    assert disposition(*apart, machine("a"), hosts[1], *rules) == "unreachable"


def psc(status):
    target = f"{V1}projects/b/regions/r1/serviceAttachments/s"
    return [
        network("a"), network("b"), subnet("a"), subnet("b"), machine("a"), machine("b"),
        asset("ForwardingRule", "projects/a/regions/r1/forwardingRules/e", {"network": V1 + net("a"), "target": target, "IPAddress": "10.1.0.50", "pscConnectionStatus": status}),
        asset("ServiceAttachment", "projects/b/regions/r1/serviceAttachments/s", {"natSubnets": [V1 + sub("b")]}),
    ]  # fmt: skip


def test_private_service_connect_leads_one_way_if_it_was_accepted():
    assert disposition(*psc("ACCEPTED")) == "reachable"
    assert disposition(*psc("PENDING")) == "unreachable"
    assert disposition(*psc("ACCEPTED"), start="projects/b", to="projects/a") == "unreachable"


def test_tunnels_on_both_sides_are_indeterminate():
    facts = [network("a"), network("b"), subnet("a"), subnet("b"), machine("a"), machine("b")]
    tunnels = [asset("VpnTunnel", f"projects/{p}/regions/r1/vpnTunnels/t", {}) for p in "ab"]
    assert disposition(*facts, *tunnels) == "indeterminate"
    assert disposition(*facts, tunnels[0]) == "unreachable"


@pytest.mark.parametrize(
    "end",
    [
        "projects/a",
        "projects/1",
        "a",
        net("a"),
        V1 + net("a"),
        f"//compute.googleapis.com/{net('a')}",
        sub("a"),
        "projects/a/zones/r1-a/instances/vm",
        "10.1.0.0/24",
        "10.1.0.10",
    ],
)
def test_ends_may_be_named_in_many_ways(end):
    facts = joined(firewall("b", "in", **IN))
    assert disposition(*facts, start=end) == "reachable"


def test_an_end_that_no_fact_describes_is_indeterminate():
    assert disposition(*joined(), to="projects/nobody") == "indeterminate"


@pytest.mark.parametrize(
    "bad",
    [
        subnet("a", "10.1.0.0/99"),
        firewall("a", "x", proto="carrier-pigeon"),
        firewall("a", "x", ports=["high"]),
        firewall("a", "x", sourceRanges=["everywhere"]),
        policy("organizations/5", rule(1, "maybe")),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_name(bad):
    with pytest.raises(ComplianceError):
        load([network("a"), bad])
