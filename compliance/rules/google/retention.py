"""Retention of data sets on Google Cloud: within their class, and enforced by the bucket's own lifecycle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compliance.facts.data_sets import DataSetScope
from compliance.results import Verdict
from compliance.rules.google.populations import checked, google, named_buckets
from compliance.rules.google.view import ASSETS, GoogleView
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems
from compliance.rules.view import View

_DAY = 86400
_PLAIN = frozenset({"age", "daysSinceNoncurrentTime", "isLive", "matchesPrefix"})
"""Conditions under which a rule still reaches every object of a data set in time; any other narrows it."""


def _data_sets(view: View) -> Iterator[Resource]:
    return (Resource(f"dataset {one.id}", one) for one in google(view).own.datasets)


def _within_class(view: GoogleView, resource: Resource) -> Outcome:
    held: DataSetScope = resource.data
    limit = view.scope.class_retention.get(held.sensitivity)
    if limit is None:
        return failed(f"the class {held.sensitivity} is not one of the platform's")
    said = f"{held.retention_days} days, class {held.sensitivity} allows {limit}"
    return decide(held.retention_days <= limit, said, said)


def _data_bucket(view: View) -> Iterator[Resource]:
    return (resource for resource in named_buckets(view) if resource.data[0] == "data")


def _enforced(view: GoogleView, resource: Resource) -> Outcome:
    _, asset = resource.data
    if not view.own.datasets:
        return Outcome(Verdict.NOT_APPLICABLE, "the tenant has no data set")
    if asset is None:
        return failed("the bucket does not exist")
    problems = []
    for held in view.own.datasets:
        days = _gone_after(asset.data, f"{held.id}/")
        if days is None:
            problems.append(f"nothing deletes {held.id} and its old versions")
        elif days > held.retention_days:
            problems.append(f"{held.id} is gone after {days} days, {held.retention_days} are allowed")
    return judge_problems(problems, "every data set and its old versions are deleted at the end of their retention")


def _gone_after(bucket: Mapping[str, Any], prefix: str) -> int | None:
    """Days after which nothing of an object is left; None if something may stay (Storage JSON API, `lifecycle`).

    Deleting a live object of a bucket with versions makes it noncurrent; it is gone when the version is deleted too.
    """
    conditions = [
        rule.get("condition") or {}
        for rule in (bucket.get("lifecycle") or {}).get("rule", [])
        if (rule.get("action") or {}).get("type") == "Delete"
    ]
    found = [held for held in conditions if held.keys() <= _PLAIN and _speaks_of(held, prefix)]
    live = [int(h["age"]) for h in found if h.get("isLive") is not False and "daysSinceNoncurrentTime" not in h]
    if not live:
        return None
    gone = min(live)
    if (bucket.get("versioning") or {}).get("enabled"):
        old = [_noncurrent(held, gone) for held in found if held.get("isLive") is not True]
        if not old:
            return None
        gone = min(old)
    soft = int((bucket.get("softDeletePolicy") or {}).get("retentionDurationSeconds", 0))
    return gone + -(-soft // _DAY)


def _noncurrent(condition: Mapping[str, Any], replaced: int) -> int:
    """Days after the writing at which a version that became noncurrent after `replaced` days is deleted."""
    since = replaced + int(condition.get("daysSinceNoncurrentTime", 0))
    return max(since, int(condition.get("age", 0)))


def _speaks_of(condition: Mapping[str, Any], prefix: str) -> bool:
    given = condition.get("matchesPrefix")
    return given is None or any(prefix.startswith(str(one)) for one in given)


_WHY = "Personal data is kept without need."
RULES = (
    Rule(
        "data.gcp-retention-within-class",
        "No data set is kept longer than its class allows",
        Severity.MEDIUM,
        About.TENANT,
        _WHY,
        "Whether the class is the right one.",
        "Lower retention_days in the tenant's file.",
        ("data.retention",),
        (),
        _data_sets,
        checked(_within_class),
    ),
    Rule(
        "data.gcp-retention-enforced",
        "Data is deleted at the end of its retention",
        Severity.HIGH,
        About.TENANT,
        _WHY,
        "Copies elsewhere; checkpoints, which can be made again.",
        "Deploy the tenant's vault stack, which sets the bucket's lifecycle.",
        ("data.retention",),
        (ASSETS,),
        _data_bucket,
        checked(_enforced),
    ),
)
