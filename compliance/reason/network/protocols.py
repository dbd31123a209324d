"""Protocol and port fields of AWS rules, and of the command line, as intervals of the header space."""

from __future__ import annotations

import re
from dataclasses import dataclass

from compliance.errors import ComplianceError
from compliance.reason.network.addresses import Interval
from compliance.reason.network.space import ANY_PORT, ANY_PROTOCOL, ICMP, ICMPV6, TCP, UDP

_NUMBERS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "icmpv6": ICMPV6, "ipv6-icmp": ICMPV6}


@dataclass(frozen=True, slots=True)
class Header:
    """Which packets are asked about: any of the `protocols`, with destination `ports` as in `space`."""

    protocols: tuple[Interval, ...] = (ANY_PROTOCOL,)
    ports: Interval = ANY_PORT


def protocol_interval(text: str | None, place: str) -> Interval:
    """The protocol of a rule: a name, an IANA number, or `-1` (also `all`, `any`, or absent) for every protocol.

    Raises:
        ComplianceError: anything else.
    """
    if text is None or text.lower() in ("-1", "all", "any"):
        return ANY_PROTOCOL
    number = _NUMBERS.get(text.lower())
    if number is None and text.isascii() and text.isdigit():
        number = int(text)
    if number is None or not 0 <= number <= 255:
        raise ComplianceError(place, f"{text!r} is no protocol; use tcp, udp, icmp, icmpv6, a number 0-255 or -1")
    return (number, number)


def port_interval(protocol: Interval, first: int | None, last: int | None, place: str) -> Interval:
    """The port axis for `FromPort`/`ToPort`, which for ICMP are type and code, -1 for every one.

    Protocols without ports take every value whatever the fields say, as EC2 does.

    Raises:
        ComplianceError: a number out of range, or a range that ends before it begins.
    """
    if protocol in ((ICMP, ICMP), (ICMPV6, ICMPV6)):
        return _icmp_interval(first, last, place)
    if protocol not in ((TCP, TCP), (UDP, UDP)) or first in (None, -1):
        return ANY_PORT
    assert first is not None
    end = first if last is None else last
    if not 0 <= first <= end <= 65535:
        raise ComplianceError(place, f"{first}-{end} is no range of ports; both lie in 0-65535, the lower first")
    return (first, end)


def header_of(protocol: str, port: str | None) -> Header:
    """The packets that `--protocol` and `--port` (N or N-M) ask about; a port without a protocol means TCP and UDP.

    Raises:
        ComplianceError: no such protocol or port, or a port for a protocol that has none.
    """
    interval = protocol_interval(protocol, "--protocol")
    if port is None:
        return Header((interval,))
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", port.strip(), re.ASCII)
    if match is None:
        raise ComplianceError("--port", f"{port!r} is no port; write N or N-M")
    first, last = int(match[1]), int(match[2] or match[1])
    if interval in ((ICMP, ICMP), (ICMPV6, ICMPV6)):
        if not first <= last <= 255:
            raise ComplianceError("--port", f"{port!r} is no range of ICMP types, which lie in 0-255")
        return Header((interval,), (first << 8, (last << 8) + 255))
    if interval == ANY_PROTOCOL:
        return Header(((TCP, TCP), (UDP, UDP)), port_interval((TCP, TCP), first, last, "--port"))
    if interval not in ((TCP, TCP), (UDP, UDP)):
        raise ComplianceError("--port", f"protocol {protocol} has no ports; leave --port away or use tcp or udp")
    return Header((interval,), port_interval(interval, first, last, "--port"))


def _icmp_interval(kind: int | None, code: int | None, place: str) -> Interval:
    if kind is None or kind == -1:
        return ANY_PORT
    if not 0 <= kind <= 255 or not -1 <= (-1 if code is None else code) <= 255:
        raise ComplianceError(place, f"ICMP type {kind} and code {code} are not in 0-255 (or -1 for every one)")
    if code is None or code == -1:
        return (kind << 8, (kind << 8) + 255)
    return ((kind << 8) + code, (kind << 8) + code)
