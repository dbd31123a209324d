"""Header space: sets of packets as unions of boxes over source, destination, protocol and ports.

For ICMP and ICMPv6 the destination-port axis carries `type * 256 + code` and the source-port axis carries nothing.
For protocols without ports both port axes carry nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from compliance.reason.network.addresses import (
    ANY_V4,
    ANY_V6,
    Interval,
    Ranges,
    address_text,
    intersect,
    normalise,
    ranges_text,
    subtract,
)

ANY_PORT: Interval = (0, 65535)
ANY_PROTOCOL: Interval = (0, 255)
EPHEMERAL: Interval = (1024, 65535)
"""Source ports of a client: every operating system and NAT gateway lies inside (VPC user guide, ephemeral ports)."""
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
PROTOCOL_NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}
_ECHO = {ICMP: (8, 0), ICMPV6: (128, 129)}
"""Type of the echo request and of its reply (RFC 792, RFC 4443)."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet; addresses are positions on the line of `addresses`."""

    source: int
    destination: int
    protocol: int
    source_port: int
    destination_port: int

    def as_json(self) -> dict[str, str | int]:
        """The packet as the report shows it: ports for TCP and UDP, type and code for ICMP."""
        shown: dict[str, str | int] = {
            "source": address_text(self.source),
            "destination": address_text(self.destination),
            "protocol": PROTOCOL_NAMES.get(self.protocol, str(self.protocol)),
        }
        if self.protocol in (TCP, UDP):
            shown |= {"sourcePort": self.source_port, "destinationPort": self.destination_port}
        elif self.protocol in (ICMP, ICMPV6):
            shown |= {"icmpType": self.destination_port >> 8, "icmpCode": self.destination_port & 255}
        return shown


@dataclass(frozen=True, slots=True)
class Box:
    """All packets whose fields lie in the five intervals."""

    source: Interval
    destination: Interval
    protocol: Interval = ANY_PROTOCOL
    source_port: Interval = ANY_PORT
    destination_port: Interval = ANY_PORT

    def meet(self, other: Box) -> Box | None:
        """Packets in both boxes, or None."""
        source, destination = _overlap(self.source, other.source), _overlap(self.destination, other.destination)
        if source is None or destination is None:
            return None
        protocol = _overlap(self.protocol, other.protocol)
        source_port = _overlap(self.source_port, other.source_port)
        destination_port = _overlap(self.destination_port, other.destination_port)
        if protocol is None or source_port is None or destination_port is None:
            return None
        return Box(source, destination, protocol, source_port, destination_port)

    def to(self, destination: Interval) -> Box:
        """The box with other destinations."""
        return Box(self.source, destination, self.protocol, self.source_port, self.destination_port)

    def coming(self, source: Interval) -> Box:
        """The box with other sources."""
        return Box(source, self.destination, self.protocol, self.source_port, self.destination_port)

    def sides(self) -> tuple[Interval, Interval, Interval, Interval, Interval]:
        """The five intervals in order."""
        return (self.source, self.destination, self.protocol, self.source_port, self.destination_port)

    def without(self, other: Box) -> list[Box]:
        """This box less the other, as disjoint boxes."""
        core = self.meet(other)
        if core is None:
            return [self]
        pieces: list[Box] = []
        sides = list(self.sides())
        for axis, (mine, cut) in enumerate(zip(self.sides(), core.sides(), strict=True)):
            for low, high in ((mine[0], cut[0] - 1), (cut[1] + 1, mine[1])):
                if low <= high:
                    piece = sides.copy()
                    piece[axis] = (low, high)
                    pieces.append(Box(*piece))
            sides[axis] = cut
        return pieces

    def holds(self, packet: Packet) -> bool:
        """Whether the packet is in the box."""
        fields = (packet.source, packet.destination, packet.protocol, packet.source_port, packet.destination_port)
        return all(low <= field <= high for field, (low, high) in zip(fields, self.sides(), strict=True))


@dataclass(frozen=True, slots=True)
class Space:
    """A union of boxes; it may be empty. Boxes may overlap."""

    boxes: tuple[Box, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.boxes)

    def meet(self, boxes: Iterable[Box]) -> Space:
        """Packets of this space that are in any of the boxes."""
        met = (mine.meet(other) for other in boxes for mine in self.boxes)
        return Space(tuple(dict.fromkeys(box for box in met if box is not None)))

    def without(self, boxes: Iterable[Box]) -> Space:
        """Packets of this space that are in none of the boxes."""
        left = list(self.boxes)
        for other in boxes:
            left = [piece for mine in left for piece in mine.without(other)]
        return Space(tuple(left))

    def join(self, other: Space) -> Space:
        """Packets in either space."""
        return Space(tuple(dict.fromkeys(self.boxes + other.boxes)))

    def towards(self, destinations: Ranges) -> Space:
        """Packets whose destination is in the set."""
        return Space(tuple(box.to(part) for box in self.boxes for part in intersect((box.destination,), destinations)))

    def beyond(self, destinations: Ranges) -> Space:
        """Packets whose destination is not in the set."""
        return Space(tuple(box.to(part) for box in self.boxes for part in subtract((box.destination,), destinations)))

    def coming_from(self, sources: Ranges) -> Space:
        """Packets whose source is in the set."""
        return Space(tuple(box.coming(part) for box in self.boxes for part in intersect((box.source,), sources)))

    def destinations(self) -> Ranges:
        """Every destination that occurs."""
        return normalise(box.destination for box in self.boxes)

    def sources(self) -> Ranges:
        """Every source that occurs."""
        return normalise(box.source for box in self.boxes)

    def first(self) -> Packet:
        """One packet, chosen to read well: TCP before UDP before ICMP, a known port, a client's source port."""
        box = min(self.boxes, key=_plainness)
        protocol = next((p for p in (TCP, UDP, ICMP, ICMPV6) if _within(p, box.protocol)), box.protocol[0])
        port = next((p for p in _familiar_ports(protocol) if _within(p, box.destination_port)), box.destination_port[0])
        source_port = 49152 if _within(49152, box.source_port) else box.source_port[1]
        return Packet(_host(box.source), _host(box.destination), protocol, source_port, port)

    def holds(self, packet: Packet) -> bool:
        """Whether the packet is in the space."""
        return any(box.holds(packet) for box in self.boxes)

    def text(self) -> str:
        """The space in words, shortened."""
        if not self.boxes:
            return "nothing"
        box = min(self.boxes, key=_plainness)
        more = f" and {len(self.boxes) - 1} more" if len(self.boxes) > 1 else ""
        return f"{header_text(box)} from {ranges_text((box.source,))} to {ranges_text((box.destination,))}{more}"


