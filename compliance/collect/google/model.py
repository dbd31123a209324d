"""One read of Google Cloud, and what follows from its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Answer = dict[str, Any]


def nothing_follows(_answer: Answer, _account: str) -> Iterable[Call]:
    """No further calls."""
    return ()


@dataclass(frozen=True)
class Call:
    """One read. `path` is below the service's host; `account` is the project's or organisation's number.

    `items` is the member that a whole answer has (an empty listing may leave it out); `then` says what follows.
    """

    api: str
    account: str
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    then: Follow = nothing_follows

    @property
    def service(self) -> str:
        """The service's host name without its domain."""
        return self.api.partition(":")[0]


Follow = Callable[[Answer, str], Iterable[Call]]
"""What to ask next, from an answer and the account under which it is recorded."""
