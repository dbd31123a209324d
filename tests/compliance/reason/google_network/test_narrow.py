"""Narrowing: between two addresses only the rules that can match are left, and the answer stays the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.reason.google_network import load
from compliance.reason.google_network.deliver import deliver
from compliance.reason.google_network.narrow import Narrowing
from compliance.reason.google_network.rules import Packet
from tests.compliance.reason.google_network.rigs import HOSTS, firewall, joined, net

BLOCKS = ["10.1.0.0/24", "10.1.0.10/32", "10.1.0.64/26", "10.2.0.0/24", "10.2.0.10/32", "10.2.0.64/26", "0.0.0.0/0"]
RULE = st.fixed_dictionaries(
    {
        "on": st.sampled_from("ab"),
        "deny": st.booleans(),
        "egress": st.booleans(),
        "priority": st.integers(1, 4),
        "port": st.integers(1, 4),
        "block": st.sampled_from(BLOCKS),
        "tags": st.sampled_from([[], ["web"]]),
    }
)


def made(index, each):
    ranges = {"destinationRanges" if each["egress"] else "sourceRanges": [each["block"]]}
    return firewall(
        each["on"], f"r{index}", deny=each["deny"], priority=each["priority"], ports=[str(each["port"])],
        direction="EGRESS" if each["egress"] else "INGRESS", targetTags=each["tags"], **ranges,
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(RULE, max_size=8), st.integers(1, 4))
def test_a_packet_fares_alike_among_all_rules_and_among_those_left(rules, port):
    fabric = load(joined(*(made(index, each) for index, each in enumerate(rules))))
    source, target = (next(host for host in fabric.hosts if host.network == net(end)) for end in "ab")
    packet = Packet(HOSTS["a"], HOSTS["b"], 6, port)
    left = Narrowing(fabric).between(source, HOSTS["a"], target, HOSTS["b"])
    assert deliver(left, packet, source, target) == deliver(fabric, packet, source, target)


def test_rules_for_others_are_left_out():
    near = firewall("b", "near", sourceRanges=["10.1.0.10/32"], priority=1)
    others = [firewall("b", f"far{n}", sourceRanges=[f"10.1.0.{n}/32"], priority=n) for n in range(20, 60)]
    fabric = load(joined(near, *others, firewall("b", "tagged", targetTags=["web"], sourceRanges=["10.1.0.0/24"])))
    source, target = (next(host for host in fabric.hosts if host.network == net(end)) for end in "ab")
    left = Narrowing(fabric).between(source, HOSTS["a"], target, HOSTS["b"])
    assert [rule.id.rsplit("/", 1)[1] for level in left.levels[net("b")] for rule in level] == ["near"]
