"""What joins networks, out of assets: peerings, routes, Cloud NAT, hubs, Private Service Connect.

Source: Compute Engine REST reference, `networks`, `routes`, `routers`, `forwardingRules`; Network Connectivity Center
REST reference, `spokes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compliance.reason.google_network.fields import (
    Data,
    address,
    block,
    blocks,
    flag,
    number,
    part,
    parts,
    required,
    short,
    text,
    texts,
)
from compliance.reason.google_network.model import Endpoint, Nat, Peering, Route, Spoke

_APPLIANCES = ("nextHopInstance", "nextHopIp", "nextHopIlb")
_OUTSIDE = ("nextHopVpnTunnel", "nextHopInterconnectAttachment", "nextHopHub", "nextHopInterRegionCost")
_OF_SUBNETS = ("nextHopNetwork", "nextHopPeering")


def parse_peerings(own: str, data: Data) -> Iterator[Peering]:
    """The active peerings of a network; subnet routes with public addresses are exported unless switched off."""
    for item in parts(data, "peerings", own):
        if text(item, "state", own) == "ACTIVE":
            yield Peering(
                own,
                short(required(item, "network", f"{own}.peerings")),
                flag(item, "importCustomRoutes", own),
                flag(item, "exportCustomRoutes", own),
                flag(item, "importSubnetRoutesWithPublicIp", own),
                flag(item, "exportSubnetRoutesWithPublicIp", own, default=True),
                text(item, "stackType", own) == "IPV4_IPV6",
            )


def parse_route(own: str, data: Data) -> Route | None:
    """A static route; None for routes of subnets, which need no entry, and for those that are not in effect."""
    if text(data, "routeStatus", own) in ("DROPPED", "INACTIVE", "PENDING"):
        return None
    hop = "outside"
    if text(data, "nextHopGateway", own).endswith("default-internet-gateway"):
        hop = "internet"
    elif any(text(data, key, own) for key in _APPLIANCES):
        hop = "appliance"
    elif not any(data.get(key) for key in _OUTSIDE) and any(text(data, key, own) for key in _OF_SUBNETS):
        return None
    return Route(
        own, short(required(data, "network", own)), block(required(data, "destRange", own), f"{own}.destRange"),
        number(data, "priority", own, 1000), hop, frozenset(texts(data, "tags", own)),
    )  # fmt: skip


def parse_nats(own: str, data: Data, reserved: Mapping[str, str]) -> Iterator[Nat]:
    """The public NAT gateways of a router; `reserved` are addresses by name."""
    region = region_of(text(data, "region", own) or own)
    for item in parts(data, "nats", own):
        if text(item, "type", own) == "PRIVATE":
            continue
        subnets = None
        if text(item, "sourceSubnetworkIpRangesToNat", own) == "LIST_OF_SUBNETWORKS":
            subnets = frozenset(short(text(each, "name", own)) for each in parts(item, "subnetworks", own))
        named = [short(link) for link in texts(item, "natIps", own)]
        known = named and all(name in reserved for name in named)
        addresses = tuple(reserved[name] for name in named) if known else None
        yield Nat(short(required(data, "network", own)), region, subnets, addresses)


def parse_spoke(own: str, data: Data) -> Spoke | None:
    """A network as a spoke of a hub; None for spokes of other kinds and for those that are not active."""
    linked = part(data, "linkedVpcNetwork", own)
    if not linked or text(data, "state", own) not in ("", "ACTIVE", "UPDATING"):
        return None
    every = any(each.startswith("ALL_") for each in texts(linked, "includeExportRanges", own))
    include = () if every else blocks(linked, "includeExportRanges", own)
    return Spoke(
        short(required(linked, "uri", own)), hub_name(required(data, "hub", own)),
        text(data, "group", own).rsplit("/", 1)[-1],
        include or None, blocks(linked, "excludeExportRanges", own),
    )  # fmt: skip


def parse_endpoint(own: str, project: str, data: Data) -> Endpoint:
    """A forwarding rule whose target is a service attachment."""
    accepted = text(data, "pscConnectionStatus", own) in ("", "ACCEPTED")
    return Endpoint(
        own, project, short(text(data, "network", own)), address(data, "IPAddress", own),
        short(text(data, "target", own)), accepted,
    )  # fmt: skip


def hub_name(link: str) -> str:
    """`projects/…/hubs/…` of a link or full name."""
    return link[link.find("projects/") :] if "projects/" in link else link


def region_of(link: str) -> str:
    """The region in a link to it or to something in it; a bare name is one."""
    if "/" not in link:
        return link
    found = link.rpartition("/regions/")[2].partition("/")[0] if "/regions/" in link else ""
    return found or (link.removeprefix("regions/") if link.startswith("regions/") else "")
