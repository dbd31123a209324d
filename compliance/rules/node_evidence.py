"""What each machine showed of itself, lately: KMS's own record of the attestation documents that it accepted.

CloudTrail names the registers and the module of every document with which a key was asked for (KMS developer guide,
"Monitoring requests for NitroTPM": `additionalEventData.recipient`). A machine's session has the machine's id as its
name, so its events are those of one user name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from compliance.results import Verdict
from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, failed, not_applicable
from compliance.rules.populations import instances
from compliance.rules.templates import node_rule
from compliance.rules.view import View

LOOKUP = "cloudtrail:LookupEvents"
RELEASING = frozenset({"Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair"})
"""Operations of KMS that take an attestation document and answer with a secret."""
MOST_HOURS = 24.0
"""A machine at work asks for a key at every checkpoint; one that did not ask for a day is not at the work it has."""
FIRST_HOURS = 1.0
"""From the start of a machine until its first document shows in CloudTrail, which is some minutes behind."""


def of_machine(instance: str) -> list[dict[str, str]]:
    """The attributes by which CloudTrail finds what a machine's own role did."""
    return [{"AttributeKey": "Username", "AttributeValue": instance}]


@dataclass(frozen=True)
class _Shown:
    """One document that a machine sent with a request: when, to what operation, and KMS's error code if refused."""

    time: str
    operation: str
    error: str


def _shown(view: View, instance: str) -> tuple[list[_Shown], bool]:
    """A machine's documents, newest first, and whether CloudTrail has events that were not asked for."""
    answers = view.answers(LOOKUP, LookupAttributes=of_machine(instance))
    given = [given for answer in answers for event in answer.get("Events", []) if (given := _read(event, instance))]
    beginning = all("NextToken" in answer for answer in answers)
    return sorted(given, key=lambda one: one.time, reverse=True), beginning


def _hours_since(view: View, instance: str, moment: str) -> float:
    """Hours from an ISO moment to the time at which the machine's events were asked for."""
    asked = view.graph.facts(view.account, LOOKUP, LookupAttributes=of_machine(instance))
    ended = datetime.fromisoformat(max(fact.ended for fact in asked).replace("Z", "+00:00"))
    return (ended - datetime.fromisoformat(moment.replace("Z", "+00:00"))) / timedelta(hours=1)


def _read(event: dict[str, Any], instance: str) -> _Shown | None:
    """The document in an event; None where it is about something else, or carries another machine's document.

    CloudTrail does not always say what came with a refused request, so that every refusal of a machine counts.
    """
    said = json.loads(event["CloudTrailEvent"])
    if said.get("eventSource") != "kms.amazonaws.com" or said.get("eventName") not in RELEASING:
        return None
    error = str(said.get("errorCode") or "")
    module = ((said.get("additionalEventData") or {}).get("recipient") or {}).get("attestationDocumentModuleId", "")
    if not error and not str(module).startswith(f"{instance}-"):
        return None
    return _Shown(str(said["eventTime"]), str(said["eventName"]), error)


def _evidence(view: View, resource: Resource) -> Outcome:
    if resource.data["State"]["Name"] != "running":
        return not_applicable(f"is {resource.data['State']['Name']}")
    given, beginning = _shown(view, resource.id)
    running = _hours_since(view, resource.id, resource.data["LaunchTime"])
    if given and given[0].error:
        last = given[0]
        return failed(f"its last request for a key was refused ({last.error}): {last.operation} at {last.time}")
    if given:
        age = _hours_since(view, resource.id, given[0].time)
        said = f"its last attestation document was accepted at {given[0].time}"
        return decide(age <= MOST_HOURS, said, f"{said}, {age:.0f} hours before the scan")
    if beginning:
        unknown = "its newest events hold no attestation document, and older ones were not read"
        return Outcome(Verdict.INDETERMINATE, unknown)
    if running <= FIRST_HOURS:
        return not_applicable(f"was started {60 * running:.0f} minutes before the scan")
    return failed(f"has run for {running:.0f} hours and sent no attestation document that KMS accepted")


RULES: tuple[Rule, ...] = (
    node_rule(
        "evidence-fresh",
        "Every running machine's evidence was accepted within a day",
        Severity.HIGH,
        ("ec2:DescribeInstances", LOOKUP),
        instances,
        _evidence,
        "A machine whose image was withdrawn, or that nobody ever measured, works on.",
        objectives=("attestation.boot", "attestation.key-release"),
        blind="Documents of the last minutes, which CloudTrail has not got yet, and what a machine does without a key.",
        remediation="Read why with `bulkhead ledger list`, deploy an accepted build, and replace the machine.",
    ),
)
