"""Whether a firewall rule matches a packet between two hosts, in three values.

Source: Cloud NGFW, "VPC firewall rules", "Firewall policy rules", "Secure tags".
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from compliance.reason.google_network.model import Action, Block, Host, Layer4, Peer, Rule
from compliance.reason.google_network.ranges import GOOGLE_APIS, is_public
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
    if not any(_fits(layer, packet) for layer in rule.layers):
        return FALSE
    sent = at_source(rule, packet.source, source, network)
    return sent if sent == FALSE else both(sent, at_destination(rule, packet.destination, target, network))


def at_source(rule: Rule, address: str, host: Host | None, network: str) -> Truth:
    """Whether a rule matches as far as the sender tells: its address, and whether the rule is for it."""
    if rule.egress:
        return both(_of_peer(rule.source, address, None, network, rule.action), _own(rule, host, network))
    return both(
        _of_peer(rule.source, address, host, network, rule.action), _in_scope(rule.source, address, host, network)
    )


def at_destination(rule: Rule, address: str, host: Host | None, network: str) -> Truth:
    """Whether a rule matches as far as the receiver tells."""
    if not rule.egress:
        return both(_of_peer(rule.destination, address, None, network, rule.action), _own(rule, host, network))
    truth = _of_peer(rule.destination, address, host, network, rule.action)
    return both(truth, _in_scope(rule.destination, address, host, network))


def _own(rule: Rule, host: Host | None, network: str) -> Truth:
    """Whether a rule is for a machine at its own end."""
    if rule.networks is not None and network not in rule.networks:
        return FALSE
    truth = _for(rule, host)
    if rule.region and (host is None or not host.region):
        return both(truth, UNKNOWN)
    return FALSE if rule.region and host is not None and host.region != rule.region else truth


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


def _in_scope(peer: Peer, address: str, host: Host | None, network: str) -> Truth:
    if peer.scope and host is None and (inside(address, GOOGLE_APIS) or not is_public(ipaddress.ip_network(address))):
        # An endpoint of Private Service Connect or of Google's own services: of which context is not told here.
        return UNKNOWN
    if peer.scope == "INTERNET":
        return certain(host is None)
    if peer.scope == "NON_INTERNET":
        return certain(host is not None)
    if peer.scope == "INTRA_VPC":
        return certain(host is not None and host.network == network)
    if peer.scope == "VPC_NETWORKS":
        return certain(host is not None and host.network in peer.networks)
    return TRUE


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
