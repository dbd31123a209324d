"""What is taken out of an answer before it is recorded: credentials, and settings in which people keep passwords."""

from __future__ import annotations

from typing import Any

REDACTED = "(not recorded)"
_MEMBERS = {
    "sts:AssumeRole": frozenset({"Credentials"}),
    "lambda:ListFunctions": frozenset({"Environment"}),
    "iam:GetLoginProfile": frozenset({"Password"}),
}


def redacted(api: str, answer: Any) -> Any:
    """The answer with the members that this API's answers must not leave behind replaced by a note."""
    names = _MEMBERS.get(api)
    return _without(answer, names) if names else answer


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: REDACTED if key in names else _without(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    return value
