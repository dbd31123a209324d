"""What is taken out of an answer before it is recorded.

Credentials, settings in which people keep passwords, and of CloudTrail's events everything but which attestation
document was accepted or refused when.
"""

from __future__ import annotations

import json
from typing import Any

REDACTED = "(not recorded)"
_MEMBERS = {
    "sts:AssumeRole": frozenset({"Credentials"}),
    "lambda:ListFunctions": frozenset({"Environment"}),
    "iam:GetLoginProfile": frozenset({"Password"}),
}
EVENTS = "cloudtrail:LookupEvents"
_EVENT = ("eventID", "eventTime", "eventSource", "eventName", "errorCode")
_LISTED = frozenset({"EventId", "EventName", "EventSource", "EventTime"})


def redacted(api: str, answer: Any) -> Any:
    """The answer with the members that this API's answers must not leave behind replaced by a note.

    Raises:
        ValueError, TypeError: an event is not a JSON object, so that nothing of it may be kept.
    """
    if api == EVENTS and "Events" in answer:
        return {**answer, "Events": [_event(event) for event in answer["Events"]]}
    names = _MEMBERS.get(api)
    return _without(answer, names) if names else answer


def _event(event: dict[str, Any]) -> dict[str, Any]:
    """An event without who made it, from where, with which parameters and on what."""
    said = json.loads(event.get("CloudTrailEvent") or "null")
    if not isinstance(said, dict):
        raise TypeError("an event of CloudTrail has no content")
    kept = {name: said[name] for name in _EVENT if name in said}
    recipient = (said.get("additionalEventData") or {}).get("recipient")
    if recipient:
        kept["additionalEventData"] = {"recipient": recipient}
    listed: dict[str, Any] = {
        name: event[name] for name in ("EventId", "EventName", "EventSource", "EventTime") if name in event
    }
    return {**listed, "CloudTrailEvent": json.dumps(kept, sort_keys=True)}


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: REDACTED if key in names else _without(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    return value
