"""Typed reading of fields out of an asset's data, with the asset and the field in every error."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from compliance.errors import ComplianceError
from compliance.reason.google_network.model import Block

Data = Mapping[str, Any]


def short(link: Any) -> str:
    """`projects/…` of a link or full name."""
    text = str(link or "")
    return re.sub(r"^.*?(?:/compute/[a-z0-9]+/|compute\.googleapis\.com/)(?=projects/|locations/)", "", text)


def block(text: str, place: str) -> Block:
    """A block of addresses. Raises `ComplianceError` naming the place."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ComplianceError(place, str(error)) from error


def blocks(data: Data, name: str, own: str) -> tuple[Block, ...]:
    """The blocks of a list of texts; none if it is absent."""
    return tuple(block(text, f"{own}.{name}") for text in texts(data, name, own))


def address(data: Data, name: str, own: str) -> str:
    """A single address in its usual spelling; empty if it is absent."""
    written = text(data, name, own)
    try:
        return str(ipaddress.ip_address(written.partition("/")[0])) if written else ""
    except ValueError as error:
        raise ComplianceError(f"{own}.{name}", str(error)) from error


def text(data: Data, name: str, own: str) -> str:
    """A text; empty if it is absent."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(own, name, value, "a text")
    return value


def required(data: Data, name: str, own: str) -> str:
    """A text that must be there."""
    value = text(data, name, own)
    if not value:
        raise ComplianceError(own, f"lacks the field {name}; export the asset with content type RESOURCE")
    return value


def number(data: Data, name: str, own: str, default: int) -> int:
    """An integer, also one written as text; the default if it is absent."""
    value = data.get(name, default)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(own, name, value, "an integer")
    return value


def flag(data: Data, name: str, own: str, *, default: bool = False) -> bool:
    """A boolean; the default if it is absent."""
    value = data.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _wrong(own, name, value, "true or false")
    return value


def one_of(data: Data, name: str, own: str, known: tuple[str, ...], default: str) -> str:
    """A text out of a set; the default if it is absent."""
    value = text(data, name, own) or default
    if value not in known:
        raise _wrong(own, name, value, " or ".join(known))
    return value


def part(data: Data, name: str, own: str) -> Data:
    """An object; an empty one if it is absent, which a plan writes as an empty list."""
    value = data.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong(own, name, value, "an object")
    return value


def parts(data: Data, name: str, own: str) -> list[Data]:
    """A list of objects; none if it is absent."""
    found = _items(data, name, own)
    for item in found:
        if not isinstance(item, Mapping):
            raise _wrong(own, name, item, "a list of objects")
    return found


def texts(data: Data, name: str, own: str) -> tuple[str, ...]:
    """A list of texts; none if it is absent."""
    found = _items(data, name, own)
    for item in found:
        if not isinstance(item, str):
            raise _wrong(own, name, item, "a list of texts")
    return tuple(found)


def _items(data: Data, name: str, own: str) -> list[Any]:
    value = data.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(own, name, value, "a list")
    return value


def _wrong(own: str, name: str, value: Any, wanted: str) -> ComplianceError:
    return ComplianceError(f"{own}.{name}", f"is {value!r:.80}, but must be {wanted}")
