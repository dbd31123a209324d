"""Facts by API, and the few ways in which readers ask for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from compliance.facts.fact import Fact, Status


class Index:
    """Facts by API and account.

    Attributes:
        unread: facts whose call did not answer.
        accounts: accounts of which at least one fact was read.
    """

    def __init__(self, facts: Iterable[Fact]) -> None:
        """Takes every fact once."""
        self.unread: list[Fact] = []
        self.accounts: set[str] = set()
        self._by_api: dict[str, list[Fact]] = defaultdict(list)
        self._by_subject: dict[tuple[str, str, str, str], Any] = {}
        self._absent: set[tuple[str, str, str, str]] = set()
        for fact in facts:
            if fact.status is Status.OK:
                self._by_api[fact.api].append(fact)
                self.accounts.add(fact.account)
                for value in fact.params.values():
                    if isinstance(value, str):
                        self._by_subject[fact.api, fact.account, fact.region, value] = fact.response
            elif fact.status is Status.ABSENT:
                texts = (value for value in fact.params.values() if isinstance(value, str))
                self._absent |= {(fact.api, fact.account, fact.region, text) for text in texts}
            else:
                self.unread.append(fact)

    def asked(self, api: str, beside: Fact, subject: str) -> bool:
        """Whether an API answered about a subject, beside another fact, if only that there is none."""
        key = (api, beside.account, beside.region, subject)
        return key in self._by_subject or key in self._absent

    def of(self, api: str) -> list[Fact]:
        """The facts of an API that answered."""
        return self._by_api.get(api, [])

    def items(self, api: str, member: str) -> Iterator[tuple[Fact, Any]]:
        """Every item of a list in the answers of an API, with its fact."""
        for fact in self.of(api):
            for item in fact.response.get(member) or ():
                yield fact, item

    def about(self, api: str, fact: Fact, subject: str) -> Any:
        """The answer of an API about a subject, in the account and region of another fact; None if there is none."""
        return self._by_subject.get((api, fact.account, fact.region, subject))

    def apis(self, service: str) -> Iterator[Fact]:
        """Every fact of a service that answered."""
        for api, facts in self._by_api.items():
            if api.startswith(f"{service}:"):
                yield from facts
