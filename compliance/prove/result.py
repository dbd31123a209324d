"""What the proof says: one verdict for each pair and path, and every obligation behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from compliance.estate.model import PATHS, Path

Verdict = Literal["proved", "violated", "undecided", "indeterminate"]

_WEIGHT: dict[Verdict, int] = {"proved": 0, "undecided": 1, "indeterminate": 2, "violated": 3}


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a pair is not proved on a path: `witness` for a violation, `reasons` always."""

    verdict: Verdict
    resource: str
    reasons: tuple[str, ...]
    witness: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Obligation:
    """One thing that had to be shown.

    Attributes:
        attacker: a tenant, or `every other account`.
        to: the tenant whose resource it is.
        subject: the action, or the lock's name.
    """

    attacker: str
    to: str
    path: str
    subject: str
    resource: str
    verdict: Verdict
    reasons: tuple[str, ...]
    witness: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "from": self.attacker,
            "to": self.to,
            "path": self.path,
            "obligation": self.subject,
            "resource": self.resource,
            "verdict": self.verdict,
            "witness": self.witness,
            "reasons": list(self.reasons),
        }


@dataclass(slots=True)
class Proofs:
    """All verdicts. Pairs without a finding are proved, for the reasons of `grounds`.

    Attributes:
        findings: by attacker, victim and path, the weightiest first.
        against: by victim and path, what holds whoever the attacker is: something that could not be read, say.
        outside: what leaves for, or is open to, somebody who is no tenant.
        grounds: by victim and path, why nobody reaches it.
        locks: for each tenant the three locks, each judged as if the other two were missing.
    """

    tenants: tuple[str, ...]
    source: str
    findings: dict[tuple[str, str, Path], list[Finding]] = field(default_factory=dict)
    against: dict[tuple[str, Path], list[Finding]] = field(default_factory=dict)
    outside: list[Obligation] = field(default_factory=list)
    grounds: dict[tuple[str, Path], tuple[str, ...]] = field(default_factory=dict)
    obligations: list[Obligation] = field(default_factory=list)
    locks: list[Obligation] = field(default_factory=list)
    coverage: dict[str, Any] = field(default_factory=dict)

    def note(self, attacker: str, victim: str, path: Path, finding: Finding) -> None:
        """Adds a finding about a pair."""
        found = self.findings.setdefault((attacker, victim, path), [])
        if finding not in found:
            found.append(finding)
            found.sort(key=lambda each: -_WEIGHT[each.verdict])

    def found(self, attacker: str, victim: str, path: Path) -> list[Finding]:
        """Everything that keeps a pair from being proved, the weightiest first."""
        mine = self.findings.get((attacker, victim, path), [])
        common = self.against.get((victim, path), [])
        return sorted([*mine, *common], key=lambda each: -_WEIGHT[each.verdict]) if common else mine

    def verdict(self, attacker: str, victim: str, path: Path) -> Verdict:
        """The verdict of one pair on one path."""
        found = self.found(attacker, victim, path)
        return found[0].verdict if found else "proved"

    def pairs(self) -> Iterator[dict[str, Any]]:
        """Every ordered pair on every path, one at a time: a thousand tenants have seven million."""
        for attacker in self.tenants:
            for victim in self.tenants:
                if attacker == victim:
                    continue
                for path in PATHS:
                    yield self._pair(attacker, victim, path)

    def _pair(self, attacker: str, victim: str, path: Path) -> dict[str, Any]:
        found = self.found(attacker, victim, path)
        head: dict[str, Any] = {"from": attacker, "to": victim, "path": path}
        if not found:
            reasons = list(self.grounds.get((victim, path), ()))
            return head | {"verdict": "proved", "resource": None, "witness": None, "reasons": reasons}
        first = found[0]
        reasons = [*first.reasons, *(f"also {each.verdict}: {each.resource}" for each in found[1:])]
        return head | {
            "verdict": first.verdict, "resource": first.resource, "witness": first.witness, "reasons": reasons,
        }  # fmt: skip

    def count(self) -> dict[Verdict, int]:
        """How many pairs and paths have each verdict."""
        others = len(self.tenants) - 1
        counts: dict[Verdict, int] = {"proved": 0, "violated": 0, "undecided": 0, "indeterminate": 0}
        for key in self.findings:
            counts[self.verdict(*key)] += 1
        for (victim, path), common in self.against.items():
            worst = max((each.verdict for each in common), key=_WEIGHT.__getitem__)
            special = sum(1 for _, to, on in self.findings if (to, on) == (victim, path))
            counts[worst] += others - special
        counts["proved"] = len(self.tenants) * others * len(PATHS) - sum(counts.values())
        return counts

    @property
    def worst(self) -> Verdict:
        """The weightiest verdict among pairs and locks."""
        seen = [self.verdict(*key) for key in self.findings]
        seen += [each.verdict for common in self.against.values() for each in common]
        seen += [each.verdict for each in (*self.locks, *self.outside)]
        return max(seen, key=_WEIGHT.__getitem__, default="proved")
