"""The risk register: threats, the rules that answer each, and the evidence that they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compliance.controls.load import objectives
from compliance.report.model import SEVERITIES, Report
from compliance.results import ORDER, Verdict, counts, worst
from compliance.rules.catalogue import RULES
from compliance.rules.model import Rule


@dataclass(frozen=True)
class Risk:
    """One threat: how bad, what answers it, and what the results say. Without a result it is unanswered."""

    threat: str
    severity: str
    rules: tuple[str, ...]
    objectives: tuple[str, ...]
    state: Verdict
    results: dict[str, int]
    facts: int
    limits: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The risk as an object."""
        return {
            "threat": self.threat,
            "severity": self.severity,
            "answered_by": list(self.rules),
            "objectives": list(self.objectives),
            "state": str(self.state),
            "results": self.results,
            "facts": self.facts,
            "limits": list(self.limits),
        }


def register(report: Report) -> tuple[Risk, ...]:
    """Every threat of the rules, the worst first."""
    by_threat: dict[str, list[Rule]] = {}
    for rule in RULES:
        by_threat.setdefault(rule.threat, []).append(rule)
    risks = [_risk(report, threat, rules) for threat, rules in by_threat.items()]
    return tuple(sorted(risks, key=lambda one: (ORDER.index(one.state), SEVERITIES.index(_level(one)), one.threat)))


def _level(risk: Risk) -> Any:
    return next(level for level in SEVERITIES if str(level) == risk.severity)


def _risk(report: Report, threat: str, rules: list[Rule]) -> Risk:
    ids = {rule.id for rule in rules}
    found = [one for one in report.judgement.results if one.rule in ids]
    judged = [one for one in found if one.status is not Verdict.NOT_APPLICABLE]
    aims = tuple(dict.fromkeys(aim for rule in rules for aim in rule.objectives))
    state = worst(judged) if judged else (Verdict.NOT_APPLICABLE if found else Verdict.INDETERMINATE)
    return Risk(
        threat=threat,
        severity=str(min((rule.severity for rule in rules), key=SEVERITIES.index)),
        rules=tuple(rule.id for rule in rules),
        objectives=aims,
        state=state,
        results=counts(found),
        facts=len({digest for one in found for digest in one.facts}),
        limits=tuple(objectives()[aim].limits for aim in aims),
    )


def render(report: Report) -> str:
    """The register in Markdown."""
    lines = [
        "# Risk register",
        "",
        f"From facts collected {report.manifest['ended'][:10]} at `{report.manifest['endpoint']}`.",
        "",
        "| threat | severity | state | answered by | evidence |",
        "| --- | --- | --- | --- | --- |",
    ]
    for risk in register(report):
        rules = ", ".join(f"`{rule}`" for rule in risk.rules)
        lines.append(f"| {risk.threat} | {risk.severity} | {risk.state} | {rules} | {risk.facts} facts |")
    return "\n".join(lines) + "\n"
