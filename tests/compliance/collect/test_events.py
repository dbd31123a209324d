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
from compliance.rules.node_evidence import LOOKUP, of_machine

PLACE = Place("311111111111", "us-east-1")
SAID = {
    "eventID": "e",
    "eventTime": "2026-03-01T11:00:00Z",
    "eventSource": "kms.amazonaws.com",
    "eventName": "Decrypt",
    "userIdentity": {"arn": "arn:aws:sts::311111111111:assumed-role/bh-acme-trainer/i-1"},
    "sourceIPAddress": "10.30.4.7",
    "requestParameters": {"encryptionContext": {"data-set": "patients"}},
    "additionalEventData": {"recipient": {"attestationDocumentModuleId": "i-1-tpm0"}, "more": "x"},
}


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
    event = {"EventId": "e", "Username": "i-1", "CloudTrailEvent": json.dumps(SAID)}
    answer = redacted(LOOKUP, {"Events": [event], "NextToken": "t"})
    (kept,) = answer["Events"]
    assert answer["NextToken"] == "t"
    assert kept.keys() == {"EventId", "CloudTrailEvent"}
    assert json.loads(kept["CloudTrailEvent"]) == {
        **{name: SAID[name] for name in ("eventID", "eventTime", "eventSource", "eventName")},
        "additionalEventData": {"recipient": {"attestationDocumentModuleId": "i-1-tpm0"}},
    }
    assert redacted(LOOKUP, {}) == {}


@pytest.mark.parametrize("content", [{}, {"CloudTrailEvent": "{"}, {"CloudTrailEvent": "[]"}])
def test_an_event_that_cannot_be_read_is_not_kept(content):
    with pytest.raises((json.JSONDecodeError, TypeError)):
        redacted(LOOKUP, {"Events": [content]})


def test_a_list_of_the_newest_is_read_to_its_bound():
    taken, facts = [], []

    def lookup_events(**params):
        taken.append(params)
        return {"Events": [], "NextToken": f"t{len(taken)}"}

    shape = SimpleNamespace(members={"NextToken": None})
    model = SimpleNamespace(input_shape=shape, output_shape=shape)
    service = SimpleNamespace(api_version="2013-11-01", operation_model=lambda _name: model)
    client = SimpleNamespace(meta=SimpleNamespace(service_model=service), lookup_events=lookup_events)
    clients = SimpleNamespace(of=lambda _service, _region: client)
    keys = Keys("a", "b")
    engine = Engine(clients, ThreadCredentials(), lambda _account: keys, facts.append, pause=lambda _seconds: None)
    engine.run((PLACE, request) for request in following(machines("running")))
    assert len(taken) == len(facts) == EVENT_PAGES
