"""Google Cloud's part of plans and synthesised stacks, as the facts that a scan would collect after they are applied.

What is proved before deployment and what is proved of the deployed state goes through the same readers. Numbers and
names that Google gives when it creates something are made up from the address, the same wherever they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from compliance.estate.google_owners import google_owners_of
from compliance.estate.google_terraform import Planned, google_resources
from compliance.estate.planned_google_assets import ASSETS, IGNORED, Inventory
from compliance.estate.planned_google_policies import grant_of
from compliance.facts.fact import Fact, Status
from compliance.facts.google_scope import GoogleScope


def google_facts_of(documents: Mapping[str, Any], scope: GoogleScope) -> tuple[list[Fact], list[str]]:
    """Facts, and in words what was not read.

    Args:
        documents: plans or synthesised stacks by stack name.
        scope: whose projects they are.

    Raises:
        ComplianceError: a document is neither.
    """
    inventory = Inventory(google_owners_of(scope), scope.organisation)
    _, said = read_google(documents, inventory)
    return _facts(inventory), [*said, NOT_APPLIED]


Reader = Callable[[Inventory, Planned], None]


def read_google(
    documents: Mapping[str, Any], inventory: Inventory, more: Mapping[str, Reader] = MappingProxyType({})
) -> tuple[list[Planned], list[str]]:
    """Writes what is planned into an empty inventory; the planned resources, and in words what was not read.

    `more` are readers by type that go before those of the proof.

    Raises:
        ComplianceError: a document is neither a plan nor a synthesised stack.
    """
    unread: dict[str, int] = {}
    planned = google_resources(documents, inventory)
    for resource in sorted(planned, key=_order):
        inventory.begin(resource)
        if grant_of(inventory, resource):
            continue
        reader = more.get(resource.type) or ASSETS.get(resource.type)
        if reader is not None:
            reader(inventory, resource)
        elif resource.type not in IGNORED:
            unread[resource.type] = unread.get(resource.type, 0) + 1
    _with_unplanned(inventory)
    said = [f"{number} × {kind}: no reader for this type of resource" for kind, number in sorted(unread.items())]
    return planned, said + inventory.problems


_UNPLANNED: Final = (("/snapshots/", "Snapshot"), ("/images/", "Image"), ("/disks/", "Disk"))
"""Copies of disks, which are made by hand and shared by a policy that a stack may well set."""


def _with_unplanned(inventory: Inventory) -> None:
    """Adds copies of disks that no stack makes and on which one nevertheless puts a policy."""
    for name in sorted(inventory.policies.keys() - inventory.assets.keys()):
        kind = next((kind for path, kind in _UNPLANNED if path in name), None)
        if kind is not None and name.startswith("//compute.googleapis.com/"):
            project = name.partition("/projects/")[2].partition("/")[0]
            inventory.add(name, f"compute.googleapis.com/{kind}", {}, project)


NOT_APPLIED: Final = (
    "Google Cloud, from stacks that were not applied: bindings, keys, groups and objects that no stack makes "
    "are not seen"
)
_FIRST: Final = (
    "google_folder", "google_project", "google_storage_bucket", "google_compute_network", "google_compute_router",
    "google_compute_firewall_policy", "google_compute_network_firewall_policy",
)  # fmt: skip


def _order(resource: Planned) -> tuple[int, str]:
    """What others are written into comes first."""
    return (_FIRST.index(resource.type) if resource.type in _FIRST else len(_FIRST), resource.address)


def _facts(inventory: Inventory) -> list[Fact]:
    parent = f"organizations/{inventory.organisation}"

    def fact(api: str, params: dict[str, Any], body: dict[str, Any]) -> Fact:
        return Fact(api, params, inventory.organisation, "global", "plan", "", "", Status.OK, body)

    def listing(content: str) -> dict[str, Any]:
        return {"parent": parent, "contentType": content}

    resources = list(inventory.assets.values())
    parts = ("name", "assetType", "ancestors")
    policies = [
        {part: asset[part] for part in parts} | {"iamPolicy": inventory.policies.get(asset["name"], {})}
        for asset in resources
    ]
    confined = {"principalAccessBoundaryPolicies": inventory.boundaries}
    return [
        fact("cloudasset:ListAssets", listing("RESOURCE"), {"assets": resources}),
        fact("cloudasset:ListAssets", listing("IAM_POLICY"), {"assets": policies}),
        fact("iam:ListDenyPolicies", {"parent": parent}, {"policies": inventory.denials}),
        fact("iam:ListPrincipalAccessBoundaryPolicies", {"parent": parent}, confined),
        fact("iam:SearchPolicyBindings", {"parent": parent}, {"policyBindings": inventory.bindings}),
    ]
