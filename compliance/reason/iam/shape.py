"""Elements of a question that the interface does not name: harmless notes are let pass, likely mistakes are not."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

from compliance.errors import ComplianceError

_PARTS_OF_POLICIES = ("Statement", "policies", "Operations", "GranteePrincipal")


def refuse_lookalikes(document: dict[str, Any], known: Collection[str], place: str) -> None:
    """Lets unknown elements pass unless ignoring one could change the answer.

    A misspelt `resourcePolicy`, or a policy under a name that is not read, might hold the Deny that decides; titles,
    tags and the like cannot.

    Raises:
        ComplianceError: with the place, if an unknown name is close to a known one or its value holds a policy.
    """
    by_folded = {name.casefold(): name for name in known}
    for name, value in document.items():
        if name in known:
            continue
        close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.75)
        if close:
            raise ComplianceError(f"{place}.{name}", f"unknown element; is {by_folded[close[0]]} meant?")
        if _holds_policy(value):
            raise ComplianceError(
                f"{place}.{name}", f"a policy under a name that is not read; known are {', '.join(sorted(known))}"
            )


def _holds_policy(value: Any) -> bool:
    """Whether something in it, however deep, looks like a policy, a level of policies or a grant."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if any(part in item for part in _PARTS_OF_POLICIES):
                return True
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, str) and '"Statement"' in item:
            return True
    return False
