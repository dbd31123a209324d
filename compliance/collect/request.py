"""What a collector asks for: one call, and which calls follow from its answer.

Collectors are pure: they only say what to ask. The engine asks, pages, retries and records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class Place:
    """Whom and where a collector asks about: an account, a region, the platform's name."""

    account: str
    region: str


Answer = dict[str, Any]
Follow = Callable[[Answer, Place], Iterable["Request"]]


def nothing_follows(_answer: Answer, _place: Place) -> Iterable[Request]:
    """No further calls."""
    return ()


@dataclass(frozen=True)
class Request:
    """One API call.

    `api` is service and operation (`s3:GetBucketPolicy`), the service as boto3 names its client. `expects` are members
    that a whole answer has: without one of them the answer is malformed. `absent` are error codes that mean that there
    is no such configuration. `until` delays: the call is repeated while it answers False (reports that are generated).
    `pages` bounds a list that begins with the newest and of which the beginning is wanted; 0 stands for all.
    `region` is for an operation that one region answers for all; what follows from its answer is asked there too.
    """

    api: str
    params: dict[str, Any] = field(default_factory=dict)
    expects: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset()
    then: Follow = nothing_follows
    until: Callable[[Answer], bool] | None = None
    pages: int = 0
    region: str = ""

    @property
    def service(self) -> str:
        """The boto3 client's name."""
        return self.api.partition(":")[0]

    @property
    def operation(self) -> str:
        """The operation's name in the service's model."""
        return self.api.partition(":")[2]


class Where(StrEnum):
    """How often a family is collected."""

    EACH_REGION = "each region"
    """Once per account and region."""
    ACCOUNT = "account"
    """Once per account: the service is global or lists all regions at once."""
    MANAGEMENT = "management"
    """Once, in the organisation's management account."""


@dataclass(frozen=True)
class Family:
    """An API family: its first requests for a place, and where it is collected."""

    name: str
    where: Where
    start: Callable[[Place], Iterable[Request]]


def absent(*codes: str) -> frozenset[str]:
    """Error codes that mean "no such configuration"."""
    return frozenset(codes)
