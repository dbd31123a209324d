"""Addresses that rules and routes tell apart: one of each range within which every packet fares alike."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

from compliance.reason.google_network.model import Block, Fabric, Host, Rule

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

GOOGLE_APIS: Final[tuple[Block, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in ("199.36.153.4/30", "199.36.153.8/30", "34.126.0.0/18", "2600:2d00:2:2000::/64")
)  # fmt: skip
"""Addresses of Google's own services: reached through the internet gateway's route without leaving Google."""
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "224.0.0.0/3",
    )
)  # fmt: skip
"""IPv4 that the internet does not carry (RFC 6890: private, shared, loopback, link-local, multicast, reserved)."""
_USUAL: Final = ("198.51.100.7", "2001:4860:4860::8888")


@lru_cache(maxsize=65536)
def number(address: str) -> Address:
    """The address as a number with its family."""
    return ipaddress.ip_address(address)


def is_public(block: Block) -> bool:
    """Whether some address of the block is one that the internet carries."""
    if isinstance(block, ipaddress.IPv6Network):
        return block.overlaps(_PUBLIC_V6)
    return not any(block.subnet_of(private) for private in _NOT_PUBLIC)


def only_google(blocks: tuple[Block, ...]) -> bool:
    """Whether blocks hold nothing but addresses of Google's own services."""

    def within(block: Block, own: Block) -> bool:
        return block.version == own.version and block.network_address in own and block.broadcast_address in own

    return bool(blocks) and all(any(within(block, own) for own in GOOGLE_APIS) for block in blocks)


def _is_public(address: Address) -> bool:
    return is_public(ipaddress.ip_network(address))


def rules_of(fabric: Fabric, networks: Iterable[str]) -> Iterator[Rule]:
    """Every rule that these networks ask."""
    for network in networks:
        for level in fabric.levels.get(network, ()):
            yield from level


def cuts(fabric: Fabric, networks: Iterable[str]) -> tuple[Block, ...]:
    """Every block that a rule, a route or a hub of the networks names, and those that all packets are told apart by."""
    networks = tuple(networks)
    found: dict[Block, None] = dict.fromkeys((*GOOGLE_APIS, *_NOT_PUBLIC, _PUBLIC_V6))
    for rule in rules_of(fabric, networks):
        found |= dict.fromkeys((*(rule.source.blocks or ()), *(rule.destination.blocks or ())))
    near = {*networks, *(p.there for network in networks for p in fabric.peerings.get(network, ()))}
    found |= dict.fromkeys(route.block for network in near for route in fabric.routes.get(network, ()))
    for network in networks:
        for spoke in fabric.spokes.get(network, ()):
            found |= dict.fromkeys((*(spoke.include or ()), *spoke.exclude))
    return tuple(found)


def _starts(block: Block, marks: tuple[Block, ...]) -> Iterator[Address]:
    """Where ranges begin inside a block; its first usable address for the first of them."""
    low, high = int(block.network_address), int(block.broadcast_address)
    numbers = {low + (2 if block.num_addresses > 4 else 0)}
    for mark in marks:
        if mark.version == block.version:
            numbers |= {int(mark.network_address), int(mark.broadcast_address) + 1}
    kind = ipaddress.IPv4Address if block.version == 4 else ipaddress.IPv6Address
    yield from (kind(each) for each in sorted(numbers) if low <= each <= high)


def _distinct(addresses: Iterable[Address], marks: tuple[Block, ...]) -> tuple[str, ...]:
    """One address of each class that the marks cannot tell apart."""
    found: dict[tuple[object, ...], str] = {}
    for address in addresses:
        sign = (address.version, *(address.version == mark.version and address in mark for mark in marks))
        found.setdefault(sign, str(address))
    return tuple(found.values())


def spread(host: Host, marks: tuple[Block, ...]) -> Host:
    """The host with an address out of each range of its blocks besides its own."""
    if not host.blocks:
        return host
    more = _distinct((each for block in host.blocks for each in _starts(block, marks)), marks)
    addresses = tuple(dict.fromkeys((*host.addresses, *more)))
    if not host.possible:
        return replace(host, addresses=addresses)
    wide = tuple(each for each in addresses if number(each).version == 6 and _is_public(number(each)))
    return replace(host, addresses=addresses, external=wide)


def public_addresses(blocks: tuple[Block, ...], marks: tuple[Block, ...]) -> tuple[str, ...]:
    """Public addresses that the marks tell apart, in the blocks if any are given."""
    if blocks:
        starts: list[Address] = [each for block in blocks for each in _starts(block, marks)]
    else:
        starts = [number(text) for text in _USUAL]
        starts += [each for text in ("0.0.0.0/0", "::/0") for each in _starts(ipaddress.ip_network(text), marks)]
    return _distinct(filter(_is_public, starts), marks)


def classes(hosts: Iterable[Host], marks: tuple[Block, ...]) -> tuple[Host, ...]:
    """One host of each class that rules and routes treat alike; those with public addresses each for itself."""
    found: dict[tuple[object, ...], Host] = {}
    for host in hosts:
        where = tuple(
            tuple(own.version == mark.version and own in mark for mark in marks) for own in map(number, host.addresses)
        )
        named = (host.tags, host.accounts, host.secure_tags, host.possible)
        key = (host.project, host.network, host.subnet, host.region, *named, where)
        found.setdefault((host.id,) if host.external else key, host)
    return tuple(found.values())
