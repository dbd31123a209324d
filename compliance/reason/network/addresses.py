"""IPv4 and IPv6 addresses on one number line, and sets of them as sorted disjoint intervals.

IPv4 takes 0 … 2^32-1 and IPv6 follows it, so a set of addresses of both families is one tuple of intervals and no
operation has to ask for the family.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from compliance.errors import ComplianceError

Interval = tuple[int, int]
"""First and last member, both included."""
Ranges = tuple[Interval, ...]
"""Sorted, disjoint, not touching."""

Block = tuple[Interval, int]
"""One CIDR block: its interval and its prefix length, which decides between routes."""
Blocks = tuple[Block, ...]

V6_BASE = 1 << 32
ANY_V4: Interval = (0, V6_BASE - 1)
ANY_V6: Interval = (V6_BASE, V6_BASE + (1 << 128) - 1)
ANY: Ranges = ((0, ANY_V6[1]),)


def normalise(intervals: Iterable[Interval]) -> Ranges:
    """The same set, sorted and with overlapping or touching intervals joined."""
    joined: list[Interval] = []
    for low, high in sorted(intervals):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return tuple(joined)


def intersect(left: Ranges, right: Ranges) -> Ranges:
    """Addresses in both sets."""
    found: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low <= high:
            found.append((low, high))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def subtract(left: Ranges, right: Ranges) -> Ranges:
    """Addresses of `left` that are not in `right`."""
    kept: list[Interval] = []
    for low, high in left:
        start = low
        for other_low, other_high in right:
            if other_high < start or other_low > high:
                continue
            if other_low > start:
                kept.append((start, other_low - 1))
            start = other_high + 1
        if start <= high:
            kept.append((start, high))
    return tuple(kept)


def union(*sets: Ranges) -> Ranges:
    """Addresses in any of the sets."""
    return normalise(interval for ranges in sets for interval in ranges)


def parse_cidr(text: str, place: str) -> Block:
    """The interval of a CIDR block or a single address, and its prefix length.

    Host bits are ignored as EC2 ignores them. The length counts from 0 in either family.

    Raises:
        ComplianceError: `text` is neither; the message carries `place`.
    """
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ComplianceError(place, f"{text!r} is no IP address or CIDR block; write it like 10.0.0.0/16") from error
    base = V6_BASE if network.version == 6 else 0
    low = base + int(network.network_address)
    return (low, low + network.num_addresses - 1), network.prefixlen


def covered(blocks: Blocks) -> Ranges:
    """The set of addresses in the blocks."""
    return normalise(interval for interval, _ in blocks)


def ranges_of(texts: Iterable[str], place: str) -> Ranges:
    """The set of addresses that the blocks cover together."""
    return normalise(parse_cidr(text, place)[0] for text in texts)


def is_v6(position: int) -> bool:
    """Whether the position on the line is an IPv6 address."""
    return position >= V6_BASE


def address_text(position: int) -> str:
    """The address at that position, as people write it."""
    if is_v6(position):
        return str(ipaddress.IPv6Address(position - V6_BASE))
    return str(ipaddress.IPv4Address(position))


def ranges_text(ranges: Ranges, most: int = 4) -> str:
    """The set as CIDR blocks, at most `most` of them."""
    blocks: list[str] = []
    for low, high in ranges:
        for first, last in ((low, min(high, ANY_V4[1])), (max(low, V6_BASE), high)):
            if first > last:
                continue
            if first >= V6_BASE:
                summary: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network] = ipaddress.summarize_address_range(
                    ipaddress.IPv6Address(first - V6_BASE), ipaddress.IPv6Address(last - V6_BASE)
                )
            else:
                summary = ipaddress.summarize_address_range(ipaddress.IPv4Address(first), ipaddress.IPv4Address(last))
            for block in summary:
                if len(blocks) == most:
                    return ", ".join(blocks) + ", …"
                blocks.append(str(block))
    return ", ".join(blocks)


_NOT_PUBLIC = ranges_of(
    [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "224.0.0.0/3",
    ],
    "RFC 6890",
)  # fmt: skip
PUBLIC_V4: Ranges = subtract((ANY_V4,), _NOT_PUBLIC)
"""IPv4 that the internet carries (RFC 6890: without private, shared, loopback, link-local, multicast and reserved)."""
PUBLIC_V6: Ranges = ranges_of(["2000::/3"], "RFC 4291")
"""Global unicast (RFC 4291, section 2.4)."""
PUBLIC: Ranges = union(PUBLIC_V4, PUBLIC_V6)
NAT64: Interval = parse_cidr("64:ff9b::/96", "RFC 6052")[0]
"""Prefix under which a NAT gateway carries IPv4 destinations for IPv6 hosts (VPC user guide, DNS64 and NAT64)."""
