"""The address plan: which ranges a tenant may have, how they are cut into subnets, and who overlaps whom."""

from __future__ import annotations

from ipaddress import IPv4Network

PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
"""RFC 1918 and RFC 6598: the ranges that no one routes on the internet."""

WIDEST, NARROWEST = 16, 24
"""A VPC takes /16 to /28 (Amazon VPC user guide, "VPC CIDR blocks"); below /24 there is no room for four subnets."""


def problem_of(cidr: str) -> str | None:
    """What is wrong with `cidr` as a tenant's network, in words, or None."""
    try:
        network = IPv4Network(cidr)
    except ValueError as error:
        return f"not an IPv4 range: {error}"
    if not any(network.subnet_of(block) for block in PRIVATE):
        return "not a private range (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10)"
    if not WIDEST <= network.prefixlen <= NARROWEST:
        return f"/{network.prefixlen} is not between /{WIDEST} and /{NARROWEST}"
    return None


def subnets(cidr: str, zones: int) -> list[str]:
    """One private subnet per zone, as large as fits in equal parts; `zones` is 1 to 4."""
    network = IPv4Network(cidr)
    bits = (zones - 1).bit_length()
    parts = list(network.subnets(prefixlen_diff=max(bits, 1)))
    return [str(part) for part in parts[:zones]]


def overlaps(ranges: list[tuple[str, str]]) -> list[tuple[str, str, str, str]]:
    """Pairs that overlap among `(owner, cidr)`: `(owner, cidr, other owner, other cidr)`; O(n log n + pairs)."""
    ordered = sorted(((IPv4Network(cidr), owner) for owner, cidr in ranges), key=lambda entry: entry[0])
    found: list[tuple[str, str, str, str]] = []
    open_ranges: list[tuple[IPv4Network, str]] = []
    for network, owner in ordered:
        open_ranges = [held for held in open_ranges if held[0].broadcast_address >= network.network_address]
        found += [(owner, str(network), held_owner, str(held)) for held, held_owner in open_ranges]
        open_ranges.append((network, owner))
    return found
