"""The organisation's tree as the facts show it: where an account stands, and which SCPs and RCPs hold there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compliance.rules.view import View

SCP = "SERVICE_CONTROL_POLICY"
RCP = "RESOURCE_CONTROL_POLICY"
NEEDS = (
    "organizations:ListRoots",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListAccountsForParent",
    "organizations:ListPolicies",
    "organizations:ListTargetsForPolicy",
    "organizations:DescribePolicy",
)


def _parents(view: View) -> tuple[dict[str, str], dict[str, str]]:
    """Parent by id of each unit and account, and name by id of each unit and root."""
    parents: dict[str, str] = {}
    names: dict[str, str] = {}
    waiting = []
    for root in view.items("organizations:ListRoots", "Roots", view.management):
        names[root["Id"]] = root["Name"]
        waiting.append(root["Id"])
    while waiting:
        parent = waiting.pop()
        for account in view.items("organizations:ListAccountsForParent", "Accounts", view.management, ParentId=parent):
            parents[account["Id"]] = parent
        for unit in view.items(
            "organizations:ListOrganizationalUnitsForParent", "OrganizationalUnits", view.management, ParentId=parent
        ):
            if unit["Id"] not in names:
                parents[unit["Id"]] = parent
                names[unit["Id"]] = unit["Name"]
                waiting.append(unit["Id"])
    return parents, names


def chain(view: View, account: str) -> list[tuple[str, str]]:
    """Id and name of what holds an account, from its unit up to the root; empty if it is not in the organisation."""
    parents, names = _parents(view)
    found = []
    here = parents.get(account)
    while here is not None:
        found.append((here, names.get(here, here)))
        here = parents.get(here)
    return found


def policies(view: View, kind: str) -> Iterator[dict[str, Any]]:
    """Summary, document text and targets of every policy of a kind."""
    for summary in view.items("organizations:ListPolicies", "Policies", view.management, Filter=kind):
        described = view.one("organizations:DescribePolicy", view.management, PolicyId=summary["Id"])
        targets = view.items("organizations:ListTargetsForPolicy", "Targets", view.management, PolicyId=summary["Id"])
        if described is None:
            continue
        yield {
            "summary": summary,
            "document": described["Policy"]["Content"],
            "targets": frozenset(target["TargetId"] for target in targets),
        }


def effective(view: View, account: str, kind: str) -> list[str]:
    """The documents of a kind that hold for an account: attached to it or to anything above it, AWS's own left out."""
    above = {account, *(unit for unit, _ in chain(view, account))}
    return [
        policy["document"]
        for policy in policies(view, kind)
        if policy["targets"] & above and not policy["summary"].get("AwsManaged")
    ]