def header_text(box: Box) -> str:
    """Protocol and destination ports of a box in words."""
    low, high = box.protocol
    if (low, high) == ANY_PROTOCOL:
        return "any protocol"
    name = PROTOCOL_NAMES.get(low, str(low)) if low == high else f"protocols {low}-{high}"
    if box.destination_port == ANY_PORT or low != high:
        return name
    first, last = box.destination_port
    if low in _ECHO:
        return f"{name} type {first >> 8}" if first >> 8 == last >> 8 else f"{name} types {first >> 8}-{last >> 8}"
    return f"{name} {first}" if first == last else f"{name} {first}-{last}"


def every_packet(protocols: tuple[Interval, ...] = (ANY_PROTOCOL,), ports: Interval = ANY_PORT) -> Space:
    """All packets of both families with one of the protocols and a destination port in the interval."""
    return Space(
        tuple(
            Box(family, family, part, ANY_PORT, ports)
            for family, foreign in ((ANY_V4, ICMPV6), (ANY_V6, ICMP))
            for protocol in protocols
            for part in _without_value(protocol, foreign)
        )
    )


def with_client_ports(space: Space) -> Space:
    """The space with TCP and UDP narrowed to the source ports that a client uses."""
    narrowed: list[Box] = []
    for box in space.boxes:
        low, high = box.protocol
        position = low
        for number in (TCP, UDP):
            if not _within(number, (position, high)):
                continue
            if position < number:
                narrowed.append(replace(box, protocol=(position, number - 1)))
            cut = (max(box.source_port[0], EPHEMERAL[0]), min(box.source_port[1], EPHEMERAL[1]))
            if cut[0] <= cut[1]:
                narrowed.append(replace(box, protocol=(number, number), source_port=cut))
            position = number + 1
        if position <= high:
            narrowed.append(replace(box, protocol=(position, high)))
    return Space(tuple(narrowed))


def answers(space: Space) -> Space:
    """The replies to the packets of the space: ends and ports exchanged, echo request and echo reply exchanged.

    Other ICMP messages keep their type. The function is its own inverse.
    """
    return Space(tuple(reply for box in space.boxes for reply in _turned(box)))


def _turned(box: Box) -> list[Box]:
    pieces: list[Box] = []
    turned = Box(box.destination, box.source, box.protocol, box.destination_port, box.source_port)
    position, high = box.protocol
    for number in _ECHO:
        if not _within(number, (position, high)):
            continue
        if position < number:
            pieces.append(replace(turned, protocol=(position, number - 1)))
        message = replace(turned, protocol=(number, number), source_port=box.source_port)
        pieces += [replace(message, destination_port=types) for types in _turned_types(number, box.destination_port)]
        position = number + 1
    if position <= high:
        pieces.append(replace(turned, protocol=(position, high)))
    return pieces


def _turned_types(protocol: int, types: Interval) -> list[Interval]:
    """The interval of ICMP types and codes with echo request and reply exchanged."""
    ends = [(kind << 8, (kind << 8) + 255) for kind in _ECHO[protocol]]
    kept = subtract((types,), normalise(ends))
    moved = [
        (met[0] - near[0] + far[0], met[1] - near[0] + far[0])
        for near, far in (ends, ends[::-1])
        if (met := _overlap(types, near)) is not None
    ]
    return [*kept, *moved]


def _overlap(left: Interval, right: Interval) -> Interval | None:
    low, high = max(left[0], right[0]), min(left[1], right[1])
    return (low, high) if low <= high else None


def _within(value: int, interval: Interval) -> bool:
    return interval[0] <= value <= interval[1]


def _without_value(interval: Interval, value: int) -> list[Interval]:
    parts = [(interval[0], min(interval[1], value - 1)), (max(interval[0], value + 1), interval[1])]
    return [part for part in parts if part[0] <= part[1]]


def _plainness(box: Box) -> tuple[int, int, int]:
    preferred = next((rank for rank, p in enumerate((TCP, UDP, ICMP, ICMPV6)) if _within(p, box.protocol)), 9)
    return (preferred, box.source[0], box.destination[0])


def _familiar_ports(protocol: int) -> tuple[int, ...]:
    if protocol in _ECHO:
        return (_ECHO[protocol][0] << 8,)
    return (443, 22, 80)


def _host(interval: Interval) -> int:
    # the first five addresses of a subnet belong to AWS, so a wide interval gives its eleventh address
    return interval[0] + 10 if interval[1] - interval[0] >= 15 else interval[0]


NOTHING = Space()
"""No packet."""
