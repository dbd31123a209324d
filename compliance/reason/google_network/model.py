"""Networks, hosts, rules and routes of Google Cloud as the search sees them. No logic.

Names of networks and subnets are those behind `compute/v1/` in links: `projects/p/global/networks/n`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

Block = IPv4Network | IPv6Network
Action = Literal["allow", "deny", "goto_next"]


@dataclass(frozen=True, slots=True)
class Host:
    """An interface of a machine, or (`possible`) any machine that could be placed in a subnet.

    Attributes:
        addresses: internal addresses; for a possible host those that tell rules and routes apart.
        external: public addresses that lead to it, if any.
    """

    id: str
    project: str
    network: str
    subnet: str
    addresses: tuple[str, ...]
    external: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    secure_tags: frozenset[str] | None = frozenset()
    possible: bool = False


@dataclass(frozen=True, slots=True)
class Layer4:
    """A protocol number (None: every one) with destination ports (None: every one)."""

    protocol: int | None
    ports: tuple[tuple[int, int], ...] | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a VPC firewall or of a firewall policy.

    Attributes:
        sources, destinations: blocks; None if the rule does not ask.
        unread: whether it asks for something that is not modelled (regions, names, threat lists, address groups).
        targets: network tags, service accounts and secure tags of the machines it is for; None: all.
        networks: networks that it is for (`targetResources`); None: all.
    """

    id: str
    kind: str
    priority: int
    egress: bool
    action: Action
    layers: tuple[Layer4, ...]
    sources: tuple[Block, ...] | None = None
    destinations: tuple[Block, ...] | None = None
    source_names: frozenset[str] = frozenset()
    targets: frozenset[str] | None = None
    networks: frozenset[str] | None = None
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A static route; `hop` is `internet`, `appliance` or `outside` (VPN, interconnect, hub)."""

    id: str
    network: str
    block: Block
    priority: int
    hop: str
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Peering:
    """One side of an active peering."""

    here: str
    there: str
    imports: bool
    exports: bool


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet with all of its blocks."""

    id: str
    project: str
    network: str
    region: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Private Service Connect endpoint: what is sent to it arrives in the network behind the attachment."""

    id: str
    project: str
    network: str
    address: str
    attachment: str
    accepted: bool


@dataclass(frozen=True)
class Fabric:
    """Everything that was described.

    Attributes:
        levels: firewall policies by network in the order in which they are asked, each a list of rules; the VPC
            firewall rules are among them.
        nat: networks (and regions) from which Cloud NAT leads to the internet.
        attachments: network behind each service attachment.
        balanced: networks with an external load balancer, whose backends are not followed.
        aliases: `projects/<number>` for `projects/<id>`.
    """

    networks: Mapping[str, str]
    subnets: Mapping[str, Subnet]
    hosts: tuple[Host, ...]
    levels: Mapping[str, tuple[tuple[Rule, ...], ...]]
    routes: Mapping[str, tuple[Route, ...]]
    peerings: Mapping[str, tuple[Peering, ...]]
    nat: frozenset[str] = frozenset()
    endpoints: tuple[Endpoint, ...] = ()
    attachments: Mapping[str, str] = field(default_factory=dict)
    balanced: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
