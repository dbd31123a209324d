"""Small readers of JSON shapes that several kinds of document share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compliance.errors import ComplianceError


def an_object(value: Any, place: str, what: str) -> Mapping[str, Any]:
    """The value, if it is an object. Raises `ComplianceError` naming place and expectation otherwise."""
    if not isinstance(value, Mapping):
        raise ComplianceError(place, f"expected {what}")
    return value


def a_list(value: Any, place: str, what: str) -> list[Any]:
    """The value, if it is a list; empty for None. Raises `ComplianceError` otherwise."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ComplianceError(place, f"expected {what}")
    return value


def texts(document: Mapping[str, Any], name: str, place: str) -> tuple[str, ...]:
    """A list of texts in an object; empty if it is not there. Raises `ComplianceError` otherwise."""
    found = a_list(document.get(name), f"{place}.{name}", "a list of texts")
    for index, item in enumerate(found):
        if not isinstance(item, str):
            raise ComplianceError(f"{place}.{name}[{index}]", "expected text")
    return tuple(found)


def a_text(document: Mapping[str, Any], name: str, place: str, default: str = "") -> str:
    """A text in an object. Raises `ComplianceError` if it is something else."""
    value = document.get(name, default)
    if value is None:
        return default
    if not isinstance(value, str):
        raise ComplianceError(f"{place}.{name}", "expected text")
    return value
