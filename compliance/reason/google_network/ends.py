"""What an end of a question stands for: hosts that are there, hosts that could be placed there, or the internet."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace

from compliance.reason.google_network.model import Block, Fabric, Host, Subnet
from compliance.reason.google_network.ranges import is_public


@dataclass(frozen=True, slots=True)
class End:
    """Hosts, or the internet, or both (a block of addresses of which some are theirs).

    Attributes:
        internet: whether addresses beyond the facts belong to it; `blocks` say which, every public one if empty.
        known: False if no fact describes what the text names.
        whole: whether it is a whole network or project, so that its load balancers are part of it.
    """

    text: str
    hosts: tuple[Host, ...] = ()
    internet: bool = False
    blocks: tuple[Block, ...] = ()
    known: bool = True
    projects: frozenset[str] = frozenset()
    whole: bool = False


def resolve(fabric: Fabric, text: str, *, possible: bool = False) -> End:
    """The end that a text names."""
    if text == "internet":
        return End(text, internet=True)
    name = text.partition("compute.googleapis.com/")[2] or text.rpartition("/compute/v1/")[2] or text
    block = _block(name)
    if block is not None:
        if block.prefixlen == 0:
            return End(text, internet=True, blocks=(block,))
        return _of_block(fabric, text, block)
    for wanted in _spellings(fabric, name):
        hosts = [h for h in fabric.hosts if wanted in (h.network, h.subnet, h.project, h.id.partition("#")[0], h.id)]
        subnets = [s for s in fabric.subnets.values() if wanted in (s.id, s.network, s.project)]
        inhabited = {host.network for host in fabric.hosts}
        empty = [subnet for subnet in subnets if possible or subnet.network not in inhabited]
        found = (*hosts, *(possible_host(subnet) for subnet in empty))
        if found or wanted in fabric.networks or subnets:
            projects = frozenset(h.project for h in found) | frozenset(s.project for s in subnets)
            projects |= {wanted} if wanted in fabric.networks.values() else set()
            return End(text, tuple(found), projects=projects, whole=not _is_part(fabric, wanted))
    named = {f"projects/{n.removeprefix('projects/')}" for n in (name, *_spellings(fabric, name))}
    return End(text, known=bool(named & (set(fabric.aliases) | set(fabric.aliases.values()))))


def _is_part(fabric: Fabric, wanted: str) -> bool:
    return wanted in fabric.subnets or any(wanted in (h.id, h.id.partition("#")[0]) for h in fabric.hosts)


def _block(text: str) -> Block | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _of_block(fabric: Fabric, text: str, block: Block) -> End:
    inhabited = {host.network for host in fabric.hosts}
    empty = (possible_host(subnet) for subnet in fabric.subnets.values() if subnet.network not in inhabited)
    found = [part for host in (*fabric.hosts, *empty) if (part := _within(host, block))]
    internet = is_public(block)
    projects = frozenset(host.project for host in found)
    return End(text, tuple(found), internet, (block,) if internet else (), bool(found) or internet, projects)


def _within(host: Host, block: Block) -> Host | None:
    """The host with only its addresses in the block; one that a public address in it leads to keeps them all."""

    def inside(address: str) -> bool:
        number = ipaddress.ip_address(address)
        return number.version == block.version and number in block

    addresses = tuple(filter(inside, host.addresses))
    ranges = tuple(met for own in host.blocks if (met := _overlap(own, block)))
    if addresses or ranges:
        return replace(host, addresses=addresses, blocks=ranges)
    return host if any(map(inside, host.external)) else None


def _overlap(left: Block, right: Block) -> Block | None:
    if left.version != right.version or not left.overlaps(right):
        return None
    return left if left.prefixlen >= right.prefixlen else right


def _spellings(fabric: Fabric, name: str) -> Iterator[str]:
    """The name, and for a project or a bare name the ways in which facts write it."""
    yield name
    bare = name.removeprefix("projects/")
    yield f"projects/{bare}"
    yield from (alias for alias, number in fabric.aliases.items() if number in (name, f"projects/{bare}"))
    yield from (network for network in fabric.networks if network.rsplit("/", 1)[1] == name)
    instances = dict.fromkeys(host.id.partition("#")[0] for host in fabric.hosts)
    yield from (instance for instance in instances if instance.rsplit("/", 1)[1] == name)


def possible_host(subnet: Subnet) -> Host:
    """Any machine that could be placed in a subnet, at any of its addresses."""
    return Host(
        f"{subnet.id}#any", subnet.project, subnet.network, subnet.id, (), possible=True, blocks=subnet.blocks,
        region=subnet.region,
    )  # fmt: skip
