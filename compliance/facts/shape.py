"""Holds what a bundle says about itself to its form, so that a damaged one is refused where it is opened.

The forms are dataclasses. Written out here because a validation library would take longer to load than judging takes.
"""

from __future__ import annotations

import types
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from compliance.facts.errors import BundleError


@dataclass(frozen=True)
class _Account:
    account: str
    caller: str | None
    regions: tuple[str, ...]


@dataclass(frozen=True)
class _Tool:
    name: str
    version: str
    rules: str


@dataclass(frozen=True)
class _Manifest:
    """What a report tells of a scan: who, where, when, with what. A tenant's bundle names the tenant."""

    accounts: tuple[_Account, ...]
    began: str
    ended: str
    caller: str | None
    endpoint: str
    local_test_double: bool
    tool: _Tool
    tenant: str | None = None


def check_manifest(manifest: dict[str, Any]) -> None:
    """Raises `BundleError`, naming the member, unless the manifest says all that a report tells of a scan."""
    check_type(_Manifest, manifest, "manifest.json")
    for name in ("began", "ended"):
        text = manifest[name]
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError as error:
            raise BundleError(f"manifest.json: {name}: {error}; scan again") from error
        if moment.tzinfo is None:
            raise BundleError(f"manifest.json: {name}: {text!r} is no moment in UTC; scan again")


def check_type(kind: type, value: Any, place: str) -> None:
    """Raises `BundleError`, naming `place` and the member, unless a parsed JSON value has the form of a dataclass.

    Tuples are lists in JSON. Members that the dataclass lacks are left to whoever makes it.
    """
    wrong = _misfit(kind, value, "")
    if wrong:
        msg = f"{place}: {wrong}; the bundle was changed or another version wrote it: scan again"
        raise BundleError(msg)


def _misfit(kind: Any, value: Any, path: str) -> str:
    """Where and how the value differs from the form; empty if it does not."""
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return "" if any(not _misfit(one, value, path) for one in get_args(kind)) else _said(kind, value, path)
    if is_dataclass(kind):
        return _members(kind, value, path)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return _said(kind, value, path)
        inside = get_args(kind)[0]
        return next(filter(None, (_misfit(inside, one, f"{path}[{n}]") for n, one in enumerate(value))), "")
    if origin is dict:
        names, inside = get_args(kind)
        if not isinstance(value, dict) or not all(isinstance(name, names) for name in value):
            return _said(kind, value, path)
        return next(filter(None, (_misfit(inside, one, f"{path}.{name}") for name, one in value.items())), "")
    return "" if type(value) is kind or (kind is types.NoneType and value is None) else _said(kind, value, path)


def _members(kind: Any, value: Any, path: str) -> str:
    if not isinstance(value, dict):
        return _said(kind, value, path)
    for name, (hint, needed) in _hints(kind).items():
        here = f"{path}.{name}".lstrip(".")
        wrong = _misfit(hint, value[name], here) if name in value else f"{here} is missing" if needed else ""
        if wrong:
            return wrong
    return ""


def _said(kind: Any, value: Any, path: str) -> str:
    wanted = getattr(kind, "__name__", str(kind)) if get_origin(kind) is None else str(kind)
    return f"{path or 'the whole'} is {type(value).__name__}, not {wanted}"


@cache
def _hints(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Type of each member, and whether it has to be there."""
    hints = get_type_hints(kind)
    return {
        one.name: (hints[one.name], one.default is MISSING and one.default_factory is MISSING) for one in fields(kind)
    }
