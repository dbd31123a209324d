"""Firewall rules out of assets: VPC firewall rules and the rules of firewall policies.

Source: Cloud NGFW, "VPC firewall rules", "Firewall policy rules"; Compute Engine REST reference, `firewalls`,
`firewallPolicies`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.google_network.fields import Data, blocks, flag, number, one_of, part, parts, short, text, texts
from compliance.reason.google_network.model import Action, Block, Layer4, Peer, Rule

_PROTOCOLS: Final = {
    "icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "esp": 50, "ah": 51, "icmpv6": 58, "ipip": 94, "sctp": 132,
}  # fmt: skip
_ACTIONS: Final[dict[str, Action]] = {
    "allow": "allow", "deny": "deny", "goto_next": "goto_next", "apply_security_profile_group": "allow",
}  # fmt: skip
_UNREAD: Final = ("Fqdns", "RegionCodes", "ThreatIntelligences")
_SCOPES: Final = ("", "UNSPECIFIED", "INTERNET", "NON_INTERNET", "INTRA_VPC", "VPC_NETWORKS")
_EVERYWHERE_V4: Final[tuple[Block, ...]] = (ipaddress.ip_network("0.0.0.0/0"),)

Groups = Mapping[str, tuple[Block, ...]]
"""Blocks of address groups by name."""


def protocol_number(written: Any, place: str) -> int | None:
    """The number of a protocol; None for every one. Raises `ComplianceError` for a name nobody knows."""
    name = str(written).lower()
    if name in ("all", "-1"):
        return None
    if name in _PROTOCOLS:
        return _PROTOCOLS[name]
    if name.isascii() and name.isdigit() and int(name) < 256:
        return int(name)
    raise ComplianceError(place, f"unknown protocol {written!r}")


def _layer(data: Data, protocol: str, own: str) -> Layer4:
    known = protocol_number(data.get(protocol), f"{own}.{protocol}")
    found = data.get("ports") or []
    if not isinstance(found, list):
        raise ComplianceError(f"{own}.ports", f"is {found!r:.80}, but must be a list")
    ranges = []
    for item in found:
        first, _, last = str(item).partition("-")
        low, high = (int(end) if end.isascii() and end.isdigit() else -1 for end in (first, last or first))
        if not 0 <= low <= high <= 65535:
            raise ComplianceError(f"{own}.ports", f"{item!r} is no port or range of ports")
        ranges.append((low, high))
    return Layer4(known, tuple(ranges) or None)


def classic_rule(own: str, data: Data) -> Iterator[Rule]:
    """A VPC firewall rule: one or two rules, for what it allows and denies.

    One that names no address at its other end means every IPv4 address.
    """
    egress = one_of(data, "direction", own, ("INGRESS", "EGRESS"), "INGRESS") == "EGRESS"
    accounts = [a.lower() for a in texts(data, "targetServiceAccounts", own)]
    targets = frozenset([*texts(data, "targetTags", own), *accounts])
    senders = [a.lower() for a in texts(data, "sourceServiceAccounts", own)]
    source = Peer(
        blocks(data, "sourceRanges", own) or None, frozenset([*texts(data, "sourceTags", own), *senders])
    )  # fmt: skip
    destination = Peer(blocks(data, "destinationRanges", own) or None)
    if egress and destination.blocks is None:
        destination = replace(destination, blocks=_EVERYWHERE_V4)
    if not egress and source.blocks is None and not source.names:
        source = replace(source, blocks=_EVERYWHERE_V4)
    if not parts(data, "allowed", own) and not parts(data, "denied", own):
        raise ComplianceError(own, "has neither allowed nor denied")
    wanted: tuple[tuple[str, Action], ...] = (("allowed", "allow"), ("denied", "deny"))
    for member, action in wanted:
        layers = tuple(_layer(item, "IPProtocol", f"{own}.{member}") for item in parts(data, member, own))
        if layers:
            yield Rule(
                own, "VPC firewall rule", number(data, "priority", own, 1000), egress, action, layers, source,
                destination, targets or None,
            )  # fmt: skip


def policy_rule(own: str, kind: str, data: Data, groups: Groups, region: str = "") -> Iterator[Rule]:
    """A rule of a hierarchical or network firewall policy; none if it is disabled or all its target tags are void."""
    if flag(data, "disabled", own):
        return
    priority = number(data, "priority", own, 0)
    here = f"{own}#{priority}"
    match = part(data, "match", here)
    egress = one_of(data, "direction", here, ("INGRESS", "EGRESS"), "INGRESS") == "EGRESS"
    action = _ACTIONS.get(text(data, "action", here))
    if action is None:
        raise ComplianceError(here, f"unknown action {data.get('action')!r}")
    layers = tuple(_layer(item, "ipProtocol", here) for item in parts(match, "layer4Configs", here))
    tags = _effective(data, "targetSecureTags", here)
    accounts = [a.lower() for a in texts(data, "targetServiceAccounts", here)]
    if tags is not None and not tags and not accounts:
        return
    targets = frozenset([*accounts, *(tags or ())])
    resources = frozenset(short(link) for link in texts(data, "targetResources", here))
    yield Rule(
        here, kind, priority, egress, action, layers or (Layer4(None, None),),
        _peer(match, "src", here, groups), _peer(match, "dest", here, groups),
        targets or None, resources or None, region,
    )  # fmt: skip


def _effective(data: Data, name: str, own: str) -> frozenset[str] | None:
    """Names of secure tags, without those whose value was deleted (INEFFECTIVE); None if the rule names none."""
    found = parts(data, name, own)
    if not found:
        return None
    return frozenset(text(tag, "name", own) for tag in found if tag.get("state") != "INEFFECTIVE")


def _peer(match: Data, side: str, own: str, groups: Groups) -> Peer:
    ranges = list(blocks(match, f"{side}IpRanges", own))
    named = texts(match, f"{side}AddressGroups", own)
    for name in named:
        ranges += groups.get(short_group(name), ())
    unread = any(match.get(f"{side}{what}") for what in _UNREAD)
    unread = unread or any(short_group(name) not in groups for name in named)
    tags = _effective(match, f"{side}SecureTags", own)
    scopes = [text(match, f"{side}{name}", own) for name in ("NetworkScope", "NetworkContext", "NetworkType")]
    scope = next((found for found in scopes if found), "")
    if scope not in _SCOPES:
        raise ComplianceError(f"{own}.{side}NetworkScope", f"unknown scope {scope!r}")
    networks = frozenset(short(link) for link in texts(match, f"{side}Networks", own))
    asks = bool(ranges) or unread or tags is not None
    return Peer(
        tuple(ranges) if asks else None, frozenset(), tags or frozenset(), scope.removeprefix("UNSPECIFIED"), networks,
        unread,
    )  # fmt: skip


def short_group(name: str) -> str:
    """`projects/…/addressGroups/…` of a link or full name."""
    found = name.find("organizations/") if "organizations/" in name else name.find("projects/")
    return name[found:] if found >= 0 else name
