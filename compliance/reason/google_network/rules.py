"""Firewall rules: reading them, and whether one matches a packet between two hosts.

Source: Cloud NGFW, "VPC firewall rules", "Firewall policy rules".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.google_network.model import Action, Block, Host, Layer4, Rule
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, certain, either

_PROTOCOLS: Final = {
    "icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "esp": 50, "ah": 51, "icmpv6": 58, "ipip": 94, "sctp": 132,
}  # fmt: skip
_ACTIONS: Final[dict[str, Action]] = {
    "allow": "allow", "deny": "deny", "goto_next": "goto_next", "apply_security_profile_group": "allow",
}  # fmt: skip
_UNREAD: Final = (
    "Fqdns", "RegionCodes", "ThreatIntelligences", "AddressGroups", "NetworkScope", "NetworkType", "Networks",
    "NetworkContext",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of a new connection; port 0 where the protocol has none."""

    source: str
    destination: str
    protocol: int
    port: int

    def as_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {"source": self.source, "destination": self.destination, "protocol": self.protocol, "port": self.port}


def protocol_number(text: Any, place: str) -> int | None:
    """The number of a protocol; None for every one. Raises `ComplianceError` for a name nobody knows."""
    name = str(text).lower()
    if name in ("all", "-1"):
        return None
    if name in _PROTOCOLS:
        return _PROTOCOLS[name]
    if name.isdigit() and int(name) < 256:
        return int(name)
    raise ComplianceError(place, f"unknown protocol {text!r}")


def _layer(protocol: Any, ports: Any, place: str) -> Layer4:
    number = protocol_number(protocol, place)
    if not ports:
        return Layer4(number, None)
    ranges = []
    for item in ports:
        first, _, last = str(item).partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise ComplianceError(place, f"{item!r} is no port or range of ports")
        ranges.append((int(first), int(last or first)))
    return Layer4(number, tuple(ranges))


def _blocks(items: Any, place: str) -> tuple[Block, ...] | None:
    if not items:
        return None
    try:
        return tuple(ipaddress.ip_network(str(item), strict=False) for item in items)
    except ValueError as error:
        raise ComplianceError(place, str(error)) from error


def classic_rule(own: str, data: Mapping[str, Any]) -> Iterator[Rule]:
    """A VPC firewall rule: one or two rules, for what it allows and denies."""
    egress = data.get("direction") == "EGRESS"
    targets = [*(data.get("targetTags") or ()), *(a.lower() for a in data.get("targetServiceAccounts") or ())]
    named = [*(data.get("sourceTags") or ()), *(a.lower() for a in data.get("sourceServiceAccounts") or ())]
    wanted: tuple[tuple[str, Action], ...] = (("allowed", "allow"), ("denied", "deny"))
    for member, action in wanted:
        if data.get(member):
            layers = tuple(_layer(item.get("IPProtocol"), item.get("ports"), own) for item in data[member])
            yield Rule(
                own, "VPC firewall rule", int(data.get("priority", 1000)), egress, action, layers,
                _blocks(data.get("sourceRanges"), own), _blocks(data.get("destinationRanges"), own), frozenset(named),
                frozenset(targets) if targets else None,
            )  # fmt: skip


def policy_rule(own: str, kind: str, data: Mapping[str, Any]) -> Iterator[Rule]:
    """A rule of a hierarchical or network firewall policy."""
    if data.get("disabled"):
        return
    match = data.get("match") or {}
    egress = data.get("direction") == "EGRESS"
    action = _ACTIONS.get(str(data.get("action", "")))
    if action is None:
        raise ComplianceError(own, f"unknown action {data.get('action')!r}")
    layers = tuple(_layer(i.get("ipProtocol"), i.get("ports"), own) for i in match.get("layer4Configs") or ())
    unread = any(match.get(f"{side}{what}") for side in ("src", "dest") for what in _UNREAD)
    targets = [*(a.lower() for a in data.get("targetServiceAccounts") or ())]
    targets += [str(tag.get("name", "")) for tag in data.get("targetSecureTags") or ()]
    resources = [str(r).rpartition("/v1/")[2] or str(r) for r in data.get("targetResources") or ()]
    tags = frozenset(str(tag.get("name", "")) for tag in match.get("srcSecureTags") or ())
    yield Rule(
        f"{own}#{data.get('priority')}", kind, int(data.get("priority", 0)), egress, action,
        layers or (Layer4(None, None),),
        _blocks(match.get("srcIpRanges"), own), _blocks(match.get("destIpRanges"), own), tags,
        frozenset(targets) if targets else None, frozenset(resources) if resources else None, unread,
    )  # fmt: skip


def matches(rule: Rule, packet: Packet, source: Host | None, target: Host | None, network: str) -> Truth:
    """Whether a rule matches a packet. `source` and `target` are hosts, where they are known; `network` asks."""
    if rule.networks is not None and network not in rule.networks:
        return FALSE
    if not any(_fits(layer, packet) for layer in rule.layers):
        return FALSE
    if rule.destinations is not None and not _inside(packet.destination, rule.destinations):
        return FALSE
    own = source if rule.egress else target
    truth = both(_for(rule, own), _from(rule, packet, source, network))
    return both(truth, UNKNOWN) if rule.unread else truth


def _fits(layer: Layer4, packet: Packet) -> bool:
    if layer.protocol not in (None, packet.protocol):
        return False
    return layer.ports is None or any(first <= packet.port <= last for first, last in layer.ports)


def _inside(address: str, blocks: tuple[Block, ...]) -> bool:
    number = ipaddress.ip_address(address)
    return any(number.version == block.version and number in block for block in blocks)


def _held(names: frozenset[str], host: Host, action: Action) -> Truth:
    if host.possible:
        # A machine that could be placed there takes the tags that help it and leaves those that do not.
        if action == "goto_next":
            return UNKNOWN
        return certain(action == "allow")
    if names & (host.tags | host.accounts):
        return TRUE
    if host.secure_tags is None:
        return UNKNOWN
    return certain(bool(names & host.secure_tags))


def _for(rule: Rule, host: Host | None) -> Truth:
    if rule.targets is None:
        return TRUE
    return FALSE if host is None else _held(rule.targets, host, rule.action)


def _from(rule: Rule, packet: Packet, source: Host | None, network: str) -> Truth:
    if rule.sources is None and not rule.source_names:
        return TRUE
    truth = certain(rule.sources is not None and _inside(packet.source, rule.sources))
    if rule.source_names and source is not None and source.network == network:
        truth = either(truth, _held(rule.source_names, source, rule.action))
    return truth
