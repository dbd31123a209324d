"""One shelf per type of object: joins what several callers told of an object and notes contradictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from compliance.reason.network.addresses import union
from compliance.reason.network.model import (
    Endpoint,
    EndpointService,
    Gateway,
    Interface,
    Peering,
    SecurityGroup,
    Subnet,
    TransitAttachment,
    TransitGateway,
    Vpc,
)


class _Named(Protocol):
    @property
    def id(self) -> str: ...


Item = TypeVar("Item", bound=_Named)


@dataclass
class Shelf(Generic[Item]):
    """Objects of one type by id.

    A second description that neither equals the first nor can be joined with it removes the object for good: what
    depends on it must come out indeterminate rather than follow the file that happened to be read last.
    """

    contradictory: dict[str, str]
    join: Callable[[Item, Item], Item | None] = lambda _old, _new: None
    items: dict[str, Item] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, Item] = field(default_factory=dict)
    """First descriptions of the contradictory objects: their associations must not fall back to a default."""

    def put(self, item: Item, place: str) -> None:
        """Adds one description, which was read at `place`."""
        if item.id in self.contradictory:
            return
        old = self.items.get(item.id)
        joined = item if old is None or old == item else self.join(old, item)
        if joined is None:
            self.dropped[item.id] = self.items.pop(item.id)
            self.contradictory[item.id] = f"described differently at {self.places[item.id]} and {place}"
            return
        self.items[item.id] = joined
        self.places.setdefault(item.id, place)


def join_vpcs(old: Vpc, new: Vpc) -> Vpc | None:
    """The same blocks told by two callers."""
    if old.blocks != new.blocks:
        return None
    return replace(old, owner=old.owner or new.owner, region=old.region or new.region)


def join_subnets(old: Subnet, new: Subnet) -> Subnet | None:
    """A shared subnet is described by its owner and by each participant."""
    if (old.vpc, old.blocks) != (new.vpc, new.blocks):
        return None
    return replace(
        old,
        callers=old.callers | new.callers,
        owner=old.owner or new.owner,
        zone=old.zone or new.zone,
        zone_id=old.zone_id or new.zone_id,
    )


def join_groups(old: SecurityGroup, new: SecurityGroup) -> SecurityGroup | None:
    """The same rules told by two callers."""
    if replace(old, owner=None, region=None) != replace(new, owner=None, region=None):
        return None
    return replace(old, owner=old.owner or new.owner)


def join_interfaces(old: Interface, new: Interface) -> Interface | None:
    """An interface seen by the owner of the subnet and by its own account."""
    if replace(old, owner=None, description="") != replace(new, owner=None, description=""):
        return None
    return replace(old, owner=old.owner or new.owner, description=old.description or new.description)


def join_peerings(old: Peering, new: Peering) -> Peering | None:
    """Each side may show more of its own blocks; the two must agree on the VPCs and the state."""
    if old.status != new.status or [s[0] for s in old.sides] != [s[0] for s in new.sides]:
        return None
    first, second = ((a[0], union(a[1], b[1]), a[2] or b[2]) for a, b in zip(old.sides, new.sides, strict=True))
    return replace(old, sides=(first, second))


def join_gateways(old: Gateway, new: Gateway) -> Gateway | None:
    """The same attachments told by two callers."""
    return replace(old, owner=old.owner or new.owner) if old.vpcs == new.vpcs else None


def join_endpoints(old: Endpoint, new: Endpoint) -> Endpoint | None:
    """The same endpoint told by two callers."""
    return old if replace(old, owner=None) == replace(new, owner=None) else None


def join_services(old: EndpointService, new: EndpointService) -> EndpointService | None:
    """The provider's view knows the load balancers, the consumer's only the owner."""
    if old.balancers and new.balancers and old.balancers != new.balancers:
        return None
    state = old.state if new.state == "available" else new.state
    return replace(
        old,
        name=old.name or new.name,
        owner=old.owner or new.owner,
        state=state,
        balancers=old.balancers or new.balancers,
    )


def join_transit_gateways(old: TransitGateway, new: TransitGateway) -> TransitGateway | None:
    """A shared gateway is described by its owner and by each participant."""
    if replace(old, owner=None, region=None) != replace(new, owner=None, region=None):
        return None
    return replace(old, owner=old.owner or new.owner, region=old.region or new.region)


def join_attachments(old: TransitAttachment, new: TransitAttachment) -> TransitAttachment:
    """The general list knows the associated table, the typed lists know subnets, options and the far gateway.

    A participant's list shows no association, so a table that one caller showed stands; the worse state wins.
    """
    far = old.resource if old.resource.startswith("tgw-") or not new.resource.startswith("tgw-") else new.resource
    return replace(
        old,
        resource=far or new.resource,
        state=old.state if new.state == "available" else new.state,
        subnets=old.subnets or new.subnets,
        group_references=old.group_references and new.group_references,
        table=old.table or new.table if old.table is not None else new.table,
    )
