"""Collects the parts of an estate while its source is read; a part that is malformed becomes a gap, never silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance.errors import ComplianceError
from compliance.estate.model import (
    PATHS,
    Account,
    Endpoint,
    Estate,
    Gap,
    Handover,
    Identity,
    NetworkFact,
    Path,
    Resource,
)
from compliance.estate.owners import Owners
from compliance.reason.iam import Grant, Labelled, Level, compile_policy, parse_grants
from compliance.reason.iam.policy import PolicyKind

ODD_ANSWER = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, ComplianceError)
"""What reading an answer raises when it lacks what the service's model promises."""


@dataclass(slots=True)
class Builder:
    """The estate under construction."""

    owners: Owners
    source: str
    identities: list[Identity] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    network: list[NetworkFact] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    scps: dict[str, tuple[Level, ...]] = field(default_factory=dict)
    rcps: dict[str, tuple[Level, ...]] = field(default_factory=dict)
    read: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)

    def gap(self, account: str, paths: tuple[Path, ...], what: str, why: str) -> None:
        """Records that something could not be read."""
        self.gaps.append(Gap(account, self.owners.by_account.get(account, ()), paths or PATHS, what, why))

    def policy(
        self, document: Any, kind: PolicyKind, label: str, account: str, paths: tuple[Path, ...]
    ) -> Labelled | None:
        """A compiled policy; None, with a gap, if it is malformed."""
        try:
            return Labelled(label, compile_policy(document, kind, label))
        except ComplianceError as error:
            self.gap(account, paths, label, str(error))
            return None

    def grants(self, document: Any, label: str, account: str) -> tuple[Grant, ...]:
        """The grants of a key; none, with a gap, if they are malformed."""
        try:
            return parse_grants(document, label)
        except ComplianceError as error:
            self.gap(account, ("key", "data"), label, str(error))
            return ()

    def odd(self, source: str, why: Exception, account: str = "") -> None:
        """Records that answers could not be understood: nothing is proved about the account, or about any."""
        for one in (account,) if account else self.owners.by_account:
            self.gap(one, PATHS, source, f"could not be understood ({type(why).__name__}: {why})")

    def add(self, resource: Resource) -> None:
        """Adds a resource."""
        self.resources.append(resource)
        self.read[resource.kind] += 1

    def hand_over(self, kind: str, path: Path, source: str, account: str, owner: str, target: str, detail: str) -> None:
        """Adds a handover, unless it stays with its owner."""
        target_owner = self.owners.of_target(target)
        if target_owner != owner or target == "*":
            self.handovers.append(Handover(kind, path, source, account, owner, target, target_owner, detail))

    def finish(self) -> Estate:
        """The estate."""
        accounts = {
            account: Account(account, tenants, self.scps.get(account, ()), self.rcps.get(account, ()))
            for account, tenants in self.owners.by_account.items()
        }
        tenants = tuple(dict.fromkeys(t for held in self.owners.by_account.values() for t in held))
        self.read["identity"] = len(self.identities)
        self.read["account"] = len(accounts)
        return Estate(
            tenants=tenants,
            source=self.source,
            accounts=accounts,
            identities=tuple(self.identities),
            resources=tuple(self.resources),
            handovers=tuple(self.handovers),
            endpoints=tuple(self.endpoints),
            network=tuple(self.network),
            gaps=tuple(self.gaps),
            read=dict(sorted(self.read.items())),
            unknown=tuple(self.unknown),
        )


def tags_of(document: Any) -> dict[str, str]:
    """Tags from any of AWS's spellings: a list of Key/Value or TagKey/TagValue, or an object."""
    if isinstance(document, Mapping):
        return {str(key): str(value) for key, value in document.items()}
    found: dict[str, str] = {}
    for item in document or ():
        key = item.get("Key", item.get("TagKey", item.get("key")))
        value = item.get("Value", item.get("TagValue", item.get("value", "")))
        if key is not None:
            found[str(key)] = str(value)
    return found


def pairs(tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Tags as sorted pairs."""
    return tuple(sorted(tags.items()))
