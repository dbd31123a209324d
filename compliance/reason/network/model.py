"""What a network is made of: one frozen dataclass for each EC2 object, with the fields that decide where packets go."""

from __future__ import annotations

from dataclasses import dataclass

from compliance.reason.network.addresses import Blocks, Interval, Ranges, covered


@dataclass(frozen=True, slots=True)
class Vpc:
    """A VPC; `blocks` are its associated IPv4 and IPv6 CIDR blocks, one interval each with its prefix length."""

    id: str
    owner: str | None
    region: str | None
    blocks: Blocks


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet. `callers` are the accounts whose calls showed it: more than the owner when it is shared by RAM."""

    id: str
    vpc: str
    owner: str | None
    zone: str | None
    zone_id: str | None
    blocks: Blocks
    callers: frozenset[str] = frozenset()

    @property
    def addresses(self) -> Ranges:
        """Every address of the subnet."""
        return covered(self.blocks)


@dataclass(frozen=True, slots=True)
class Route:
    """One entry of a VPC route table.

    `blocks` hold the destination, None while the prefix list behind it is unknown. `kind` is local, internet,
    egress-only, carrier, vpn, nat, transit, peering, interface, instance, endpoint or other; `target` its id.
    """

    destination: str
    blocks: Blocks | None
    kind: str
    target: str
    active: bool
    propagated: bool
    by_list: bool


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A route table with the subnets and gateways that it is associated with."""

    id: str
    vpc: str
    main: bool
    subnets: tuple[str, ...]
    gateways: tuple[str, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class GroupReference:
    """The other end of a rule when it is a security group."""

    group: str
    vpc: str | None
    peering: str | None
    status: str | None


@dataclass(frozen=True, slots=True)
class GroupRule:
    """One permission of a security group for one peer: addresses, a prefix list or a group. `ports` as in `space`."""

    protocol: Interval
    ports: Interval
    peer: str
    addresses: Ranges = ()
    prefix_list: str | None = None
    reference: GroupReference | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A security group: what its members may receive and send.

    `unlisted` holds "ingress" or "egress" where the facts do not list those rules at all, as opposed to listing none.
    """

    id: str
    vpc: str | None
    owner: str | None
    region: str | None
    ingress: frozenset[GroupRule]
    egress: frozenset[GroupRule]
    unlisted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AclRule:
    """One numbered rule of a network ACL. `ports` as in `space`."""

    number: int
    allow: bool
    egress: bool
    protocol: Interval
    ports: Interval
    addresses: Ranges
    text: str


@dataclass(frozen=True, slots=True)
class NetworkAcl:
    """A network ACL; rules in ascending order of their numbers."""

    id: str
    vpc: str
    default: bool
    subnets: tuple[str, ...]
    rules: tuple[AclRule, ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """Something with addresses in a subnet: a network interface, or a host that might be placed there.

    `public` pairs an interval of private addresses with the public addresses that an internet gateway gives them.
    `possible` marks a host that does not exist yet; it may hold any address of the subnet, any security group of the
    VPC and a public address.
    """

    id: str
    vpc: str
    subnet: str
    owner: str | None
    kind: str
    addresses: Ranges
    groups: tuple[str, ...] = ()
    public: tuple[tuple[Ranges, Ranges], ...] = ()
    checks_address: bool = True
    instance: str | None = None
    description: str = ""
    possible: bool = False


@dataclass(frozen=True, slots=True)
class Peering:
    """A VPC peering connection and the CIDR blocks that each side showed."""

    id: str
    status: str
    sides: tuple[tuple[str, Ranges, str | None], tuple[str, Ranges, str | None]]
    """(VPC id, its blocks, its region), requester first."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """An internet, egress-only internet, carrier or VPN gateway with the VPCs that it is attached to."""

    id: str
    kind: str
    owner: str | None
    vpcs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NatGateway:
    """A NAT gateway; a regional one has no subnet but a route table of its own."""

    id: str
    vpc: str
    subnet: str | None
    state: str
    private: bool
    addresses: Ranges
    public: tuple[tuple[Ranges, Ranges], ...]
    route_table: str | None
    interfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A VPC endpoint of any type; `managed` ones were placed by an AWS service (Network Firewall, say)."""

    id: str
    kind: str
    vpc: str
    service: str
    state: str
    owner: str | None
    subnets: tuple[str, ...]
    interfaces: tuple[str, ...]
    groups: tuple[str, ...]
    managed: bool = False


@dataclass(frozen=True, slots=True)
class EndpointService:
    """An endpoint service of a provider and the load balancers behind it."""

    id: str
    name: str
    owner: str | None
    state: str
    balancers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransitGateway:
    """A transit gateway."""

    id: str
    owner: str | None
    region: str | None
    state: str
    group_references: bool
    default_association: str | None


@dataclass(frozen=True, slots=True)
class TransitAttachment:
    """An attachment as one transit gateway sees it.

    `resource` is a VPC, VPN connection, Direct Connect gateway or, for kind peering, the other transit gateway.
    `table` is the associated route table: "" for none, None when no fact says.
    """

    id: str
    gateway: str
    kind: str
    resource: str
    state: str
    subnets: tuple[str, ...] | None = None
    group_references: bool = True
    table: str | None = None


@dataclass(frozen=True, slots=True)
class TransitRoute:
    """One entry of a transit gateway route table; no attachments and `active` false is a blackhole."""

    block: Interval
    length: int
    text: str
    static: bool
    active: bool
    attachments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublicAccessBlock:
    """VPC Block Public Access of one account and region."""

    account: str | None
    region: str | None
    mode: str


@dataclass(frozen=True, slots=True)
class PublicAccessExclusion:
    """A VPC or subnet that VPC Block Public Access leaves out; `mode` allow-bidirectional or allow-egress."""

    id: str
    resource: str
    mode: str
