"""Whether a firewall rule matches a packet between two hosts, in three values.

Source: Cloud NGFW, "VPC firewall rules", "Firewall policy rules", "Secure tags".
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from compliance.reason.google_network.model import Action, Block, Host, Layer4, Peer, Rule
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, certain, either


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


def matches(rule: Rule, packet: Packet, source: Host | None, target: Host | None, network: str) -> Truth:
    """Whether a rule matches a packet.

    `source` and `target` are the hosts, None for the internet; `network` is the one whose rules are asked.
    """
    own = source if rule.egress else target
    if rule.networks is not None and network not in rule.networks:
        return FALSE
    if rule.region and own is not None and own.region and own.region != rule.region:
        return FALSE
    if not any(_fits(layer, packet) for layer in rule.layers):
        return FALSE
    there = target if rule.egress else source
    truth = both(
        _of_peer(rule.source, packet.source, None if rule.egress else there, network, rule.action),
        _of_peer(rule.destination, packet.destination, there if rule.egress else None, network, rule.action),
    )
    scope = rule.destination if rule.egress else rule.source
    truth = both(truth, certain(_in_scope(scope, there, network)))
    truth = both(truth, _for(rule, own))
    return both(truth, UNKNOWN) if rule.region and (own is None or not own.region) else truth


def _fits(layer: Layer4, packet: Packet) -> bool:
    if layer.protocol not in (None, packet.protocol):
        return False
    return layer.ports is None or any(first <= packet.port <= last for first, last in layer.ports)


def inside(address: str, blocks: tuple[Block, ...]) -> bool:
    """Whether an address lies in one of the blocks."""
    number = ipaddress.ip_address(address)
    return any(number.version == block.version and number in block for block in blocks)


def _of_peer(peer: Peer, address: str, host: Host | None, network: str, action: Action) -> Truth:
    """Whether an end is what a rule asks for; network tags hold within one network, secure tags over a peering too."""
    if peer.blocks is None and not peer.names and not peer.secure_tags:
        return UNKNOWN if peer.unread else TRUE
    truth = certain(peer.blocks is not None and inside(address, peer.blocks))
    if host is not None and peer.names and host.network == network:
        truth = either(truth, _held(peer.names, host, action))
    if host is not None and peer.secure_tags:
        truth = either(truth, _held(peer.secure_tags, host, action))
    return either(truth, UNKNOWN) if peer.unread else truth


def _in_scope(peer: Peer, host: Host | None, network: str) -> bool:
    if peer.scope == "INTERNET":
        return host is None
    if peer.scope == "NON_INTERNET":
        return host is not None
    if peer.scope == "INTRA_VPC":
        return host is not None and host.network == network
    if peer.scope == "VPC_NETWORKS":
        return host is not None and host.network in peer.networks
    return True


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
