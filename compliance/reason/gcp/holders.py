"""Who holds the basic roles of a project: what `projectOwner:…`, `projectEditor:…` and `projectViewer:…` stand for.

Source: Cloud Storage, "Convenience values".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from compliance.reason.gcp.allow import AllowPolicy

_BASIC: Final = ("roles/owner", "roles/editor", "roles/viewer")


def holders_of(policies: Iterable[AllowPolicy], names: tuple[str, ...]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Members with each basic role on a project itself, by role and each of the project's ids.

    Args:
        policies: allow policies, that of the project among them.
        names: the names of the project (`projects/<number>`, `projects/<id>`); other nodes are left out.
    """
    own = tuple(name for name in names if name.startswith("projects/"))
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for policy in policies:
        level = policy.level.removeprefix("//cloudresourcemanager.googleapis.com/")
        if level not in own:
            continue
        for role in _BASIC:
            # A condition would only take members away.
            members = tuple(m.text for b in policy.bindings if b.role == role for m in b.members)
            for name in own:
                found[role, name.removeprefix("projects/")] = members
    return found
