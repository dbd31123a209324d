"""Random networks and random packets: what a plain simulator delivers, the search must call reachable."""

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compliance.reason.google_network.rigs import HOSTS, ask, firewall, joined, policy, rule

BLOCKS = ["10.1.0.0/24", "10.1.0.0/28", "10.2.0.0/24", "10.2.0.8/29", "10.0.0.0/8", "0.0.0.0/0", "10.9.0.0/16"]
PORTS = [None, ["80"], ["443"], ["80-443"], ["1000-2000", "22"]]
CLASSIC = st.lists(
    st.fixed_dictionaries(
        {
            "on": st.sampled_from("ab"),
            "deny": st.booleans(),
            "egress": st.booleans(),
            "priority": st.integers(1, 4),
            "proto": st.sampled_from(["tcp", "udp", "all", "icmp"]),
            "ports": st.sampled_from(PORTS),
            "block": st.sampled_from(BLOCKS),
        }
    ),
    max_size=6,
)
LEVEL = st.lists(
    st.fixed_dictionaries(
        {
            "action": st.sampled_from(["allow", "deny", "goto_next"]),
            "egress": st.booleans(),
            "proto": st.sampled_from(["tcp", "udp", "all"]),
            "ports": st.sampled_from(PORTS),
            "block": st.sampled_from(BLOCKS),
        }
    ),
    max_size=3,
)
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1}


def covers(each, packet, end):
    proto, port, source, destination = packet
    if each["proto"] != "all" and NUMBERS[each["proto"]] != proto:
        return False
    if each["ports"] and each["proto"] in ("tcp", "udp"):
        ranges = [tuple(map(int, (text.split("-") * 2)[:2])) for text in each["ports"]]
        if not any(low <= port <= high for low, high in ranges):
            return False
    address = destination if end == "egress" else source
    return ipaddress.ip_address(address) in ipaddress.ip_network(each["block"])


def passes(classic, levels, packet, network, end):
    """The documented order, on one packet: folder levels, then VPC rules, then what is implied."""
    for level in levels:
        for each in level:
            if each["egress"] == (end == "egress") and covers(each, packet, end):
                if each["action"] == "goto_next":
                    break
                return each["action"] == "allow"
    own = [each for each in classic if each["on"] == network and each["egress"] == (end == "egress")]
    for each in sorted(own, key=lambda found: (found["priority"], not found["deny"])):
        if covers(each, packet, end):
            return not each["deny"]
    return end == "egress"


def ported(each):
    return each["ports"] if each["proto"] in ("tcp", "udp") else None


@settings(max_examples=200, deadline=None)
@given(
    CLASSIC,
    LEVEL,
    LEVEL,
    st.sampled_from([6, 17, 1]),
    st.sampled_from([22, 79, 80, 81, 443, 444, 999, 1000, 2000, 2001]),
)
def test_what_a_simulator_delivers_is_reachable_and_what_is_reachable_it_delivers(classic, top, folder, proto, port):
    rules = []
    for index, each in enumerate(classic):
        ranges = {"destinationRanges" if each["egress"] else "sourceRanges": [each["block"]]}
        rules.append(
            firewall(
                each["on"],
                f"r{index}",
                proto=each["proto"],
                ports=ported(each),
                deny=each["deny"],
                priority=each["priority"],
                direction="EGRESS" if each["egress"] else "INGRESS",
                **ranges,
            )
        )
    for node, level in (("organizations/5", top), ("folders/9", folder)):
        made = [
            rule(
                i,
                each["action"],
                egress=each["egress"],
                proto=each["proto"],
                ports=ported(each),
                **{"destIpRanges" if each["egress"] else "srcIpRanges": [each["block"]]},
            )
            for i, each in enumerate(level)
        ]
        rules.append(policy(node, *made))
    facts = joined(*rules)

    def arrives(proto, port):
        packet = (proto, port, HOSTS["a"], HOSTS["b"])
        return passes(classic, (top, folder), packet, "a", "egress") and passes(
            classic, (top, folder), packet, "b", "ingress"
        )

    port = port if proto != 1 else 0
    answer = ask(*facts, protocol=str(proto), port=str(port) if port else None)
    assert (answer.disposition == "reachable") == arrives(proto, port)
    whole = ask(*facts)
    if arrives(proto, port):
        assert whole.disposition == "reachable"
    if whole.disposition == "reachable":
        assert arrives(whole.packet.protocol, whole.packet.port)
