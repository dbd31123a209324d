"""What is kept of CloudTrail's events of a machine: its requests for keys, and what KMS said of its document."""

from __future__ import annotations

import json
import re
from typing import Any

RELEASING = frozenset({"Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair"})
"""Operations of KMS that take an attestation document and answer with a secret."""
_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
_KEPT = ("eventID", "eventTime", "eventSource", "eventName", "errorCode")


def kept_events(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer of LookupEvents without all that is not about a key, and without parameters, addresses and identities.

    Of an event stay: id, time, operation, error code, the key, what is said of the document (its module and registers),
    the role's ARN, and the service that made the request where it was one. `NotKept` counts the events left out.

    Raises:
        TypeError: a part has another type than CloudTrail documents ("CloudTrail record contents").
        ValueError: an event is not JSON.
    """
    said = [_read(event) for event in answer["Events"]]
    kept = [
        {"CloudTrailEvent": json.dumps(_kept(one), sort_keys=True)}
        for one in said
        if one.get("eventSource") == "kms.amazonaws.com" and one.get("eventName") in RELEASING
    ]
    return {**answer, "Events": kept, "NotKept": len(said) - len(kept)}


def _read(event: Any) -> dict[str, Any]:
    try:
        return _object(json.loads(_text(_object(event).get("CloudTrailEvent"))))
    except RecursionError as error:
        raise ValueError("an event is nested deeper than any of AWS's") from error


def _kept(said: dict[str, Any]) -> dict[str, Any]:
    who = _object(said.get("userIdentity"))
    issuer = _object(_object(who.get("sessionContext")).get("sessionIssuer"))
    identity: dict[str, Any] = {"sessionContext": {"sessionIssuer": {"arn": _text(issuer.get("arn", ""))}}}
    if who.get("invokedBy"):
        identity["invokedBy"] = _text(who["invokedBy"])
    resources = said.get("resources") or []
    if not isinstance(resources, list):
        raise TypeError(f"resources of an event: expected a list, got {type(resources).__name__}")
    keys = [_text(_object(one).get("ARN", "")) for one in resources]
    # A refused request may name its key in words alone.
    keys = keys or _KEY.findall(_text(said.get("errorMessage") or ""))
    recipient = _object(_object(said.get("additionalEventData")).get("recipient"))
    return {
        **{name: _text(said[name]) for name in _KEPT if said.get(name) is not None},
        "userIdentity": identity,
        "resources": [{"ARN": key} for key in keys if key],
        "additionalEventData": {"recipient": {name: _text(value) for name, value in recipient.items()}},
    }


def _object(value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise TypeError(f"part of an event: expected an object, got {type(value).__name__}")
    return value or {}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"part of an event: expected text, got {type(value).__name__}")
    return value
