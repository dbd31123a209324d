"""Reading the attributes of a planned resource, whichever of Terraform's two forms it was written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compliance.estate.terraform import Planned


def block(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The first block of a name; empty if there is none."""
    found = blocks(holder, name)
    return found[0] if found else {}


def blocks(holder: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Every block of a name."""
    found = holder.get(name)
    if isinstance(found, dict):
        return [found]
    return [item for item in found or () if isinstance(item, dict)]


def truth(value: Any) -> bool:
    """A truth value, which some of Terraform's arguments write as text."""
    return value is True or str(value).lower() == "true"


def renamed(holder: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The attributes that are set, under the names that the API has for them."""
    return {new: holder[old] for old, new in names.items() if holder.get(old) not in (None, "", [])}


def whole(value: Any, otherwise: int = 0) -> int:
    """A whole number, which some of Terraform's arguments write as text. Raises `ValueError` if it is none."""
    return otherwise if value in (None, "") else int(float(value))


def tags(resource: Planned) -> list[dict[str, str]]:
    """Tags as the list of Key and Value that most APIs answer."""
    held = resource.values.get("tags_all") or resource.values.get("tags") or {}
    return [{"Key": key, "Value": value} for key, value in held.items()]
