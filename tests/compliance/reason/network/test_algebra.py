"""Intervals, address sets and packet spaces against plain enumeration over a tiny universe."""

from __future__ import annotations

from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from compliance.reason.network.addresses import (
    V6_BASE,
    address_text,
    intersect,
    normalise,
    parse_cidr,
    ranges_of,
    ranges_text,
    subtract,
    union,
)
from compliance.reason.network.space import (
    ICMP,
    TCP,
    UDP,
    Box,
    Packet,
    Space,
    answers,
    every_packet,
    with_client_ports,
)

SIZE = 6
interval = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda ends: (min(ends), max(ends)))
ranges = st.lists(interval, max_size=4).map(normalise)


def members(drawn: tuple[tuple[int, int], ...]) -> set[int]:
    return {value for low, high in drawn for value in range(low, high + 1)}


@given(ranges, ranges)
def test_sets_of_addresses(left: tuple[tuple[int, int], ...], right: tuple[tuple[int, int], ...]) -> None:
    assert members(intersect(left, right)) == members(left) & members(right)
    assert members(subtract(left, right)) == members(left) - members(right)
    assert members(union(left, right)) == members(left) | members(right)


@given(st.lists(interval, max_size=5))
def test_normal_form_is_sorted_disjoint_and_apart(drawn: list[tuple[int, int]]) -> None:
    normal = normalise(drawn)
    assert members(normal) == members(tuple(drawn))
    assert all(a[1] + 1 < b[0] for a, b in pairwise(normal))


small = st.tuples(st.integers(0, 2), st.integers(0, 2)).map(lambda ends: (min(ends), max(ends)))
boxes = st.builds(Box, small, small, small, small, small)
spaces = st.lists(boxes, max_size=3).map(lambda drawn: Space(tuple(drawn)))
UNIVERSE = [Packet(*fields) for fields in product(range(3), repeat=5)]


def packets(space: Space) -> set[Packet]:
    return {packet for packet in UNIVERSE if space.holds(packet)}


@given(spaces, spaces)
def test_spaces_of_packets(left: Space, right: Space) -> None:
    assert packets(left.meet(right.boxes)) == packets(left) & packets(right)
    assert packets(left.without(right.boxes)) == packets(left) - packets(right)
    assert packets(left.join(right)) == packets(left) | packets(right)


@given(spaces, st.lists(small, max_size=2).map(normalise))
def test_splitting_by_destination_and_source(space: Space, chosen: tuple[tuple[int, int], ...]) -> None:
    inside = {packet for packet in packets(space) if packet.destination in members(chosen)}
    assert packets(space.towards(chosen)) == inside
    assert packets(space.beyond(chosen)) == packets(space) - inside
    assert packets(space.coming_from(chosen)) == {p for p in packets(space) if p.source in members(chosen)}


@given(spaces.filter(bool))
def test_the_chosen_packet_is_in_the_space(space: Space) -> None:
    assert space.holds(space.first())


protocol = st.sampled_from([ICMP, TCP, UDP, 50])
wide = st.tuples(st.integers(0, 3000), st.integers(0, 3000)).map(lambda ends: (min(ends), max(ends)))


@given(
    st.builds(Box, small, small, st.sampled_from([(0, 255), (0, 5), (1, 6), (6, 17), (1, 1), (17, 58)]), wide, wide),
    st.builds(Packet, st.integers(0, 2), st.integers(0, 2), protocol, st.integers(0, 3000), st.integers(0, 3000)),
)
def test_the_reply_to_a_packet_is_in_the_replies_to_its_space(box: Box, packet: Packet) -> None:
    space = Space((box,))
    assert answers(Space((one(packet),))).boxes == (one(reply_to(packet)),)
    assert answers(space).holds(reply_to(packet)) == space.holds(packet)
    assert answers(answers(space)).holds(packet) == space.holds(packet)


def one(packet: Packet) -> Box:
    fields = (packet.source, packet.destination, packet.protocol, packet.source_port, packet.destination_port)
    return Box(*((field, field) for field in fields))


def reply_to(packet: Packet) -> Packet:
    if packet.protocol == ICMP:
        kind, code = divmod(packet.destination_port, 256)
        kind = {8: 0, 0: 8}.get(kind, kind)
        return Packet(packet.destination, packet.source, ICMP, packet.source_port, kind * 256 + code)
    return Packet(packet.destination, packet.source, packet.protocol, packet.destination_port, packet.source_port)


def test_client_ports_narrow_only_tcp_and_udp() -> None:
    space = with_client_ports(every_packet())
    for number, expected in ((TCP, False), (UDP, False), (ICMP, True), (50, True)):
        assert space.holds(Packet(1, 2, number, 80, 443)) == expected
        assert space.holds(Packet(1, 2, number, 50000, 443))


def test_families_do_not_mix() -> None:
    space = every_packet()
    assert not space.holds(Packet(1, V6_BASE + 1, TCP, 50000, 443))
    assert not space.holds(Packet(1, 2, 58, 0, 0))
    assert not space.holds(Packet(V6_BASE + 1, V6_BASE + 2, ICMP, 0, 0))


@given(st.ip_addresses())
def test_addresses_are_written_as_they_were_read(address: object) -> None:
    (low, high), _ = parse_cidr(str(address), "here")
    assert low == high
    assert address_text(low) == str(address)


def test_sets_are_shown_as_blocks() -> None:
    assert ranges_text(ranges_of(["10.0.0.0/9", "10.128.0.0/9", "::1"], "here")) == "10.0.0.0/8, ::1/128"
    assert ranges_text(ranges_of([f"10.0.{n}.0/24" for n in range(1, 20, 2)], "here")).endswith("…")
