"""Results: what judging found, in five values, and the document that `bulkhead scan --json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """The five values of a result."""

    PASS = "pass"  # noqa: S105 -- a verdict
    FAIL = "fail"
    WAIVED = "waived"
    NOT_APPLICABLE = "not-applicable"
    INDETERMINATE = "indeterminate"


ORDER = (Verdict.FAIL, Verdict.INDETERMINATE, Verdict.WAIVED, Verdict.PASS, Verdict.NOT_APPLICABLE)
"""Worst first: a set of results is as good as its worst."""


@dataclass(frozen=True)
class WaiverNote:
    """The waiver behind a waived result."""

    owner: str
    reason: str
    compensating_control: str
    expires: str


@dataclass(frozen=True)
class Result:
    """What one rule says about one resource of one tenant; `facts` are digests of the facts that it rests on."""

    rule: str
    tenant: str
    resource: str
    status: Verdict
    reason: str
    facts: tuple[str, ...]
    waiver: WaiverNote | None = None

    def to_json(self) -> dict[str, Any]:
        """The result as `bulkhead scan --json` prints it."""
        value: dict[str, Any] = {
            "rule": self.rule,
            "tenant": self.tenant,
            "resource": self.resource,
            "status": str(self.status),
            "reason": self.reason,
            "facts": list(self.facts),
        }
        if self.waiver is not None:
            value["waiver"] = {
                "owner": self.waiver.owner,
                "reason": self.waiver.reason,
                "compensating_control": self.waiver.compensating_control,
                "expires": self.waiver.expires,
            }
        return value


@dataclass(frozen=True)
class Judgement:
    """Everything that judging a bundle gave, in a fixed order."""

    results: tuple[Result, ...]
    coverage: dict[str, Any]

    def of(self, tenant: str) -> tuple[Result, ...]:
        """The results of one tenant."""
        return tuple(result for result in self.results if result.tenant == tenant)

    @property
    def summary(self) -> dict[str, Any]:
        """How many results of each value, in all and by tenant, and the worst value."""
        tenants = sorted({result.tenant for result in self.results})
        return {
            **counts(self.results),
            "worst": str(worst(self.results)),
            "tenants": {name: {**counts(self.of(name)), "worst": str(worst(self.of(name)))} for name in tenants},
        }

    def to_json(self) -> dict[str, Any]:
        """The document: results, summary, coverage."""
        return {
            "results": [result.to_json() for result in self.results],
            "summary": self.summary,
            "coverage": self.coverage,
        }


def counts(results: Iterable[Result]) -> dict[str, int]:
    """How many results have each value."""
    found = Counter(result.status for result in results)
    return {str(verdict): found[verdict] for verdict in Verdict}


def worst(results: Iterable[Result]) -> Verdict:
    """The worst value among results; nothing judged is indeterminate, never clean."""
    present = {result.status for result in results}
    return next((verdict for verdict in ORDER if verdict in present), Verdict.INDETERMINATE)
