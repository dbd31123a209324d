"""The results as SARIF 2.1.0 (OASIS), for code-scanning tools and CI.

A failure is `fail` with a level by severity; what could not be judged is `review`; a waiver is a suppression.
"""

from __future__ import annotations

import json
from typing import Any

from compliance.report.model import Report
from compliance.report.neutral import printable
from compliance.results import Result, Verdict
from compliance.rules.catalogue import rule_of
from compliance.rules.model import Rule, Severity

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "7.5", Severity.MEDIUM: "5.0", Severity.LOW: "2.0"}
_KINDS = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.WAIVED: "fail",
    Verdict.NOT_APPLICABLE: "notApplicable",
    Verdict.INDETERMINATE: "review",
}


def render(report: Report) -> str:
    """One SARIF log with one run."""
    index = {rule.id: number for number, rule in enumerate(report.rules)}
    driver = {
        "name": "bulkhead",
        "semanticVersion": "0.1.0",
        "rules": [rule_entry(rule) for rule in report.rules],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [
            {
                "executionSuccessful": True,
                "startTimeUtc": report.manifest["began"],
                "endTimeUtc": report.manifest["ended"],
                "toolExecutionNotifications": [
                    {
                        "level": "warning",
                        "message": {"text": f"{entry['api']} could not be read: {entry['status']}"},
                    }
                    for entry in report.unread()
                ],
            }
        ],
        "properties": {"endpoint": report.manifest["endpoint"], "localTestDouble": report.double},
        "results": [result_entry(result, index) for result in report.judgement.results],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False) + "\n"


def rule_entry(rule: Rule) -> dict[str, Any]:
    """A rule as a reporting descriptor."""
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"{rule.threat} Not seen: {rule.blind}"},
        "help": {"text": rule.remediation},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"security-severity": _SCORES[rule.severity], "tags": ["security", *rule.objectives]},
    }


def result_entry(result: Result, index: dict[str, int]) -> dict[str, Any]:
    """A result; `index` holds the position of each rule in the run's driver."""
    kind = _KINDS[result.status]
    resource = printable(result.resource)
    value: dict[str, Any] = {
        "ruleId": result.rule,
        "ruleIndex": index[result.rule],
        "kind": kind,
        "level": _LEVELS[rule_of(result.rule).severity] if kind == "fail" else "none",
        "message": {"text": printable(f"{result.tenant}: {resource}: {result.reason}")},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": resource, "kind": "resource"}]}],
        "partialFingerprints": {"bulkhead/v1": f"{result.tenant}/{result.rule}/{resource}"},
        "properties": {"tenant": result.tenant, "status": str(result.status), "facts": list(result.facts)},
    }
    if result.waiver:
        note = f"{result.waiver.owner}, until {result.waiver.expires}: {result.waiver.reason}"
        value["suppressions"] = [{"kind": "external", "status": "accepted", "justification": printable(note)}]
    return value
