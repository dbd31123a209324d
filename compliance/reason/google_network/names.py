"""Projects have an id and a number, and links use either: here every link is brought to the id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

_BY_NUMBER: Final = re.compile(r"\bprojects/(\d+)(?=/)")
_IN_NAME: Final = re.compile(r"^//[a-z]+\.googleapis\.com/projects/([^/]+)")


def ids_of(assets: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The project's id by its number, as names and ancestors of assets tell."""
    found: dict[str, str] = {}
    for asset in assets:
        named = _IN_NAME.match(str(asset.get("name", "")))
        above = asset.get("ancestors")
        own = (
            next((str(n) for n in above if str(n).startswith("projects/")), "")
            if isinstance(above, list | tuple)
            else ""
        )
        if named and own and not named[1].isdigit():
            found[own.removeprefix("projects/")] = named[1]
    return found


def by_id(value: Any, ids: Mapping[str, str]) -> Any:
    """The value with the projects of every link in it named by id, where that is known."""
    if isinstance(value, str):
        return _BY_NUMBER.sub(lambda m: f"projects/{ids.get(m[1], m[1])}", value) if "projects/" in value else value
    if isinstance(value, list):
        return [by_id(item, ids) for item in value]
    if isinstance(value, Mapping):
        return {key: by_id(item, ids) for key, item in value.items()}
    return value
