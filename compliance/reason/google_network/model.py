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
        addresses: addresses inside the network, an external IPv6 address among them.
        external: public addresses that lead to it, if any.
        blocks: ranges of further addresses: alias ranges, or where a possible host could be placed.
        region: of its subnet; empty if that is not told.
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
    blocks: tuple[Block, ...] = ()
    region: str = ""


@dataclass(frozen=True, slots=True)
class Layer4:
    """A protocol number (None: every one) with destination ports (None: every one)."""

    protocol: int | None
    ports: tuple[tuple[int, int], ...] | None


@dataclass(frozen=True, slots=True)
class Peer:
    """What a rule asks of the other end; the parts are alternatives, save `scope`, which must hold as well.

    Attributes:
        blocks: addresses; None if the rule does not ask.
        names: network tags and service accounts of machines in the same network.
        secure_tags: of machines in the same network or one joined with it.
        scope: INTERNET, NON_INTERNET, INTRA_VPC or VPC_NETWORKS; empty: anything.
        networks: those of VPC_NETWORKS.
        unread: whether it asks for something that is not modelled (regions, names, threat lists, address groups).
    """

    blocks: tuple[Block, ...] | None = None
    names: frozenset[str] = frozenset()
    secure_tags: frozenset[str] = frozenset()
    scope: str = ""
    networks: frozenset[str] = frozenset()
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a VPC firewall or of a firewall policy.

    Attributes:
        source, destination: what it asks of either end; only one of them names machines.
        targets: network tags, service accounts and secure tags of the machines it is for; None: all.
        networks: networks that it is for (`targetResources`); None: all.
        region: of a regional policy, which is for machines of that region only.
    """

    id: str
    kind: str
    priority: int
    egress: bool
    action: Action
    layers: tuple[Layer4, ...]
    source: Peer = Peer()
    destination: Peer = Peer()
    targets: frozenset[str] | None = None
    networks: frozenset[str] | None = None
    region: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A static route; `hop` is `internet`, `appliance` or `outside` (VPN, interconnect, hub, or not told)."""

    id: str
    network: str
    block: Block
    priority: int
    hop: str
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Peering:
    """One side of an active peering.

    Attributes:
        imports, exports: of custom routes.
        imports_public, exports_public: of subnet routes with public addresses used privately.
        dual: whether IPv6 routes are exchanged too.
    """

    here: str
    there: str
    imports: bool
    exports: bool
    imports_public: bool = False
    exports_public: bool = True
    dual: bool = False


@dataclass(frozen=True, slots=True)
class Spoke:
    """A network on a hub of Network Connectivity Center.

    Attributes:
        group: of a star: `center` or `edge`.
        include, exclude: which of its subnet ranges the hub learns; `include` None: all.
    """

    network: str
    hub: str
    group: str
    include: tuple[Block, ...] | None
    exclude: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Nat:
    """A public Cloud NAT gateway; `subnets` None: every subnet of the region; `addresses` None: not known."""

    network: str
    region: str
    subnets: frozenset[str] | None
    addresses: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet with all of its blocks; `private_access` says that it has Private Google Access."""

    id: str
    project: str
    network: str
    region: str
    blocks: tuple[Block, ...]
    private_access: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Private Service Connect endpoint: what is sent to it arrives in the network behind the attachment."""

    id: str
    project: str
    network: str
    address: str
    attachment: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A fact that is missing.

    Attributes:
        project: whose it would be; empty if that is not known, and then everybody's.
        hybrid: a way out to networks that no facts describe: matters where both ends have one.
        filters: whether what is missing could also stop packets.
    """

    text: str
    project: str
    hybrid: bool = False
    filters: bool = False


@dataclass(frozen=True)
class Fabric:
    """Everything that was described.

    Attributes:
        networks: project by described network.
        levels: firewall policies by network in the order in which they are asked, each a list of rules; the VPC
            firewall rules are among them. Networks that only hosts and rules name have them too.
        attachments: network behind each service attachment.
        balanced: addresses of external load balancers by project; their backends are not followed.
        topologies: of hubs, where described: MESH, STAR, …
        aliases: `projects/<number>` for `projects/<id>`.
    """

    networks: Mapping[str, str]
    subnets: Mapping[str, Subnet]
    hosts: tuple[Host, ...]
    levels: Mapping[str, tuple[tuple[Rule, ...], ...]]
    routes: Mapping[str, tuple[Route, ...]]
    peerings: Mapping[str, tuple[Peering, ...]]
    spokes: Mapping[str, tuple[Spoke, ...]] = field(default_factory=dict)
    topologies: Mapping[str, str] = field(default_factory=dict)
    nats: tuple[Nat, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    attachments: Mapping[str, str] = field(default_factory=dict)
    balanced: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[Gap, ...] = ()
