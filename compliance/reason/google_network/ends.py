"""What an end of a question stands for: hosts that are there, hosts that could be placed there, or the internet."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from compliance.reason.google_network.model import Block, Fabric, Host, Subnet

_MOST: Final = 40


@dataclass(frozen=True, slots=True)
class End:
    """Hosts, or the internet; `known` is False if no fact describes what the text names."""

    text: str
    hosts: tuple[Host, ...] = ()
    internet: bool = False
    known: bool = True
    projects: frozenset[str] = frozenset()


def resolve(fabric: Fabric, text: str, *, possible: bool = False) -> End:
    """The end that a text names."""
    if text in ("internet", "0.0.0.0/0", "::/0"):
        return End(text, internet=True)
    name = text.partition("compute.googleapis.com/")[2] or text.rpartition("/compute/v1/")[2] or text
    block = _block(name)
    if block is not None:
        return _of_block(fabric, text, block)
    for wanted in _spellings(fabric, name):
        hosts = [h for h in fabric.hosts if wanted in (h.network, h.subnet, h.project, h.id.partition("#")[0], h.id)]
        subnets = [s for s in fabric.subnets.values() if wanted in (s.id, s.network, s.project)]
        inhabited = {host.network for host in fabric.hosts}
        empty = [subnet for subnet in subnets if possible or subnet.network not in inhabited]
        found = (*_classes(fabric, hosts), *(possible_host(fabric, subnet) for subnet in empty))
        if found or wanted in fabric.networks or subnets:
            projects = frozenset(h.project for h in found) | frozenset(s.project for s in subnets)
            return End(text, tuple(found), projects=projects)
    named = {f"projects/{n.removeprefix('projects/')}" for n in (name, *_spellings(fabric, name))}
    return End(text, known=bool(named & (set(fabric.aliases) | set(fabric.aliases.values()))))


def _block(text: str) -> Block | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _of_block(fabric: Fabric, text: str, block: Block) -> End:
    def inside(address: str) -> bool:
        number = ipaddress.ip_address(address)
        return number.version == block.version and number in block

    hosts = [h for h in fabric.hosts if any(map(inside, (*h.addresses, *h.external)))]
    found = [replace(h, addresses=tuple(filter(inside, h.addresses)) or h.addresses) for h in hosts]
    inhabited = {host.network for host in fabric.hosts}
    for subnet in fabric.subnets.values():
        touched = any(b.version == block.version and b.overlaps(block) for b in subnet.blocks)
        if touched and subnet.network not in inhabited:
            host = possible_host(fabric, subnet)
            within = tuple(filter(inside, host.addresses)) or (str(block.network_address),)
            found.append(replace(host, addresses=within))
    return End(text, tuple(found), internet=not found and block.is_global, known=bool(found) or block.is_global)


def _spellings(fabric: Fabric, name: str) -> Iterator[str]:
    """The name, and for a project or a bare name the ways in which facts write it."""
    yield name
    bare = name.removeprefix("projects/")
    yield f"projects/{bare}"
    yield from (alias for alias, number in fabric.aliases.items() if number in (name, f"projects/{bare}"))
    yield from (network for network in fabric.networks if network.rsplit("/", 1)[1] == name)
    instances = dict.fromkeys(host.id.partition("#")[0] for host in fabric.hosts)
    yield from (instance for instance in instances if instance.rsplit("/", 1)[1] == name)


def possible_host(fabric: Fabric, subnet: Subnet) -> Host:
    """Any machine that could be placed in a subnet, at the addresses that rules and routes tell apart."""
    addresses: list[str] = []
    for own in subnet.blocks:
        first = int(own.network_address) + (2 if own.num_addresses > 4 else 0)
        numbers = {first}
        for other in cuts(fabric):
            if other.version == own.version and other.overlaps(own):
                numbers |= {int(other.network_address), int(other.broadcast_address) + 1}
        low, high = int(own.network_address), int(own.broadcast_address)
        kind = ipaddress.IPv4Address if own.version == 4 else ipaddress.IPv6Address
        addresses += [str(kind(n)) for n in sorted(numbers) if low <= n <= high]
    return Host(f"{subnet.id}#any", subnet.project, subnet.network, subnet.id, tuple(addresses[:_MOST]), possible=True)


def cuts(fabric: Fabric) -> list[Block]:
    """Every block that a rule or route names."""
    rules = [rule for levels in fabric.levels.values() for level in levels for rule in level]
    found = [block for rule in rules for block in (*(rule.sources or ()), *(rule.destinations or ()))]
    found += [route.block for routes in fabric.routes.values() for route in routes]
    return list(dict.fromkeys(found))


def _classes(fabric: Fabric, hosts: list[Host]) -> list[Host]:
    """One host of each class that rules and routes treat alike."""
    blocks = cuts(fabric)
    found: dict[tuple[object, ...], Host] = {}
    for host in hosts:
        where = tuple(
            tuple(number.version == b.version and number in b for b in blocks)
            for number in map(ipaddress.ip_address, (*host.addresses, *host.external))
        )
        named = (host.tags, host.accounts, host.secure_tags)
        key = (host.project, host.network, host.subnet, *named, where, len(host.external))
        found.setdefault(key, host)
        if host.external:
            found[(host.id,)] = host
    return list(dict.fromkeys(found.values()))
