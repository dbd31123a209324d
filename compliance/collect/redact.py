"""What is taken out of an answer before it is recorded.

Credentials, settings in which people keep passwords, and of CloudTrail's events all that `events` does not keep.
"""

from __future__ import annotations

from typing import Any

from compliance.collect.events import kept_events

REDACTED = "(not recorded)"
_MEMBERS = {
    "sts:AssumeRole": frozenset({"Credentials"}),
    "lambda:ListFunctions": frozenset({"Environment"}),
    "iam:GetLoginProfile": frozenset({"Password"}),
}
EVENTS = "cloudtrail:LookupEvents"


def redacted(api: str, answer: Any) -> Any:
    """The answer with the members that this API's answers must not leave behind replaced by a note.

    Raises:
        ValueError, TypeError: an event is not what CloudTrail documents, so that nothing of it may be kept.
    """
    if api == EVENTS and "Events" in answer:
        return kept_events(answer)
    names = _MEMBERS.get(api)
    return _without(answer, names) if names else answer


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: REDACTED if key in names else _without(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    return value
