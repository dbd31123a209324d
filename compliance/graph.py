"""An immutable index over facts: which call was answered how. No judgement here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from compliance.facts.canonical import canonical
from compliance.facts.fact import Fact

PAGE_TOKENS = frozenset(
    {
        "NextToken",
        "nextToken",
        "Marker",
        "marker",
        "ContinuationToken",
        "ExclusiveStartKey",
        "Position",
        "position",
        "pageToken",
    }
)
"""Parameters that only say which page; the call without them is the call."""


def call_params(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters without page tokens."""
    return {name: value for name, value in params.items() if name not in PAGE_TOKENS}


class Graph:
    """Facts by account, API and parameters. The order of facts given does not show in any answer."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._by_api: dict[tuple[str, str], list[Fact]] = {}
        self._by_call: dict[tuple[str, str, bytes], list[Fact]] = {}
        for fact in sorted(facts, key=lambda one: (one.key, one.digest)):
            self._by_api.setdefault((fact.account, fact.api), []).append(fact)
            call = (fact.account, fact.api, canonical(call_params(fact.params)))
            self._by_call.setdefault(call, []).append(fact)

    def facts(self, account: str, api: str, **params: Any) -> tuple[Fact, ...]:
        """Every page of a call in every region; without `params`, every call of the API."""
        if not params:
            return tuple(self._by_api.get((account, api), ()))
        return tuple(self._by_call.get((account, api, canonical(params)), ()))

    def __iter__(self) -> Any:
        for facts in self._by_api.values():
            yield from facts
