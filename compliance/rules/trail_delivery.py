"""Whether the trail delivers: on, without gaps, log files and digests arriving."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from compliance.results import Verdict
from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, failed, judge_problems, passed
from compliance.rules.trail import IMMUTABLE, NO_TRAIL, TRACES_REMOVED, TRAILS, audit_rule, trails
from compliance.rules.view import View

_LATE = timedelta(hours=24)
_DIGEST_DUE = timedelta(hours=3)
"""A digest is due every hour, also when nothing happened (CloudTrail user guide, "Digest file structure")."""
_REMEMBERED = timedelta(days=90)


def _logging(view: View, resource: Resource) -> Outcome:
    status, _ = _status(view, resource)
    problems = [] if status["IsLogging"] else ["the trail is stopped"]
    if status.get("LatestDeliveryError"):
        problems.append(f"delivery fails: {status['LatestDeliveryError']}")
    return judge_problems(problems, "the trail is on and delivers")


def _no_gap(view: View, resource: Resource) -> Outcome:
    status, asked = _status(view, resource)
    last = status.get("LatestDeliveryTime")
    if last is None:
        return failed("nothing was ever delivered")
    return decide(asked - _moment(last) < _LATE, f"last delivery on {last}", f"nothing was delivered since {last}")


def _status(view: View, resource: Resource) -> tuple[dict[str, Any], datetime]:
    """What CloudTrail says about a trail, and when it said so."""
    status = view.one("cloudtrail:GetTrailStatus", view.management, Name=resource.id) or {}
    if not isinstance(status["IsLogging"], bool):
        msg = f"IsLogging is {status['IsLogging']!r}"
        raise TypeError(msg)
    (fact, *_) = view.graph.facts(view.management, "cloudtrail:GetTrailStatus", Name=resource.id)
    return status, _moment(fact.ended)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _digests_delivered(view: View, resource: Resource) -> Outcome:
    status, asked = _status(view, resource)
    if status.get("LatestDigestDeliveryError"):
        return failed(f"digests cannot be delivered: {status['LatestDigestDeliveryError']}")
    last = status.get("LatestDigestDeliveryTime")
    if last is None:
        started = status["StartLoggingTime"]
        if asked - _moment(started) < _DIGEST_DUE:
            return passed(f"on since {started}; the first digest is not due yet")
        text = f"on since {started}, and cloudtrail:GetTrailStatus says nothing of digests"
        return Outcome(Verdict.INDETERMINATE, text)
    return decide(asked - _moment(last) < _DIGEST_DUE, f"last digest on {last}", f"no digest came since {last}")


def _never_stopped(view: View, resource: Resource) -> Outcome:
    status, asked = _status(view, resource)
    stopped, started = status.get("StopLoggingTime"), status.get("StartLoggingTime")
    if not status["IsLogging"]:
        return failed(f"stopped since {stopped or 'ever'}: nothing is recorded")
    if stopped is None or asked - _moment(stopped) > _REMEMBERED:
        return passed(f"not stopped in the last {_REMEMBERED.days} days")
    until = started if started is not None and _moment(started) > _moment(stopped) else "an unknown time"
    return failed(f"a gap in the log: stopped on {stopped}, on again at {until}")


_READS = (TRAILS, "cloudtrail:GetTrailStatus")

RULES: tuple[Rule, ...] = (
    audit_rule(
        "trail-on",
        "The trail is on and delivers",
        Severity.CRITICAL,
        _READS,
        trails,
        _logging,
        TRACES_REMOVED,
        empty=NO_TRAIL,
    ),
    audit_rule(
        "trail-no-gap",
        "The trail delivered within the last day",
        Severity.HIGH,
        _READS,
        trails,
        _no_gap,
        TRACES_REMOVED,
        empty=NO_TRAIL,
        blind="Gaps between deliveries; `bulkhead evidence trail` names those.",
    ),
    audit_rule(
        "trail-digests-delivered",
        "A digest was delivered within the last three hours",
        Severity.HIGH,
        _READS,
        trails,
        _digests_delivered,
        "Records are changed afterwards.",
        objectives=IMMUTABLE,
        empty=NO_TRAIL,
        blind="What the digests say; `bulkhead evidence trail` checks them. Regions other than the trail's own.",
    ),
    audit_rule(
        "trail-never-stopped",
        "The trail was not stopped in the last 90 days",
        Severity.HIGH,
        _READS,
        trails,
        _never_stopped,
        TRACES_REMOVED,
        empty=NO_TRAIL,
        blind="All but the newest stop, which is the one that CloudTrail tells.",
        remediation="Find out who stopped it and what happened meanwhile; keep the answer with the evidence pack.",
    ),
)
