"""The report as one self-contained HTML page: no script or style from elsewhere, readable without script, printable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from compliance.report.model import Report
from compliance.report.neutral import printable
from compliance.report.proofs import PATHS, VERDICTS
from compliance.results import Verdict, counts
from compliance.rules.catalogue import rule_of

TEMPLATES = Path(__file__).parent / "templates"
GLYPHS = {"pass": "✓", "fail": "✕", "waived": "◐", "not-applicable": "–", "indeterminate": "?"}
PROOF_GLYPHS = {"proved": "✓", "violated": "✕", "undecided": "~", "indeterminate": "?"}
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


def render(report: Report, *, paper: bool = False) -> str:
    """The page as text. The same report gives the same bytes.

    With `paper`, for printing: passed results are counted and not listed, and the table of facts stays in the bundle.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters["params"] = lambda value: json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
    environment.filters["moment"] = lambda value: f"{value[:10]} {value[11:19]} UTC"
    return environment.get_template("report.html.j2").render({**_context(report), "paper": paper})


def _context(report: Report) -> dict[str, Any]:
    summary = report.judgement.summary
    return {
        "report": report,
        "summary": summary,
        "policy": POLICY,
        "verdicts": [str(verdict) for verdict in Verdict],
        "glyphs": GLYPHS,
        "proof_glyphs": PROOF_GLYPHS,
        "proof_verdicts": VERDICTS,
        "paths": PATHS,
        "rule_of": rule_of,
        "counts": counts,
        "headline": headline(report),
        "worst": worst_of(report),
        "failing": report.findings(Verdict.FAIL),
        "unknown": report.findings(Verdict.INDETERMINATE),
        "waived": report.findings(Verdict.WAIVED),
        "short": {digest: f"F{number}" for number, digest in enumerate(sorted(report.facts), start=1)},
        "notes": sorted(report.facts.values(), key=lambda note: (note.account, note.api, note.digest)),
    }


def headline(report: Report) -> str:
    """The outcome in one sentence."""
    said = _rules_in_words(report)
    if report.proofs is None or report.proofs.overall == "proved":
        return said
    violated = sum(one.verdict == "violated" for one in report.proofs.pairs)
    if violated:
        return f"One tenant can reach another: {violated} {_many(violated, 'path')} open. {said}"
    return f"That no tenant reaches another could not be shown for every path. {said}"


def worst_of(report: Report) -> str:
    """The worst value of rules and proofs together: a violated proof is a failure, an open one is indeterminate."""
    found = str(report.judgement.summary["worst"])
    if report.proofs is None or report.proofs.overall == "proved" or found == "fail":
        return found
    return "fail" if report.proofs.overall == "violated" else "indeterminate"


def _rules_in_words(report: Report) -> str:
    numbers = report.judgement.summary
    failed, unknown = numbers["fail"], numbers["indeterminate"]
    if failed and unknown:
        return f"{failed} {_many(failed, 'finding')}, and {unknown} {_many(unknown, 'check')} that could not be made."
    if failed:
        return f"{failed} {_many(failed, 'finding')}."
    if unknown:
        return f"No finding, but {unknown} {_many(unknown, 'check')} could not be made: nothing is claimed about those."
    return "No findings."


def _many(number: int, what: str) -> str:
    return what if number == 1 else f"{what}s"
