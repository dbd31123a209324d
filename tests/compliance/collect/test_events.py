"""CloudTrail's events of machines: whose are asked for, how many, and what of them is kept."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from compliance.collect.access import Keys, ThreadCredentials
from compliance.collect.engine import Engine
from compliance.collect.families.compute import COMPUTE, EVENT_PAGES
from compliance.collect.redact import redacted
from compliance.collect.request import Place
from compliance.facts.fact import Status
from compliance.rules.node_evidence import LOOKUP, of_machine

PLACE = Place("311111111111", "us-east-1")
SAID = {
    "eventID": "e",
    "eventTime": "2026-03-01T11:00:00Z",
    "eventSource": "kms.amazonaws.com",
    "eventName": "Decrypt",
    "userIdentity": {
        "arn": "arn:aws:sts::311111111111:assumed-role/bh-acme-trainer/i-1",
        "accessKeyId": "ASIA0",
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::311111111111:role/bh-acme-trainer", "userName": "n"}},
    },
    "sourceIPAddress": "10.30.4.7",
    "requestParameters": {"encryptionContext": {"data-set": "patients"}},
    "resources": [{"accountId": "311111111111", "ARN": "arn:aws:kms:us-east-1:311111111111:key/1"}],
    "additionalEventData": {"recipient": {"attestationDocumentModuleId": "i-1-tpm0"}, "more": "x"},
}


def event(**changes):
    return {"EventId": "e", "Username": "i-1", "CloudTrailEvent": json.dumps(SAID | changes)}


def machines(*states):
    listed = [{"InstanceId": f"i-{number}", "State": {"Name": state}} for number, state in enumerate(states)]
    return {"Reservations": [{"Instances": listed}]}


def following(answer):
    (request,) = [one for one in COMPUTE.start(PLACE) if one.api == "ec2:DescribeInstances"]
    return list(request.then(answer, PLACE))


def test_running_machines_are_looked_up_under_the_name_that_the_rule_reads():
    asked = following(machines("stopped", "running", "terminated"))
    assert [(one.api, one.params) for one in asked] == [(LOOKUP, {"LookupAttributes": of_machine("i-1")})]


def test_only_what_speaks_of_the_document_is_kept():
    others = [event(eventName="DescribeKey"), event(eventSource="ssm.amazonaws.com")]
    answer = redacted(LOOKUP, {"Events": [event(), *others], "NextToken": "t"})
    (kept,) = answer.pop("Events")
    assert answer == {"NextToken": "t", "NotKept": 2}
    assert kept.keys() == {"CloudTrailEvent"}
    assert json.loads(kept["CloudTrailEvent"]) == {
        **{name: SAID[name] for name in ("eventID", "eventTime", "eventSource", "eventName")},
        "userIdentity": {
            "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::311111111111:role/bh-acme-trainer"}}
        },
        "resources": [{"ARN": "arn:aws:kms:us-east-1:311111111111:key/1"}],
        "additionalEventData": {"recipient": {"attestationDocumentModuleId": "i-1-tpm0"}},
    }
    assert redacted(LOOKUP, {}) == {}


def test_a_service_s_request_is_kept_as_one():
    by_service = event(userIdentity={"invokedBy": "s3.amazonaws.com"}, resources=None, errorCode="AccessDenied")
    (kept,) = redacted(LOOKUP, {"Events": [by_service]})["Events"]
    said = json.loads(kept["CloudTrailEvent"])
    assert (said["userIdentity"]["invokedBy"], said["resources"], said["errorCode"]) == (
        "s3.amazonaws.com",
        [],
        "AccessDenied",
    )


def test_the_key_of_a_refusal_is_taken_from_its_words():
    said = "User: x is not authorized to perform: kms:Decrypt on arn:aws:kms:us-east-1:311111111111:key/1 with"
    refused = event(resources=None, errorCode="AccessDenied", errorMessage=said)
    (kept,) = redacted(LOOKUP, {"Events": [refused]})["Events"]
    assert json.loads(kept["CloudTrailEvent"])["resources"] == [{"ARN": "arn:aws:kms:us-east-1:311111111111:key/1"}]
    assert "authorized" not in kept["CloudTrailEvent"]


BROKEN = [
    {"CloudTrailEvent": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"},
    "text",
    {},
    {"CloudTrailEvent": "{"},
    {"CloudTrailEvent": "[1]"},
    event(additionalEventData="x"),
    event(additionalEventData={"recipient": [1]}),
    event(additionalEventData={"recipient": {"attestationDocumentModuleId": 1}}),
    event(userIdentity=[1]),
    event(resources={"ARN": "x"}),
    event(resources=["x"]),
    event(eventTime=5),
]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_an_event_that_is_not_as_documented_is_not_kept(content):
    with pytest.raises((ValueError, TypeError), match=r"event|line 1"):
        redacted(LOOKUP, {"Events": [content]})
    (fact,) = asked({"Events": [content]})
    assert fact.status is Status.MALFORMED
    assert fact.response is None


def asked(*answers):
    """The facts of looking up one machine, whose pages are `answers`, the last for good."""
    facts, left = [], list(answers)
    shape = SimpleNamespace(members={"NextToken": None})
    model = SimpleNamespace(input_shape=shape, output_shape=shape)
    service = SimpleNamespace(api_version="2013-11-01", operation_model=lambda _name: model)

    def lookup_events(**params):
        answer = left.pop(0) if len(left) > 1 else left[0]
        return answer | ({"NextToken": f"{len(facts)}"} if "NextToken" in answer else {})

    client = SimpleNamespace(meta=SimpleNamespace(service_model=service), lookup_events=lookup_events)
    clients = SimpleNamespace(of=lambda _service, _region: client)
    keys = Keys("a", "b")
    engine = Engine(clients, ThreadCredentials(), lambda _account: keys, facts.append, pause=lambda _seconds: None)
    engine.run((PLACE, request) for request in following(machines("stopped", "running")))
    return facts


def test_a_list_of_the_newest_is_read_to_its_bound():
    assert len(asked({"Events": [], "NextToken": "more"})) == EVENT_PAGES
    assert len(asked({"Events": [], "NextToken": "more"}, {"Events": []})) == 2
