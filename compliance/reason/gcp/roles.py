"""Roles: which permissions they hold.

Predefined roles are data (`predefined.py`); custom ones come with the question. What is neither is not known, and so is
a permission of which a predefined role's documentation leaves doubt: the answer is then unknown, never a guess.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.gcp.predefined import PREDEFINED
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, certain

_NAME: Final = re.compile(r"(?:(?:projects|organizations)/[^/]+/)?roles/[A-Za-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class CustomRole:
    """A custom role; one that is deleted or disabled holds nothing (IAM, "Disabling a custom role")."""

    name: str
    permissions: frozenset[str]


def parse_roles(document: Any, place: str) -> dict[str, CustomRole]:
    """Roles by name: a list of `{"name", "includedPermissions", "stage", "deleted"}`, or an object of these.

    Raises:
        ComplianceError: naming the place of what has another shape.
    """
    if document is None:
        return {}
    items: list[tuple[Any, Any, str]]
    if isinstance(document, Mapping):
        items = [(name, body, f"{place}[{name!r}]") for name, body in document.items()]
    elif isinstance(document, list):
        items = [
            (b.get("name") if isinstance(b, Mapping) else None, b, f"{place}[{i}]") for i, b in enumerate(document)
        ]
    else:
        raise ComplianceError(place, "expected a list of roles, or an object of roles by name")
    found: dict[str, CustomRole] = {}
    for name, body, where in items:
        if isinstance(body, list):
            body = {"includedPermissions": body}  # noqa: PLW2901 - the short form
        if not isinstance(body, Mapping) or not isinstance(name, str) or not is_role(name):
            raise ComplianceError(where, "expected a role with `name` and `includedPermissions`")
        permissions = body.get("includedPermissions", [])
        if not isinstance(permissions, list) or not all(isinstance(p, str) for p in permissions):
            raise ComplianceError(f"{where}.includedPermissions", "expected a list of permissions")
        off = bool(body.get("deleted")) or body.get("stage") == "DISABLED"
        found[name] = CustomRole(name, frozenset() if off else frozenset(permissions))
    return found


def is_role(name: str) -> bool:
    """Whether a text is the name of a role."""
    return _NAME.fullmatch(name) is not None


def holds_permission(role: str, permission: str, custom: Mapping[str, CustomRole]) -> Truth:
    """Whether a role holds a permission."""
    known = custom.get(role)
    if known is not None:
        return certain(permission in known.permissions)
    return _predefined(role, permission)


@lru_cache(maxsize=65536)
def _predefined(role: str, permission: str) -> Truth:
    patterns = PREDEFINED.get(role)
    if patterns is None:
        return UNKNOWN
    result: Truth | None = None
    doubt: Truth = FALSE
    for pattern in patterns.split():
        sign = pattern[0] if pattern[0] in "-~?" else ""
        if not fnmatch.fnmatchcase(permission, pattern[len(sign) :]):
            continue
        if sign == "?":
            doubt = UNKNOWN
        else:
            result = {"-": FALSE, "~": UNKNOWN}.get(sign, TRUE)
    return doubt if result is None else result
