"""The organisation: where an account hangs, and which SCPs and RCPs hang above it.

Source: AWS Organizations User Guide, "SCP evaluation", "RCP evaluation": neither applies to the management account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from compliance.reason.iam import Labelled, Level
from localcloud.deployed.documents import labelled

PolicyType = Literal["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]
_WORDS: dict[PolicyType, tuple[str, Literal["scp", "rcp"]]] = {
    "SERVICE_CONTROL_POLICY": ("service control policy", "scp"),
    "RESOURCE_CONTROL_POLICY": ("resource control policy", "rcp"),
}


@dataclass(frozen=True)
class Membership:
    """An account's place in its organisation.

    Attributes:
        organisation: the organisation's id.
        management: the management account.
        path: moto's records from the root down to the account itself.
        enabled: the policy types that are enabled on the root.
    """

    organisation: str
    management: str
    path: tuple[Any, ...]
    enabled: frozenset[str]

    @property
    def org_path(self) -> str:
        """The value of `aws:PrincipalOrgPaths` for an account here: `o-…/r-…/ou-…/`."""
        return "/".join((self.organisation, *(str(node.id) for node in self.path[:-1]))) + "/"


def membership(account: str) -> Membership | None:
    """The place of `account`, or None where it is in no organisation."""
    from moto.organizations.models import organizations_backends  # noqa: PLC0415

    known = organizations_backends.master_accounts.get(account)
    management = str(known[0]) if known else account
    if management not in organizations_backends:
        return None
    backend = organizations_backends[management]["aws"]
    if backend.org is None:
        return None
    record = next((found for found in backend.accounts if found.id == account), None)
    if record is None:
        return None
    units: dict[Any, Any] = {unit.id: unit for unit in backend.ou}
    path: list[Any] = [record]
    parent = units.get(record.parent_id)
    while parent is not None:
        path.append(parent)
        parent = units.get(getattr(parent, "parent_id", None))
    types = getattr(path[-1], "policy_types", [])
    enabled = frozenset(str(item["Type"]) for item in types if item.get("Status") == "ENABLED")
    return Membership(str(backend.org.id), management, tuple(reversed(path)), enabled)


def levels(account: str, wanted: PolicyType) -> tuple[Level, ...]:
    """The organisation policies of one type that apply to `account`, level by level from the root."""
    place = membership(account)
    if place is None or account == place.management or wanted not in place.enabled:
        return ()
    found = []
    for node in place.path:
        policies = tuple(_labelled(policy, wanted) for policy in node.attached_policies if policy.type == wanted)
        found.append(Level(f"{node.name} ({node.id})", policies))
    return tuple(found)


def _labelled(policy: Any, wanted: PolicyType) -> Labelled:
    words, kind = _WORDS[wanted]
    return labelled(f"{words} {policy.name} ({policy.id})", policy.content, kind)
