"""Peering: active only, both ends, never transitive."""

from __future__ import annotations

from .rigs import allow, peered, route, two_vpcs


def test_active_peering_with_route_reaches() -> None:
    answer = peered().reach("i-a", "i-b", "tcp", "443")
    assert answer.disposition == "reachable"
    assert answer.witness is not None
    assert answer.witness.as_json()["packet"] == {
        "source": "10.1.1.10",
        "destination": "10.2.1.10",
        "protocol": "tcp",
        "sourcePort": 49152,
        "destinationPort": 443,
    }
    assert [hop.id for hop, _ in answer.witness.hops] == [
        "eni-a", "sg-a", "acl-a", "rtb-a", "pcx-1", "acl-b", "sg-b", "eni-b",
    ]  # fmt: skip
