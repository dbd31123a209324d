"""The results as OSCAL 1.2.1 assessment results (NIST), one document per control catalogue.

Observation: one rule on one tenant. Finding: one control for one tenant. Risk: a failed rule; a waived one with the
status `deviation-approved`, still open. Nothing is `satisfied` because of a waiver or because it could not be read.
Identifiers are UUIDs of version 5 over stable names, so that two runs can be compared line by line.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from compliance.controls.load import ControlResult, catalogues, control_results, objectives
from compliance.report.model import Report
from compliance.report.neutral import printable
from compliance.results import Result, Verdict, worst
from compliance.rules.catalogue import rule_of

VERSION = "1.2.1"
NAMESPACE = uuid.UUID("6d9b2f0e-6f0b-5f8e-9d1c-2b7b5d3a4c11")
NS = "https://bulkhead.example/ns/oscal"
_TOKEN = re.compile(r"[^A-Za-z0-9_.-]+")


def stable_uuid(*parts: str) -> str:
    """A UUID of version 5 for a name of several parts."""
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(parts)))


def token(text: str) -> str:
    """The text as an OSCAL token: letters, digits and `_.-`, not beginning with a digit."""
    made = _TOKEN.sub("-", text).strip("-")
    return made if made[:1].isalpha() else f"c-{made}"


def render(report: Report, catalogue: str = "nist-800-53") -> str:
    """The assessment results against one catalogue, as JSON text."""
    return json.dumps(document(report, catalogue), indent=1, ensure_ascii=False) + "\n"


def document(report: Report, catalogue: str = "nist-800-53") -> dict[str, Any]:
    """The assessment results as a plain object."""
    began, ended = report.manifest["began"], report.manifest["ended"]
    run = str(report.manifest["facts"]["chain_head"])
    entry = catalogues()[catalogue]
    results = [_result(report, tenant, catalogue, run) for tenant in report.tenants]
    party = stable_uuid("party", "bulkhead")
    return {
        "assessment-results": {
            "uuid": stable_uuid("assessment", run, catalogue),
            "metadata": {
                "title": f"Isolation of tenants of {report.scope.platform} against {entry.title}",
                "last-modified": ended,
                "version": run[7:19],
                "oscal-version": VERSION,
                "props": [
                    _prop("endpoint", report.manifest["endpoint"]),
                    _prop("local-test-double", "yes" if report.double else "no"),
                    _prop("collected-from", began),
                    _prop("collected-by", report.manifest["caller"] or "unknown"),
                ],
                "roles": [{"id": "assessor", "title": "Assessor (a program)"}],
                "parties": [{"uuid": party, "type": "organization", "name": "Bulkhead"}],
                "responsible-parties": [{"role-id": "assessor", "party-uuids": [party]}],
                "remarks": _double(report),
            },
            "import-ap": {"href": "#" + stable_uuid("resource", "plan")},
            "results": results,
            "back-matter": {"resources": _resources(report)},
        }
    }


def _double(report: Report) -> str:
    if report.double:
        double = f"The endpoint is the local test double, not {report.clouds}."
        return f"{double} These results are no evidence about a real account."
    return f"The endpoint is {report.clouds}."


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": NS, "value": printable(value).strip() or "none"}


def _result(report: Report, tenant: str, catalogue: str, run: str) -> dict[str, Any]:
    results = report.results(tenant=tenant)
    controls = [one for one in control_results(catalogue, results) if one.rules]
    judged = [one for one in controls if one.verdict is not None]
    by_rule: dict[str, list[Result]] = {}
    for result in results:
        by_rule.setdefault(result.rule, []).append(result)
    risks = [
        _risk(tenant, rule, found) for rule, found in by_rule.items() if worst(found) in {Verdict.FAIL, Verdict.WAIVED}
    ]
    value: dict[str, Any] = {
        "uuid": stable_uuid("result", run, catalogue, tenant),
        "title": f"Tenant {tenant}",
        "description": f"Every rule about tenant {tenant}, on every member of its population.",
        "start": report.manifest["began"],
        "end": report.manifest["ended"],
        "local-definitions": {"inventory-items": [_item(report, tenant)]},
        "reviewed-controls": {
            "control-selections": [
                {"include-controls": [{"control-id": token(one.control.lower())} for one in controls]}
            ]
        },
        "observations": [_observation(report, tenant, rule, found) for rule, found in by_rule.items()],
        "findings": [_finding(tenant, one, by_rule) for one in judged],
    }
    if risks:
        value["risks"] = risks
    return value


def _item(report: Report, tenant: str) -> dict[str, Any]:
    accounts = report.scope.accounts_of(tenant)
    return {
        "uuid": stable_uuid("tenant", tenant),
        "description": f"What {tenant} has in the cloud: its account, or its projects.",
        "props": [_prop("account", account) for account in accounts],
    }


def _observation(report: Report, tenant: str, rule_id: str, found: list[Result]) -> dict[str, Any]:
    rule = rule_of(rule_id)
    verdict = worst(found)
    digests = sorted({digest for result in found for digest in result.facts})
    value: dict[str, Any] = {
        "uuid": stable_uuid("observation", tenant, rule_id),
        "title": rule.title,
        "description": _sentences(found),
        "props": [
            _prop("rule", rule_id),
            _prop("status", str(verdict)),
            _prop("population", str(len(found))),
            _prop("severity", str(rule.severity)),
        ],
        "methods": ["TEST"],
        "types": ["finding" if verdict is not Verdict.PASS else "control-objective"],
        "subjects": [{"subject-uuid": stable_uuid("tenant", tenant), "type": "inventory-item"}],
        "collected": report.manifest["ended"],
        "remarks": f"Does not see: {rule.blind}",
    }
    known = [digest for digest in digests if digest in report.facts]
    if known:
        value["relevant-evidence"] = [
            {"href": "#" + stable_uuid("fact", digest), "description": f"{report.facts[digest].api}, {digest}"}
            for digest in known
        ]
    return value


def _sentences(found: list[Result]) -> str:
    telling = [one for one in found if one.status not in {Verdict.PASS, Verdict.NOT_APPLICABLE}] or found[:3]
    return printable("; ".join(f"{one.resource}: {one.status}: {one.reason}" for one in telling[:50]))


def _finding(tenant: str, control: ControlResult, by_rule: dict[str, list[Result]]) -> dict[str, Any]:
    supporting = [rule for rule in control.rules if rule in by_rule]
    verdict = control.verdict
    state, reason = ("satisfied", "pass") if verdict is Verdict.PASS else ("not-satisfied", _reason(verdict))
    value: dict[str, Any] = {
        "uuid": stable_uuid("finding", tenant, control.catalogue, control.control),
        "title": control.title,
        "description": " ".join(
            f"{objectives()[aim].why} Limits: {objectives()[aim].limits}" for aim in control.objectives
        ),
        "target": {
            "type": "objective-id",
            "target-id": token(f"{control.control.lower()}_obj"),
            "status": {
                "state": state,
                "reason": reason,
                "remarks": "A technical check supports this control; it does not satisfy the control alone.",
            },
        },
        "related-observations": [{"observation-uuid": stable_uuid("observation", tenant, rule)} for rule in supporting],
    }
    risks = [rule for rule in supporting if worst(by_rule[rule]) in {Verdict.FAIL, Verdict.WAIVED}]
    if risks:
        value["related-risks"] = [{"risk-uuid": stable_uuid("risk", tenant, rule)} for rule in risks]
    return value


def _reason(verdict: Verdict | None) -> str:
    return "fail" if verdict is Verdict.FAIL else str(verdict)


def _risk(tenant: str, rule_id: str, found: list[Result]) -> dict[str, Any]:
    rule = rule_of(rule_id)
    waived = worst(found) is Verdict.WAIVED
    value: dict[str, Any] = {
        "uuid": stable_uuid("risk", tenant, rule_id),
        "title": rule.title,
        "description": _sentences(found),
        "statement": rule.threat,
        "props": [_prop("severity", str(rule.severity))],
        "status": "deviation-approved" if waived else "open",
        "related-observations": [{"observation-uuid": stable_uuid("observation", tenant, rule_id)}],
    }
    notes = sorted({one.waiver for one in found if one.waiver}, key=lambda one: one.expires)
    if notes:
        value["mitigating-factors"] = [
            {
                "uuid": stable_uuid("mitigation", tenant, rule_id, note.owner, note.expires),
                "description": printable(
                    f"{note.compensating_control} (waived by {note.owner} until {note.expires}: {note.reason})"
                ),
            }
            for note in notes
        ]
        value["deadline"] = f"{notes[0].expires}T23:59:59Z"
    if not waived:
        value["remediations"] = [
            {
                "uuid": stable_uuid("remediation", tenant, rule_id),
                "lifecycle": "recommendation",
                "title": "Way out",
                "description": rule.remediation,
            }
        ]
    return value


def _resources(report: Report) -> list[dict[str, Any]]:
    plan = {
        "uuid": stable_uuid("resource", "plan"),
        "title": "Assessment plan",
        "description": "Every rule of the pack on every member of its population, from facts collected by API.",
        "props": [_prop("rules", str(len(report.rules)))],
    }
    facts = [
        {
            "uuid": stable_uuid("fact", note.digest),
            "title": note.api,
            "description": printable(f"{note.api} {json.dumps(note.params, sort_keys=True)} at {note.ended}"),
            "rlinks": [
                {
                    "href": "facts.jsonl",
                    "hashes": [{"algorithm": "SHA-256", "value": note.digest.removeprefix("sha256:")}],
                }
            ],
        }
        for note in sorted(report.facts.values(), key=lambda one: one.digest)
    ]
    return [plan, *facts]
