"""The results as OCSF 1.5 Compliance Findings (class 2003), one JSON object a line.

Text of a rule stands once per finding and no mapping is inlined, so that a line stays short.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from compliance.controls.load import controls_of
from compliance.report.model import Report
from compliance.report.neutral import printable
from compliance.report.oscal import stable_uuid
from compliance.results import Result, Verdict
from compliance.rules.catalogue import rule_of
from compliance.rules.model import Severity

_SEVERITIES = {Severity.LOW: 2, Severity.MEDIUM: 3, Severity.HIGH: 4, Severity.CRITICAL: 5}
_INFORMATIONAL = 1
_COMPLIANCE = {
    Verdict.PASS: (1, "Pass"),
    Verdict.WAIVED: (2, "Warning"),
    Verdict.FAIL: (3, "Fail"),
    Verdict.INDETERMINATE: (0, "Unknown"),
    Verdict.NOT_APPLICABLE: (99, "Not applicable"),
}
_NEW, _SUPPRESSED, _RESOLVED = (1, "New"), (3, "Suppressed"), (4, "Resolved")


def render(report: Report) -> str:
    """JSON lines, one finding each."""
    lines = [json.dumps(_finding(report, result), ensure_ascii=False) for result in report.judgement.results]
    return "\n".join(lines) + "\n"


def _finding(report: Report, result: Result) -> dict[str, Any]:
    rule = rule_of(result.rule)
    moment = datetime.fromisoformat(report.manifest["ended"].replace("Z", "+00:00"))
    number, word = _COMPLIANCE[result.status]
    bad = result.status in {Verdict.FAIL, Verdict.WAIVED, Verdict.INDETERMINATE}
    state = _SUPPRESSED if result.status is Verdict.WAIVED else _NEW if bad else _RESOLVED
    controls = [f"{name} {one}" for name, ids in controls_of(rule).items() for one in ids]
    return {
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "type_uid": 200301,
        "time": int(moment.timestamp() * 1000),
        "severity_id": _SEVERITIES[rule.severity] if bad else _INFORMATIONAL,
        "status_id": state[0],
        "status": state[1],
        "message": printable(result.reason),
        "metadata": {
            "version": "1.5.0",
            "product": {"name": "Bulkhead", "vendor_name": "Bulkhead", "version": "0.1.0"},
            "log_provider": "local test double" if report.double else "aws",
        },
        "finding_info": {
            "uid": stable_uuid("finding", result.tenant, result.rule, result.resource),
            "title": rule.title,
            "desc": rule.threat,
            "types": [result.rule],
        },
        "compliance": {
            "standards": sorted(controls_of(rule)),
            "requirements": controls,
            "control": result.rule,
            "status_id": number,
            "status": word,
            "status_detail": printable(result.reason),
        },
        "remediation": {"desc": rule.remediation},
        "resources": [
            {
                "uid": printable(result.resource),
                "owner": {"name": result.tenant},
                "cloud_partition": "aws",
            }
        ],
        "unmapped": {"facts": list(result.facts), "status": str(result.status)},
    }
