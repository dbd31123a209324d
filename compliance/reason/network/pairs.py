"""All ordered pairs of tenants at once: most are settled by components, some by one search for many, few one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from compliance.reason.network.addresses import PUBLIC_V6, intersect
from compliance.reason.network.components import Components, components
from compliance.reason.network.ends import End, resolve, union_of
from compliance.reason.network.flow import Obstacle
from compliance.reason.network.network import Network
from compliance.reason.network.protocols import Header
from compliance.reason.network.reach import EVERY_PACKET, INDETERMINATE, UNREACHABLE, Reach, reach

APART = Reach(
    UNREACHABLE,
    blocked_by=(
        Obstacle(
            "network", "attachment graph", "no peering, transit gateway, endpoint, shared VPC or gateway joins them", 0
        ),
    ),
)
"""The answer for two tenants whose networks nothing joins."""


@dataclass(frozen=True, slots=True)
class AllPairs:
    """The answers for every ordered pair of the tenants; `of` gives one, iteration gives all."""

    tenants: tuple[str, ...]
    decided: Mapping[tuple[str, str], Reach]

    def of(self, source: str, target: str) -> Reach:
        """The answer for a pair of two different tenants."""
        return self.decided.get((source, target), APART)

    def __iter__(self) -> Iterator[tuple[str, str, Reach]]:
        for source in self.tenants:
            for target in self.tenants:
                if source != target:
                    yield source, target, self.of(source, target)


def reach_all(
    network: Network,
    tenants: Mapping[str, Iterable[str]],
    *,
    header: Header = EVERY_PACKET,
    one_way: bool = True,
    possible: bool = False,
) -> AllPairs:
    """Reach between every ordered pair of tenants; each tenant is a list of ends (accounts, VPCs, subnets …).

    A packet's arrival counts (`one_way`), since that is what isolation must exclude.

    Raises:
        ComplianceError: an end that is no id, block or account.
    """
    ends = {
        name: union_of([resolve(network, end, possible=possible) for end in parts], name)
        for name, parts in tenants.items()
    }
    joined = components(network)
    homes = {name: _components_of(end, joined) for name, end in ends.items()}
    entered = {name for name, end in ends.items() if _is_public(end, joined)}
    inhabitants: dict[str, set[str]] = {}
    for name, places in homes.items():
        for place in places:
            inhabitants.setdefault(place, set()).add(name)
    lost = {name for name, end in ends.items() if end.missing}
    decided: dict[tuple[str, str], Reach] = {}
    for name, end in ends.items():
        targets = _candidates(name, homes[name], inhabitants, entered, joined, ends)
        targets |= set(ends) if name in lost else lost
        targets.discard(name)
        _decide(network, end, {t: ends[t] for t in sorted(targets)}, decided, header, one_way=one_way)
    return AllPairs(tuple(tenants), decided)


def _is_public(end: End, joined: Components) -> bool:
    """Whether the internet has an address for one of its hosts and a gateway into its VPC."""
    return any(
        host.vpc in joined.entered and (host.public or intersect(host.addresses, PUBLIC_V6)) for host in end.interfaces
    )


def _components_of(end: End, joined: Components) -> frozenset[str]:
    vpcs = {interface.vpc for interface in end.interfaces} | end.vpcs
    return frozenset(joined.of[vpc] for vpc in vpcs if vpc in joined.of)


def _candidates(
    name: str,
    places: frozenset[str],
    inhabitants: Mapping[str, set[str]],
    entered: set[str],
    joined: Components,
    ends: Mapping[str, End],
) -> set[str]:
    """Tenants whom this one might reach for all that the components say."""
    if places & joined.wild:
        return set(ends)
    found = set().union(*(inhabitants[place] for place in places)) - {name}
    return found | entered if places & joined.leaving else found


def _decide(
    network: Network,
    source: End,
    targets: Mapping[str, End],
    decided: dict[tuple[str, str], Reach],
    header: Header,
    *,
    one_way: bool,
) -> None:
    """One search towards all the targets together; only if it does not exclude them all, one towards each."""
    whole = {name: end for name, end in targets.items() if not end.missing and not source.missing}
    for name, end in targets.items():
        if name not in whole:
            missing = tuple(dict.fromkeys((*source.missing, *end.missing)))
            decided[source.text, name] = Reach(INDETERMINATE, missing=missing)
    if not whole:
        return
    if len(whole) > 1:
        together = reach(network, source, union_of(whole.values(), "the other tenants"), header=header, one_way=one_way)
        if together.disposition == UNREACHABLE:
            decided.update({(source.text, name): together for name in whole})
            return
    for name, end in whole.items():
        decided[source.text, name] = reach(network, source, end, header=header, one_way=one_way)
