"""What each machine showed of itself, lately: KMS's own record of the attestation documents that it accepted.

CloudTrail names the registers and the module of every document with which a key was asked for (KMS developer guide,
"Monitoring requests for NitroTPM": `additionalEventData.recipient`). A machine's session has the machine's id as its
name, so its events are those of one user name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from compliance.results import Verdict
from compliance.rules.key_policies import ATTESTED
from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, failed, not_applicable
from compliance.rules.populations import instances, named_keys
from compliance.rules.templates import node_rule
from compliance.rules.view import View

LOOKUP = "cloudtrail:LookupEvents"
MOST_HOURS = 24.0
"""A machine at work asks for a key at every checkpoint; one that did not ask for a day is not at the work it has."""
FIRST_HOURS = 1.0
"""From the start of a machine until its first document shows in CloudTrail, which is some minutes behind."""


REFUSALS = ("AccessDenied", "ValidationException")
"""How error codes begin by which KMS refuses: by the key's policy, or because a document is none or has expired."""


def of_machine(instance: str) -> list[dict[str, str]]:
    """The attributes by which CloudTrail finds what a machine's own role did."""
    return [{"AttributeKey": "Username", "AttributeValue": instance}]


@dataclass(frozen=True)
class _Shown:
    """A request for a key: when, by which operation, whether it was refused, and the key's ARN where it is named."""

    time: datetime
    operation: str
    refused: bool
    key: str


def _evidence(view: View, resource: Resource) -> Outcome:
    state = resource.data["State"]["Name"]
    if state != "running":
        return not_applicable(f"is {state}")
    started = _started(resource.data)
    answers = view.answers(LOOKUP, LookupAttributes=of_machine(resource.id))
    shown = sorted(_shown(view, resource.id, answers), key=lambda one: one.time)
    shown = [one for one in shown if one.time >= started]
    accepted = {one.key: one for one in shown if not one.refused}
    last = max(accepted.values(), key=lambda one: one.time, default=None)
    for refused in (one for one in shown if one.refused):
        since = accepted.get(refused.key) if refused.key else last
        if since is None or refused.time >= since.time:
            return failed(f"KMS refused it a key at {_text(refused.time)} ({refused.operation}) and has not since")
    now = _asked(view, resource.id)
    if last is not None:
        said = f"KMS accepted its attestation document at {_text(last.time)}"
        age = (now - last.time) / timedelta(hours=1)
        return decide(age <= MOST_HOURS, said, f"{said}, {age:.0f} hours before the scan, and none since")
    if all("NextToken" in answer for answer in answers):
        unknown = "its newest events hold no attestation document since its start, and older ones were not read"
        return Outcome(Verdict.INDETERMINATE, unknown)
    running = (now - started) / timedelta(hours=1)
    if running <= FIRST_HOURS:
        return not_applicable(f"was started {60 * running:.0f} minutes before the scan")
    return failed(f"has run for {running:.0f} hours and showed no attestation document that KMS accepted")


def _started(machine: dict[str, Any]) -> datetime:
    """Since when the machine is what it is: before its start, or with another root volume, it may have been another."""
    root = [
        mapping["Ebs"]["AttachTime"]
        for mapping in machine.get("BlockDeviceMappings", [])
        if mapping.get("DeviceName") == machine.get("RootDeviceName") and "AttachTime" in mapping.get("Ebs", {})
    ]
    return max(_moment(moment) for moment in [machine["LaunchTime"], *root])


def _shown(view: View, instance: str, answers: list[dict[str, Any]]) -> Iterator[_Shown]:
    """Every accepted document of the machine, and every refusal, for the keys whose policies demand one."""
    measured = [key for purpose, key in (one.data for one in named_keys(view)) if key and purpose in ATTESTED]
    for answer in answers:
        for event in answer["Events"]:
            said = json.loads(event["CloudTrailEvent"])
            who = said.get("userIdentity") or {}
            role = ((who.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn", "")
            if who.get("invokedBy") or role.rpartition("/")[2] != view.tenant.roles["trainer"]:
                continue  # a service's own use of a key, or somebody who named a session like the machine
            named = [one["ARN"] for one in said.get("resources") or [] if one["ARN"]]
            keys = [key for key in named if key.rpartition("/")[2] in measured]
            if named and not keys:
                continue  # what another key's policy accepts says nothing
            key, error = (keys or [""])[0], said.get("errorCode") or ""
            recipient = (said.get("additionalEventData") or {}).get("recipient") or {}
            module = recipient.get("attestationDocumentModuleId", "")
            # CloudTrail does not always say what came with a refused request; other errors say nothing of a document.
            if error.startswith(REFUSALS):
                yield _Shown(_moment(said["eventTime"]), said["eventName"], True, key)
            elif not error and key and module.startswith(f"{instance}-tpm"):
                yield _Shown(_moment(said["eventTime"]), said["eventName"], False, key)


def _asked(view: View, instance: str) -> datetime:
    """When the machine's events were asked for."""
    asked = view.graph.facts(view.account, LOOKUP, LookupAttributes=of_machine(instance))
    return _moment(max(fact.ended for fact in asked))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


RULES: tuple[Rule, ...] = (
    node_rule(
        "evidence-fresh",
        "Every running machine's evidence was accepted within a day",
        Severity.HIGH,
        ("ec2:DescribeInstances", LOOKUP, "kms:ListAliases"),
        instances,
        _evidence,
        "A machine whose image was withdrawn, or that nobody ever measured, works on.",
        objectives=("attestation.boot", "attestation.key-release"),
        blind="Documents of the last minutes, which CloudTrail has not got yet; a reboot; what a machine does without "
        "a key; which registers the keys' policies accept: other rules judge them. Of a busy machine the newest 500 "
        "events are read.",
        remediation="Read why with `bulkhead ledger list`, deploy an accepted build, and replace the machine.",
    ),
)
