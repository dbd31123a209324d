"""What a rule is: one frozen literal, and two small functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from compliance.results import Verdict
from compliance.rules.view import View


class Severity(StrEnum):
    """How bad a failure is."""

    CRITICAL = "critical"
    """Another tenant or the public can reach data or keys, or nothing else stands between."""
    HIGH = "high"
    """One of the locks is open, or evidence can be lost."""
    MEDIUM = "medium"
    """A second line of defence is missing."""
    LOW = "low"
    """Good order."""


class About(StrEnum):
    """Whom a rule is about."""

    TENANT = "tenant"
    PLATFORM = "platform"
    BOTH = "both"


@dataclass(frozen=True)
class Resource:
    """Something a rule judges: its id (an ARN where AWS gives one) and what the listing said about it."""

    id: str
    data: Any = None


@dataclass(frozen=True)
class Outcome:
    """What a check says about a resource."""

    verdict: Verdict
    reason: str


Population = Callable[[View], Iterable[Resource]]
Check = Callable[[View, Resource], Outcome]


@dataclass(frozen=True)
class Rule:
    """One rule.

    `needs` are the APIs whose facts it reads; `objectives` name entries of the control catalogue's mapping; `blind`
    says what the rule does not see; `empty` is the verdict when the population has no member.
    """

    id: str
    title: str
    severity: Severity
    about: About
    threat: str
    blind: str
    remediation: str
    objectives: tuple[str, ...]
    needs: tuple[str, ...]
    population: Population
    check: Check
    empty: Outcome = Outcome(Verdict.NOT_APPLICABLE, "there is none")

    @property
    def room(self) -> str:
        """The part of the product that the rule is about: the first part of its id."""
        return self.id.partition(".")[0]


def passed(reason: str) -> Outcome:
    """The resource is as it should be."""
    return Outcome(Verdict.PASS, reason)


def failed(reason: str) -> Outcome:
    """The resource is not as it should be."""
    return Outcome(Verdict.FAIL, reason)


def not_applicable(reason: str) -> Outcome:
    """The rule says nothing about this resource."""
    return Outcome(Verdict.NOT_APPLICABLE, reason)


def decide(condition: bool, good: str, bad: str) -> Outcome:
    """Passed with `good` if the condition holds, else failed with `bad`."""
    return passed(good) if condition else failed(bad)


def judge_problems(problems: list[str], good: str) -> Outcome:
    """Failed with every problem, or passed with `good` when there is none."""
    return failed("; ".join(problems)) if problems else passed(good)
