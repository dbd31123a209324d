"""The results as CSV, one row each, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io

from compliance.report.model import Report
from compliance.report.neutral import cell
from compliance.rules.catalogue import rule_of

COLUMNS = (
    "tenant",
    "status",
    "severity",
    "rule",
    "title",
    "resource",
    "reason",
    "waiver_owner",
    "waiver_expires",
    "facts",
)


def render(report: Report) -> str:
    """RFC 4180 text with a header line."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for result in report.judgement.results:
        rule = rule_of(result.rule)
        row = (
            result.tenant,
            str(result.status),
            str(rule.severity),
            result.rule,
            rule.title,
            result.resource,
            result.reason,
            result.waiver.owner if result.waiver else "",
            result.waiver.expires if result.waiver else "",
            " ".join(result.facts),
        )
        writer.writerow([cell(value) for value in row])
    return text.getvalue()
