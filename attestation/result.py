"""What verification and appraisal hand out: checks, claims, verdict (RATS, RFC 9334 section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The outcome of one check. `not_evaluated` is neither good nor bad: the means to judge were not given."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True)
class Check:
    """One question that was asked of the evidence, with what would have been right and what was there."""

    name: str
    status: Status
    expected: Any = None
    actual: Any = None
    detail: str = ""

    @property
    def ok(self) -> bool | None:
        """True, False, or None when the check was not evaluated."""
        return {Status.PASS: True, Status.FAIL: False}.get(self.status)

    def as_json(self) -> dict[str, Any]:
        """The check as it stands in the command's JSON."""
        return {
            "name": self.name,
            "ok": self.ok,
            "status": self.status.value,
            "expected": self.expected,
            "actual": self.actual,
            "detail": self.detail,
        }


def passed(name: str, *, expected: Any = None, actual: Any = None, detail: str = "") -> Check:
    """A check that held."""
    return Check(name, Status.PASS, expected, actual, detail)


def failed(name: str, *, expected: Any = None, actual: Any = None, detail: str = "") -> Check:
    """A check that did not hold."""
    return Check(name, Status.FAIL, expected, actual, detail)


def not_evaluated(name: str, detail: str, *, expected: Any = None, actual: Any = None) -> Check:
    """A check that could not be made; `detail` says what was missing."""
    return Check(name, Status.NOT_EVALUATED, expected, actual, detail)


def compare(name: str, expected: Any, actual: Any, detail: str = "") -> Check:
    """Passes when the two are equal."""
    return Check(name, Status.PASS if expected == actual else Status.FAIL, expected, actual, detail)


def judged(name: str, ok: bool, *, expected: Any = None, actual: Any = None, detail: str = "") -> Check:
    """Passes when `ok`."""
    return Check(name, Status.PASS if ok else Status.FAIL, expected, actual, detail)


@dataclass(frozen=True)
class Claims:
    """What a verifier read from one piece of evidence and how far it could be shown genuine.

    `values` holds JSON types only. `anchored` says whether the signature leads to a root that the relying party
    trusts; evidence that is signed by a key of unknown origin can be consistent but is not anchored.
    """

    kind: str
    values: Mapping[str, Any]
    checks: tuple[Check, ...]
    signed: bool = True
    anchored: bool = True
    evidence_sha256: str = ""
    extras: Mapping[str, Any] = field(default_factory=dict)
    """Parsed objects for `explain` and composite evidence; never part of the JSON."""

    @property
    def genuine(self) -> bool:
        """No verification check failed and the evidence carries a signature at all."""
        return self.signed and bool(self.checks) and all(check.status is not Status.FAIL for check in self.checks)


@dataclass(frozen=True)
class Verdict:
    """The appraisal of claims under a policy: accepted or rejected, with every check that led there."""

    kind: str
    accepted: bool
    claims: Claims
    checks: tuple[Check, ...]
    policy_name: str
    policy_sha256: str

    @property
    def reasons(self) -> list[str]:
        """One sentence per failed check; empty when accepted."""
        return [sentence(check) for check in self.checks if check.status is Status.FAIL]

    def as_json(self) -> dict[str, Any]:
        """The document that `bulkhead attest verify --json` prints."""
        return {
            "kind": self.kind,
            "verdict": "accepted" if self.accepted else "rejected",
            "genuine": self.claims.genuine,
            "anchored": self.claims.anchored,
            "evidence_sha256": self.claims.evidence_sha256,
            "policy": {"name": self.policy_name, "sha256": self.policy_sha256},
            "claims": dict(self.claims.values),
            "checks": [check.as_json() for check in self.checks],
            "not_evaluated": [check.name for check in self.checks if check.status is Status.NOT_EVALUATED],
            "reasons": self.reasons,
        }


def sentence(check: Check) -> str:
    """A failed check in words."""
    text = check.detail or check.name.replace("_", " ")
    if check.expected is None and check.actual is None:
        return f"{check.name}: {text}"
    return f"{check.name}: {text}: expected {check.expected}, got {check.actual}"
