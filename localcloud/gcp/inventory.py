"""The deployed state in the form of Cloud Asset Inventory: assets by full resource name, with their policies.

Cloud Asset Inventory "Supported asset types" and "Asset" (REST, v1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.errors import LocalCloudError
from localcloud.gcp import computed as known
from localcloud.gcp.configuration import Resource

TIME = "1970-01-01T00:00:00Z"
"""No time passes between synthesis and a state that nobody applied; assets carry this one."""


@dataclass
class Asset:
    """One resource: its full name, type, location in the hierarchy, REST data and IAM policy."""

    name: str
    type: str
    data: dict[str, Any]
    parent: str
    """Full name of the resource above; empty for the organisation."""
    iam: dict[str, Any] = field(default_factory=dict)
    location: str = "global"
    source: str = ""
    """Stack and address of the Terraform resource that it comes from."""


@dataclass
class Inventory:
    """All that is deployed, indexed."""

    organisation: str
    assets: dict[str, Asset] = field(default_factory=dict)
    perimeters: list[dict[str, Any]] = field(default_factory=list)
    access_levels: list[dict[str, Any]] = field(default_factory=list)
    org_policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Organization Policy v2 policies by full name of the project, folder or organisation they are set on."""
    custom_constraints: list[dict[str, Any]] = field(default_factory=list)
    deny_policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """IAM v2 deny policies by attachment point (`projects/…`, `folders/…`, `organizations/…`)."""
    boundaries: list[dict[str, Any]] = field(default_factory=list)
    bindings: list[dict[str, Any]] = field(default_factory=list)
    """IAM v3 policy bindings."""
    entitlements: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    budgets: list[dict[str, Any]] = field(default_factory=list)
    quotas: list[dict[str, Any]] = field(default_factory=list)
    outside: list[dict[str, Any]] = field(default_factory=list)
    """Grants on what the platform has beside the stacks."""
    not_modelled: dict[str, int] = field(default_factory=dict)
    """Terraform types that the double leaves aside, with their number; reports name them."""

    def add(self, asset: Asset) -> Asset:
        """Takes up an asset. Raises `LocalCloudError` when two resources would have one name."""
        if asset.name in self.assets:
            raise LocalCloudError(
                f"{asset.source}: {asset.name} is deployed by {self.assets[asset.name].source} already"
            )
        self.assets[asset.name] = asset
        return asset

    def of_type(self, *types: str) -> Iterable[Asset]:
        """Assets of any of these types."""
        return (asset for asset in self.assets.values() if asset.type in types)

    def ancestors(self, name: str) -> list[str]:
        """`projects/<number>`, `folders/<number>` …, `organizations/<number>`, nearest first."""
        found = []
        at: str | None = name
        while at:
            service, _, path = at.removeprefix("//").partition("/")
            if service == "cloudresourcemanager.googleapis.com":
                found.append(path)
            asset = self.assets.get(at)
            at = asset.parent if asset else None
        return found


def resource_name(container: str) -> str:
    """The full name of `projects/<id or number>`, `folders/<number>` or `organizations/<number>`."""
    kind, _, name = container.partition("/")
    if kind == "projects":
        name = known.project_number(name)
    return f"//cloudresourcemanager.googleapis.com/{kind}/{name}"


def project_of(values: Mapping[str, Any]) -> str:
    """The full name of a resource's project."""
    return resource_name(f"projects/{str(values['project']).removeprefix('projects/')}")


Builder = Callable[[Inventory, Resource], None]


def build(resources: Iterable[Resource], organisation: str, bootstrap: Iterable[Mapping[str, Any]] = ()) -> Inventory:
    """The inventory of a configuration.

    `bootstrap` are bindings on the organisation that no stack makes: what the deploying account was given by hand
    before the first deployment.
    """
    from localcloud.gcp import shapes_access, shapes_compute, shapes_platform, shapes_storage  # noqa: PLC0415

    inventory = Inventory(organisation)
    top = inventory.add(
        Asset(
            f"//cloudresourcemanager.googleapis.com/organizations/{organisation}",
            "cloudresourcemanager.googleapis.com/Organization",
            {"name": f"organizations/{organisation}", "lifecycleState": "ACTIVE"},
            "",
            source="the organisation itself",
        )
    )
    top.iam = {"bindings": [dict(binding) for binding in bootstrap]}
    builders: dict[str, Builder] = {}
    for shapes in (shapes_platform, shapes_storage, shapes_compute, shapes_access):
        builders |= shapes.BUILDERS
    later = [resource for resource in resources if not _first(inventory, resource, builders)]
    for resource in later:
        if (grant := shapes_access.grant_of(resource)) is not None:
            shapes_access.apply_grant(inventory, grant)
        elif resource.type in builders:
            builders[resource.type](inventory, resource)
        else:
            inventory.not_modelled[resource.type] = inventory.not_modelled.get(resource.type, 0) + 1
    return inventory


_BEFORE = ("google_folder", "google_project", "google_kms_key_ring", "google_kms_crypto_key", "google_storage_bucket",
           "google_service_account", "google_iam_workload_identity_pool", "google_compute_network",
           "google_compute_firewall_policy", "google_compute_network_firewall_policy", "google_dns_response_policy",
           "google_compute_subnetwork")  # fmt: skip


def _first(inventory: Inventory, resource: Resource, builders: dict[str, Builder]) -> bool:
    """What others refer to goes first; nothing in it depends on order among these."""
    if resource.type not in _BEFORE:
        return False
    builders[resource.type](inventory, resource)
    return True
