"""The record's delivery: what is due when, what counts as a gap, and what the endpoint has to say for either."""

from __future__ import annotations

import pytest

from compliance.results import Verdict
from tests.compliance.rules.breaks.data import TRAIL
from tests.compliance.world import MANAGEMENT, world

NOW = "2026-03-01T12:00:00.000Z"
ON = {"IsLogging": True, "StartLoggingTime": "2025-01-01T00:00:00.000Z"}


def judged(rule, status):
    made = world()
    made.put(MANAGEMENT, "cloudtrail:GetTrailStatus", status, Name=TRAIL)
    (result,) = made.judge(rule, "platform")
    return result.status, result.reason


@pytest.mark.parametrize(
    ("said", "verdict", "words"),
    [
        ({"LatestDigestDeliveryTime": "2026-03-01T09:00:01.000Z"}, Verdict.PASS, "last digest on"),
        ({"LatestDigestDeliveryTime": "2026-03-01T09:00:00.000Z"}, Verdict.FAIL, "no digest came since"),
        ({}, Verdict.INDETERMINATE, "says nothing of digests"),
        ({"StartLoggingTime": "2026-03-01T11:00:00.000Z"}, Verdict.PASS, "not due yet"),
        ({"StartLoggingTime": "2026-03-01T08:00:00.000Z"}, Verdict.INDETERMINATE, "says nothing of digests"),
        (
            {"LatestDigestDeliveryTime": "2026-03-01T11:00:00.000Z", "LatestDigestDeliveryError": "AccessDenied"},
            Verdict.FAIL,
            "AccessDenied",
        ),
        ({"LatestDigestDeliveryTime": "lately"}, Verdict.INDETERMINATE, "could not be understood"),
    ],
)
def test_digests_are_due_every_hour(said, verdict, words):
    found, reason = judged("audit.trail-digests-delivered", ON | said)
    assert (found, words in reason) == (verdict, True), reason


def test_nothing_said_of_start_or_digests_is_indeterminate():
    assert judged("audit.trail-digests-delivered", {"IsLogging": True})[0] is Verdict.INDETERMINATE


@pytest.mark.parametrize(
    ("said", "verdict", "words"),
    [
        ({}, Verdict.PASS, "90 days"),
        ({"StopLoggingTime": "2025-11-01T00:00:00.000Z"}, Verdict.PASS, "90 days"),
        (
            {"StopLoggingTime": "2026-02-28T00:00:00.000Z", "StartLoggingTime": "2026-02-28T01:00:00.000Z"},
            Verdict.FAIL,
            "stopped on 2026-02-28T00:00:00.000Z, on again at 2026-02-28T01:00:00.000Z",
        ),
        ({"StopLoggingTime": "2026-02-28T00:00:00.000Z"}, Verdict.FAIL, "an unknown time"),
        ({"IsLogging": False, "StopLoggingTime": "2025-02-28T00:00:00.000Z"}, Verdict.FAIL, "nothing is recorded"),
        ({"StopLoggingTime": 7}, Verdict.INDETERMINATE, "could not be understood"),
    ],
)
def test_a_stop_is_a_gap(said, verdict, words):
    found, reason = judged("audit.trail-never-stopped", ON | said)
    assert (found, words in reason) == (verdict, True), reason
