"""Evidence of running machines: accepted, refused, stale, missing, another machine's, and not read to the end."""

from __future__ import annotations

import pytest

from compliance.results import Verdict
from compliance.rules.node_evidence import of_machine
from tests.compliance.rules.breaks.common import instance
from tests.compliance.world import ACME, GLOBEX, document_event, world

# The world's scan is at 12:00 on 2026-03-01; its machine runs since 08:00 two days before.
NINE, TEN, ELEVEN = (f"2026-03-01T{hour:02}:00:00Z" for hour in (9, 10, 11))
TRAINER = {"sessionIssuer": {"arn": "arn:aws:iam::311111111111:role/bh-acme-trainer"}}
SERVICE = {"invokedBy": "s3.amazonaws.com", "sessionContext": TRAINER}
NAMED_LIKE_IT = {"sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::311111111111:role/bh-acme-data-owner"}}}
ACCEPTED = document_event("acme", NINE)
AGAIN = document_event("acme", ELEVEN, eventName="GenerateDataKey")
REFUSED = document_event("acme", TEN, errorCode="AccessDenied")
SAYS_NOTHING = document_event("acme", TEN, errorCode="AccessDenied", additionalEventData=None, resources=None)
UNNAMED = document_event("acme", TEN, errorCode="AccessDenied", resources=[{"ARN": ""}])
OTHER_KEY = document_event("acme", ELEVEN, "checkpoint")
JUST_STARTED = {"LaunchTime": "2026-03-01T11:30:00Z"}
NONE = "showed no attestation document"


def module(text):
    return document_event("acme", ELEVEN, additionalEventData={"recipient": {"attestationDocumentModuleId": text}})


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
        ([ACCEPTED], Verdict.PASS, "accepted its attestation document at 2026-03-01T09:00:00Z"),
        ([document_event("acme", "2026-02-28T11:00:00Z")], Verdict.FAIL, "25 hours before the scan"),
        ([], Verdict.FAIL, "has run for 52 hours"),
        # refusals
        ([ACCEPTED, REFUSED], Verdict.FAIL, "refused it a key at 2026-03-01T10:00:00Z"),
        ([ACCEPTED, SAYS_NOTHING], Verdict.FAIL, "refused it a key"),
        ([REFUSED], Verdict.FAIL, "refused it a key"),
        ([AGAIN, REFUSED, ACCEPTED], Verdict.PASS, "11:00:00Z"),
        ([AGAIN, SAYS_NOTHING], Verdict.PASS, "11:00:00Z"),
        ([ACCEPTED, REFUSED, OTHER_KEY], Verdict.FAIL, "refused it a key"),
        ([ACCEPTED, document_event("acme", TEN, errorCode="ValidationException")], Verdict.FAIL, "refused it a key"),
        ([ACCEPTED, document_event("acme", NINE, errorCode="AccessDenied")], Verdict.FAIL, "refused it a key"),
        ([ACCEPTED, UNNAMED], Verdict.FAIL, "refused it a key"),
        ([ACCEPTED, document_event("acme", TEN, "export", errorCode="AccessDenied")], Verdict.PASS, "09:00:00Z"),
        ([ACCEPTED, document_event("acme", TEN, errorCode="ThrottlingException")], Verdict.PASS, "09:00:00Z"),
        ([ACCEPTED, document_event("acme", TEN, errorCode="AccessDenied", userIdentity=SERVICE)], Verdict.PASS, "09:0"),
        # what is no evidence of this machine
        ([document_event("globex", ELEVEN, account=GLOBEX)], Verdict.FAIL, NONE),
        ([module("i-globex-tpm0000000000000000")], Verdict.FAIL, NONE),
        ([module("i-acme2-tpm0")], Verdict.FAIL, NONE),
        ([module("i-acme-enc0123456789abcdef")], Verdict.FAIL, NONE),
        ([document_event("acme", ELEVEN, additionalEventData=None)], Verdict.FAIL, NONE),
        ([document_event("acme", ELEVEN, "export")], Verdict.FAIL, NONE),
        ([document_event("acme", ELEVEN, resources=None)], Verdict.FAIL, NONE),
        ([document_event("acme", ELEVEN, userIdentity=NAMED_LIKE_IT)], Verdict.FAIL, NONE),
        ([document_event("acme", ELEVEN, userIdentity=SERVICE)], Verdict.FAIL, NONE),
        ([{"CloudTrailEvent": "{"}], Verdict.INDETERMINATE, "could not be understood"),
        ([{"CloudTrailEvent": '{"userIdentity": 1}'}], Verdict.INDETERMINATE, "could not be understood"),
    ],
)
def test_the_newest_document_for_each_key_decides(events, verdict, words):
    found, reason = judged(events)
    assert (found, words in reason) == (verdict, True), reason


def test_what_was_shown_before_the_last_start_does_not_count():
    restarted = {"LaunchTime": "2026-03-01T10:30:00Z"}
    assert judged([ACCEPTED], machine=restarted)[0] is Verdict.FAIL
    assert judged([ACCEPTED, REFUSED, AGAIN], machine=restarted)[0] is Verdict.PASS
    volumes = [
        {"DeviceName": "/dev/xvda", "Ebs": {"AttachTime": "2026-03-01T10:30:00Z"}},
        {"DeviceName": "/dev/xvdb", "Ebs": {"AttachTime": "2026-03-01T11:30:00Z"}},
    ]
    exchanged = {"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": volumes}
    assert judged([ACCEPTED], machine=exchanged)[0] is Verdict.FAIL
    assert judged([AGAIN], machine=exchanged)[0] is Verdict.PASS


def test_a_machine_has_an_hour_to_show_what_it_booted():
    assert judged([], machine=JUST_STARTED)[0] is Verdict.NOT_APPLICABLE
    late = document_event("acme", "2026-03-01T11:40:00Z", errorCode="AccessDeniedException")
    assert judged([late], machine=JUST_STARTED)[0] is Verdict.FAIL
    assert judged([], machine={"State": {"Name": "stopped"}})[0] is Verdict.NOT_APPLICABLE


def test_events_that_were_not_read_are_not_nothing():
    assert judged([document_event("acme", ELEVEN, additionalEventData=None)], more=True)[0] is Verdict.INDETERMINATE
    assert judged([ACCEPTED], more=True)[0] is Verdict.PASS
