"""Subnets and the interfaces of machines, out of assets.

Source: Compute Engine REST reference, `subnetworks`, `instances`.
"""

from __future__ import annotations

from collections.abc import Iterator

from compliance.reason.google_network.fields import (
    Data,
    address,
    block,
    flag,
    part,
    parts,
    required,
    short,
    text,
    texts,
)
from compliance.reason.google_network.model import Host, Subnet
from compliance.reason.google_network.parse_joins import region_of

_BLOCKS = ("ipCidrRange", "ipv6CidrRange", "internalIpv6Prefix", "externalIpv6Prefix")
_ABSENT = ("TERMINATED", "STOPPED", "SUSPENDED")


def parse_subnet(own: str, project: str, data: Data) -> Subnet:
    """A subnet with its primary, secondary and IPv6 ranges."""
    written = [text(data, name, own) for name in _BLOCKS]
    written += [text(item, "ipCidrRange", own) for item in parts(data, "secondaryIpRanges", own)]
    found = dict.fromkeys(block(each, own) for each in written if each)
    region = region_of(text(data, "region", own)) or region_of(own)
    private = flag(data, "privateIpGoogleAccess", own)
    return Subnet(own, project, short(required(data, "network", own)), region, tuple(found), private)


def parse_instance(own: str, project: str, data: Data) -> Iterator[Host]:
    """The interfaces of a machine that runs."""
    if text(data, "status", own) in _ABSENT:
        return
    tags = frozenset(texts(part(data, "tags", own), "items", f"{own}.tags"))
    accounts = frozenset(text(a, "email", own).lower() for a in parts(data, "serviceAccounts", own))
    bound = part(part(data, "params", own), "resourceManagerTags", f"{own}.params")
    secure = frozenset(str(value) for value in bound.values())
    for index, nic in enumerate(parts(data, "networkInterfaces", own)):
        place = f"{own}#nic{index}"
        public = [address(c, "natIP", place) for c in parts(nic, "accessConfigs", place)]
        wide = [address(c, "externalIpv6", place) for c in parts(nic, "ipv6AccessConfigs", place)]
        own_addresses = [address(nic, name, place) for name in ("networkIP", "ipv6Address")]
        ranges = [text(r, "ipCidrRange", place) for r in parts(nic, "aliasIpRanges", place)]
        subnet = short(text(nic, "subnetwork", place))
        yield Host(
            place, project, short(required(nic, "network", place)), subnet,
            tuple(dict.fromkeys(found for found in (*own_addresses, *wide) if found)),
            tuple(found for found in (*public, *wide) if found), tags, accounts, secure,
            blocks=tuple(block(each, place) for each in ranges if each and not each.startswith("/")),
            region=region_of(subnet) if "/" in subnet else _region_of_zone(own),
        )  # fmt: skip


def _region_of_zone(own: str) -> str:
    zone = own.partition("/zones/")[2].partition("/")[0]
    return zone.rpartition("-")[0]
