"""Evidence of running machines: accepted, refused, stale, missing, another machine's, and not read to the end."""

from __future__ import annotations

import pytest

from compliance.results import Verdict
from compliance.rules.node_evidence import of_machine
from tests.compliance.rules.breaks.common import instance
from tests.compliance.world import ACME, document_event, world

# The world's scan is at 12:00 on 2026-03-01; its machine runs since 08:00 two days before.
ACCEPTED = document_event("i-acme", "2026-03-01T09:00:00Z")
REFUSED = document_event("i-acme", "2026-03-01T10:00:00Z", errorCode="AccessDenied")
AGAIN = document_event("i-acme", "2026-03-01T11:00:00Z", eventName="GenerateDataKey")
BARE_REFUSED = document_event("i-acme", "2026-03-01T10:00:00Z", errorCode="AccessDenied", additionalEventData=None)
STALE = document_event("i-acme", "2026-02-28T11:00:00Z")
ANOTHERS = document_event("i-globex", "2026-03-01T11:00:00Z")
PREFIX = document_event("i-acme2", "2026-03-01T11:00:00Z")
BARE = document_event("i-acme", "2026-03-01T11:00:00Z", additionalEventData=None)
OTHER = document_event("i-acme", "2026-03-01T11:00:00Z", eventName="DescribeKey")
JUST_STARTED = {"LaunchTime": "2026-03-01T11:30:00Z"}


def judged(events, *, machine=None, more=False):
    made = world()
    if machine:
        instance(machine)(made)
    answer = {"Events": events} | ({"NextToken": "t"} if more else {})
    made.put(ACME, "cloudtrail:LookupEvents", answer, LookupAttributes=of_machine("i-acme"))
    (result,) = made.judge("node.evidence-fresh", "acme")
    return result.status, result.reason


@pytest.mark.parametrize(
    ("events", "verdict", "words"),
    [
        ([ACCEPTED], Verdict.PASS, "accepted at 2026-03-01T09:00:00Z"),
        ([ACCEPTED, REFUSED], Verdict.FAIL, "refused (AccessDenied)"),
        ([ACCEPTED, BARE_REFUSED], Verdict.FAIL, "refused (AccessDenied)"),
        ([AGAIN, REFUSED, ACCEPTED], Verdict.PASS, "11:00:00Z"),
        ([STALE], Verdict.FAIL, "25 hours before the scan"),
        ([ANOTHERS], Verdict.FAIL, "no attestation document"),
        ([PREFIX], Verdict.FAIL, "no attestation document"),
        ([BARE, OTHER], Verdict.FAIL, "has run for 52 hours"),
        ([{"CloudTrailEvent": "{"}], Verdict.INDETERMINATE, "could not be understood"),
    ],
)
def test_the_newest_document_decides(events, verdict, words):
    found, reason = judged(events)
    assert (found, words in reason) == (verdict, True), reason


def test_a_machine_has_an_hour_to_show_what_it_booted():
    assert judged([], machine=JUST_STARTED)[0] is Verdict.NOT_APPLICABLE
    assert judged([REFUSED], machine=JUST_STARTED)[0] is Verdict.FAIL
    assert judged([], machine={"State": {"Name": "stopped"}})[0] is Verdict.NOT_APPLICABLE


def test_events_that_were_not_read_are_not_nothing():
    assert judged([BARE], more=True)[0] is Verdict.INDETERMINATE
    assert judged([ACCEPTED], more=True)[0] is Verdict.PASS
