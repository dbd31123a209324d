"""The address plan."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy import addresses


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "172.16.0.0/20", "192.168.4.0/24", "100.64.0.0/18"])
def test_private_ranges_are_accepted(cidr: str) -> None:
    assert addresses.problem_of(cidr) is None


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "10.0.0.0/28", "52.0.0.0/16", "172.32.0.0/16", "10.0.0.1/16", "x", ""])
def test_other_ranges_are_refused(cidr: str) -> None:
    assert addresses.problem_of(cidr)


@given(st.integers(0, 2**16 - 1), st.integers(16, 24), st.integers(1, 4))
def test_subnets_are_disjoint_and_inside(start: int, prefix: int, zones: int) -> None:
    network = IPv4Network((0x0A000000 | (start << 8), prefix), strict=False)
    parts = [IPv4Network(part) for part in addresses.subnets(str(network), zones)]
    assert len(parts) == zones
    assert all(part.subnet_of(network) for part in parts)
    assert not any(one.overlaps(other) for one in parts for other in parts if one is not other)


ranges = st.lists(
    st.tuples(st.integers(0, 255), st.integers(20, 28)).map(
        lambda pair: str(IPv4Network((0x0A000000 | (pair[0] << 12), pair[1]), strict=False))
    ),
    max_size=12,
)


@given(ranges)
def test_overlaps_finds_exactly_the_overlapping_pairs(cidrs: list[str]) -> None:
    owned = [(str(index), cidr) for index, cidr in enumerate(cidrs)]
    found = {frozenset((one, other)) for one, _, other, _ in addresses.overlaps(owned)}
    expected = {
        frozenset((one, other))
        for one, cidr in owned
        for other, other_cidr in owned
        if one < other and IPv4Network(cidr).overlaps(IPv4Network(other_cidr))
    }
    assert found == expected
