"""The rules that can match packets between two addresses at all: few of many, and only their ports need trying."""

from __future__ import annotations

from dataclasses import replace

from compliance.reason.google_network.model import Fabric, Host, Rule
from compliance.reason.google_network.rules import at_destination, at_source
from compliance.reason.iam.truth import FALSE

_Places = frozenset[tuple[int, int]]
"""Rules of a network as (level, place in it)."""


class Narrowing:
    """What each end leaves of the rules, worked out once for each address."""

    def __init__(self, fabric: Fabric) -> None:
        """Takes the fabric whose rules are narrowed."""
        self.fabric = fabric
        self._left: dict[tuple[bool, str, str, str], _Places] = {}

    def between(self, source: Host | None, from_: str, target: Host | None, to: str) -> Fabric:
        """The fabric with the rules that can match a packet of these addresses."""
        levels = dict(self.fabric.levels)
        for network in {host.network for host in (source, target) if host is not None}:
            sent = self._matching(network, source, from_, sending=True)
            met = sent & self._matching(network, target, to, sending=False)
            levels[network] = tuple(
                tuple(rule for at, rule in enumerate(level) if (depth, at) in met)
                for depth, level in enumerate(self.fabric.levels.get(network, ()))
            )
        return replace(self.fabric, levels=levels)

    def _matching(self, network: str, host: Host | None, address: str, *, sending: bool) -> _Places:
        key = (sending, network, host.id if host is not None else "", address)
        if key not in self._left:
            side = at_source if sending else at_destination
            self._left[key] = frozenset(
                (depth, at)
                for depth, level in enumerate(self.fabric.levels.get(network, ()))
                for at, rule in enumerate(level)
                if _concerns(rule, host, network, sending=sending) and side(rule, address, host, network) != FALSE
            )
        return self._left[key]


def _concerns(rule: Rule, host: Host | None, network: str, *, sending: bool) -> bool:
    """Whether the network asks the rule of this end: egress of a sender's own network, ingress of a receiver's."""
    if rule.egress != sending:
        return True
    return host is not None and host.network == network
