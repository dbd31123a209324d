"""Holds what a bundle says about itself to its form, so that a damaged one is refused where it is opened."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from compliance.facts.canonical import canonical
from compliance.facts.errors import BundleError


class _Account(BaseModel):
    account: str
    caller: str | None
    regions: list[str]


class _Tool(BaseModel):
    name: str
    version: str
    rules: str


class _Manifest(BaseModel):
    """What a report tells of a scan: who, where, when, with what."""

    accounts: list[_Account]
    began: str
    ended: str
    caller: str | None
    endpoint: str
    local_test_double: bool
    tool: _Tool
    tenant: str | None = None


def check_manifest(manifest: dict[str, Any]) -> None:
    """Raises `BundleError`, naming the member, unless the manifest says all that a report tells of a scan."""
    _hold(_Manifest, manifest, "manifest.json")
    for name in ("began", "ended"):
        text = manifest[name]
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError as error:
            raise BundleError(f"manifest.json: {name}: {error}; scan again") from error
        if moment.tzinfo is None:
            raise BundleError(f"manifest.json: {name}: {text!r} is no moment in UTC; scan again")


def check_type(kind: type, value: Any, place: str) -> None:
    """Raises `BundleError`, naming `place` and the member, unless a parsed JSON value has the form of a dataclass."""
    _hold(kind, value, place)


def _hold(kind: Any, value: Any, place: str) -> None:
    try:
        # As JSON, because strict validation takes lists for tuples there and nowhere else.
        _adapter(kind).validate_json(canonical(value), strict=True)
    except (ValidationError, ValueError, RecursionError) as error:
        if not isinstance(error, ValidationError):
            raise BundleError(f"{place}: {error}; the bundle was changed: scan again") from error
        first = error.errors(include_url=False, include_input=False)[0]
        member = ".".join(str(part) for part in first["loc"])
        msg = f"{place}: {member}: {first['msg']}; the bundle was changed or another version wrote it: scan again"
        raise BundleError(msg) from error


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
