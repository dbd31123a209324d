"""What the rules say about plans as SARIF 2.1.0, with the file and line of each planned resource, for CI.

checkov's failures, where it ran, are a run of their own in the same log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compliance.planned.answers import Source
from compliance.planned.judge import PlanJudgement
from compliance.report.neutral import printable
from compliance.report.sarif import SCHEMA, result_entry, rule_entry
from compliance.results import Result
from compliance.rules.catalogue import rule_of


@dataclass(frozen=True)
class Place:
    """A file, relative to the checkout, and a line in it."""

    file: str
    line: int


@dataclass(frozen=True)
class Foreign:
    """A failure that another tool found; `excuse` is the reason why it does not count, if there is one."""

    check: str
    title: str
    resource: str
    place: Place
    excuse: str | None = None


def render(
    judged: PlanJudgement,
    places: Mapping[Source, Place],
    excuses: Mapping[Result, str],
    checkov: Sequence[Foreign] | None = None,
) -> str:
    """One SARIF log. `excuses` holds the reasons of the exceptions file by result."""
    rules = list(dict.fromkeys(result.rule for result in judged.judgement.results))
    index = {rule: number for number, rule in enumerate(rules)}
    unread = judged.judgement.coverage["types_not_read"]
    notes = [f"no rule reads {kind}" for kind in unread]
    notes += [
        f"{entry['rule']} cannot be judged on a plan: {entry['reason']}"
        for entry in judged.judgement.coverage["not_on_plans"]
    ]
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "bulkhead",
                "semanticVersion": "0.1.0",
                "rules": [rule_entry(rule_of(rule)) for rule in rules],
            }
        },
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [{"level": "note", "message": {"text": text}} for text in notes],
            }
        ],
        "results": [
            _result(result, index, [places[source] for source in sources if source in places], excuses.get(result))
            for result, sources in zip(judged.judgement.results, judged.sources, strict=True)
        ],
    }
    runs = [run] if checkov is None else [run, _foreign_run(checkov)]
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": runs}, indent=1, ensure_ascii=False) + "\n"


def _result(result: Result, index: dict[str, int], places: list[Place], excuse: str | None) -> dict[str, Any]:
    value = result_entry(result, index)
    if places:
        logical = value["locations"][0]["logicalLocations"]
        first, *others = (_physical(place) for place in places)
        value["locations"] = [{**first, "logicalLocations": logical}]
        if others:
            value["relatedLocations"] = [{"id": number, **one} for number, one in enumerate(others, start=1)]
    if excuse is not None:
        value["suppressions"] = [{"kind": "external", "status": "accepted", "justification": printable(excuse)}]
    return value


def _physical(place: Place) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": place.file}, "region": {"startLine": place.line}}}


def _foreign_run(found: Sequence[Foreign]) -> dict[str, Any]:
    checks = {one.check: one.title for one in found}
    return {
        "tool": {
            "driver": {
                "name": "checkov",
                "rules": [{"id": check, "shortDescription": {"text": title}} for check, title in checks.items()],
            }
        },
        "results": [
            {
                "ruleId": one.check,
                "kind": "fail",
                "level": "warning",
                "message": {"text": printable(f"{one.resource}: {one.title}")},
                "locations": [
                    {
                        **_physical(one.place),
                        "logicalLocations": [{"fullyQualifiedName": printable(one.resource), "kind": "resource"}],
                    }
                ],
                "partialFingerprints": {"bulkhead/v1": f"{one.place.file}/{one.check}/{one.resource}"},
                **(
                    {"suppressions": [{"kind": "external", "status": "accepted", "justification": one.excuse}]}
                    if one.excuse
                    else {}
                ),
            }
            for one in found
        ],
    }
