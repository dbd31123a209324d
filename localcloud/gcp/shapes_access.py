"""IAM bindings, deny policies, principal access boundaries, organisation policies and perimeters of a configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.errors import LocalCloudError
from localcloud.gcp import computed as known
from localcloud.gcp.configuration import Resource, as_blocks
from localcloud.gcp.inventory import Builder, Inventory, resource_name
from localcloud.gcp.rest import rest
from localcloud.gcp.shapes_platform import source


@dataclass(frozen=True)
class Grant:
    """Bindings and audit settings that a Terraform resource puts on one asset."""

    target: str
    bindings: list[dict[str, Any]]
    audit: list[dict[str, Any]]
    source: str


_TARGETS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "google_project_iam": lambda v: resource_name(f"projects/{str(v['project']).removeprefix('projects/')}"),
    "google_folder_iam": lambda v: resource_name(f"folders/{str(v['folder']).removeprefix('folders/')}"),
    "google_organization_iam": lambda v: resource_name(f"organizations/{v['org_id']}"),
    "google_storage_bucket_iam": lambda v: f"//storage.googleapis.com/{str(v['bucket']).removeprefix('b/')}",
    "google_kms_crypto_key_iam": lambda v: f"//cloudkms.googleapis.com/{v['crypto_key_id']}",
    "google_kms_key_ring_iam": lambda v: f"//cloudkms.googleapis.com/{v['key_ring_id']}",
    "google_service_account_iam": lambda v: f"account:{v['service_account_id']}",
    "google_pubsub_topic_iam": lambda v: f"//pubsub.googleapis.com/projects/{v['project']}/topics/{v['topic']}",
    "google_artifact_registry_repository_iam": lambda v: (
        f"//artifactregistry.googleapis.com/projects/{v['project']}/locations/{v['location']}"
        f"/repositories/{str(v['repository']).rpartition('/')[2]}"
    ),
    "google_compute_image_iam": lambda v: _compute("images", v["image"], v),
    "google_compute_disk_iam": lambda v: _compute("disks", v["name"], v),
    "google_compute_snapshot_iam": lambda v: _compute("snapshots", v["name"], v),
    "google_compute_instance_iam": lambda v: _compute("instances", v["instance_name"], v),
    "google_compute_subnetwork_iam": lambda v: _compute("subnetworks", v["subnetwork"], v),
}


_OUTSIDE = ("//artifactregistry.googleapis.com/",)
"""What the platform has beside the stacks: the registry of the trainer's images is filled by the image pipeline."""


def _compute(kind: str, name: Any, values: Mapping[str, Any]) -> str:
    path = known.compute_path(kind, {**values, "name": str(name).rpartition("/")[2]})
    return f"//compute.googleapis.com/{path}"


def grant_of(resource: Resource) -> Grant | None:
    """The grant that a resource makes; None if it is not an IAM resource."""
    for prefix, target in _TARGETS.items():
        kind = resource.type.removeprefix(f"{prefix}_")
        if resource.type.startswith(prefix) and kind in {"member", "binding", "policy", "audit_config"}:
            values = resource.values
            bindings, audit = _content(kind, resource)
            return Grant(target(values), bindings, audit, source(resource))
    if resource.type.endswith(("_iam_member", "_iam_binding", "_iam_policy")):
        raise LocalCloudError(f"{source(resource)}: grants on this kind of resource are not known to the local cloud")
    return None


def _content(kind: str, resource: Resource) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    values = resource.values
    if kind == "policy":
        document = values["policy_data"]
        parsed = json.loads(document) if isinstance(document, str) else document
        return list(parsed.get("bindings", [])), list(parsed.get("auditConfigs", []))
    if kind == "audit_config":
        logs = [rest(entry) for entry in resource.blocks("audit_log_config")]
        return [], [{"service": values["service"], "auditLogConfigs": logs}]
    members = [values["member"]] if kind == "member" else list(values["members"])
    binding: dict[str, Any] = {"role": values["role"], "members": members}
    if condition := resource.block("condition"):
        binding["condition"] = {key: value for key, value in condition.items() if value is not None}
    return [binding], []


def apply_grant(inventory: Inventory, grant: Grant) -> None:
    """Puts a grant on its asset. Raises `LocalCloudError` where no stack has it: a grant on nothing is a mistake."""
    asset = inventory.assets.get(grant.target)
    if grant.target.startswith("account:"):
        wanted = grant.target.removeprefix("account:").rpartition("/")[2]
        accounts = inventory.of_type("iam.googleapis.com/ServiceAccount")
        asset = next((one for one in accounts if one.data["email"] == wanted), None)
    if asset is None and grant.target.startswith(_OUTSIDE):
        inventory.outside.append({"source": grant.source, "target": grant.target, "bindings": grant.bindings})
        return
    if asset is None:
        raise LocalCloudError(f"{grant.source}: grants on {grant.target}, which no stack deploys")
    policy = asset.iam
    bindings = policy.setdefault("bindings", [])
    for binding in grant.bindings:
        same = [b for b in bindings if (b["role"], b.get("condition")) == (binding["role"], binding.get("condition"))]
        if same:
            same[0]["members"] = sorted({*same[0]["members"], *binding["members"]})
        else:
            bindings.append(binding)
    if grant.audit:
        policy.setdefault("auditConfigs", []).extend(grant.audit)


def _deny(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    # The attachment point is a full name with its slashes written as %2F.
    point = str(values["parent"]).replace("%2F", "/").replace("%2f", "/")
    container = point.removeprefix("cloudresourcemanager.googleapis.com/")
    rules = []
    for rule in resource.blocks("rules"):
        deny = next(iter(as_blocks(rule.get("deny_rule"))), {})
        rules.append({"description": rule.get("description", ""), "denyRule": rest(deny)})
    number = resource_name(container).removeprefix("//cloudresourcemanager.googleapis.com/")
    full = f"cloudresourcemanager.googleapis.com%2F{number.replace('/', '%2F')}"
    inventory.deny_policies.setdefault(number, []).append(
        {
            "name": f"policies/{full}/denypolicies/{values['name']}",
            "displayName": values.get("display_name", ""),
            "kind": "DenyPolicy",
            "rules": rules,
        }
    )


def _boundary(inventory: Inventory, resource: Resource) -> None:
    data = rest(resource.values)
    details = resource.block("details")
    rules = [rest(rule) for rule in as_blocks(details.get("rules"))]
    data["details"] = {"rules": rules, "enforcementVersion": details.get("enforcement_version", "latest")}
    data["name"] = known.computed(resource.type, resource.values, "name")
    inventory.boundaries.append(data)


def _boundary_binding(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    for member, kind in (("project", "projects"), ("folder", "folders"), ("organization", "organizations")):
        if values.get(member):
            container = f"{kind}/{str(values[member]).rpartition('/')[2]}"
    target = resource.block("target")
    inventory.bindings.append(
        {
            "name": f"{container}/locations/{values.get('location', 'global')}/policyBindings/"
            f"{values['policy_binding_id']}",
            "target": {"principalSet": target.get("principal_set", "")},
            "policyKind": values.get("policy_kind", "PRINCIPAL_ACCESS_BOUNDARY"),
            "policy": values["policy"],
            **({"condition": rest(resource.block("condition"))} if resource.block("condition") else {}),
        }
    )


def _org_policy(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    parent = resource_name(str(values["parent"]))
    policy: dict[str, Any] = {"name": str(values["name"])}
    for member in ("spec", "dry_run_spec"):
        block = resource.block(member)
        if not block:
            continue
        written: dict[str, Any] = {"rules": [_rule(rule) for rule in as_blocks(block.get("rules"))]}
        for flag, name in (("inherit_from_parent", "inheritFromParent"), ("reset", "reset")):
            if block.get(flag) is not None:
                written[name] = _truth(block[flag])
        policy["spec" if member == "spec" else "dryRunSpec"] = written
    inventory.org_policies.setdefault(parent, []).append(policy)


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, spelled in (("enforce", "enforce"), ("allow_all", "allowAll"), ("deny_all", "denyAll")):
        if rule.get(name) is not None:
            found[spelled] = _truth(rule[name])
    values = next(iter(as_blocks(rule.get("values"))), None)
    if values is not None:
        found["values"] = rest(values)
    if condition := next(iter(as_blocks(rule.get("condition"))), None):
        found["condition"] = rest(condition)
    if rule.get("parameters"):
        found["parameters"] = json.loads(str(rule["parameters"]))
    return found


def _truth(value: Any) -> bool:
    """Terraform writes these as the words TRUE and FALSE."""
    return value if isinstance(value, bool) else str(value).upper() == "TRUE"


def _constraint(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    data = rest(values)
    data["name"] = f"{values['parent']}/customConstraints/{values['name']}"
    inventory.custom_constraints.append(data)


def _perimeter(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    data: dict[str, Any] = {
        "name": values["name"],
        "title": values.get("title", ""),
        "perimeterType": values.get("perimeter_type", "PERIMETER_TYPE_REGULAR"),
        "useExplicitDryRunSpec": bool(values.get("use_explicit_dry_run_spec", False)),
    }
    for member in ("status", "spec"):
        if block := resource.block(member):
            data[member] = _config(block)
    inventory.perimeters.append(data)


def _config(block: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resources": [_numbered(name) for name in block.get("resources") or []],
        "restrictedServices": list(block.get("restricted_services") or []),
        "accessLevels": list(block.get("access_levels") or []),
    }
    if services := next(iter(as_blocks(block.get("vpc_accessible_services"))), None):
        found["vpcAccessibleServices"] = rest(services)
    for member, name in (("ingress_policies", "ingressPolicies"), ("egress_policies", "egressPolicies")):
        policies = as_blocks(block.get(member))
        if policies:
            found[name] = [rest(policy) for policy in policies]
    return found


def _numbered(name: str) -> str:
    """Perimeters name projects by number; networks in full."""
    return f"projects/{known.project_number(name)}" if name.startswith("projects/") else name


def _perimeter_resource(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    name = str(values.get("perimeter_name") or values.get("perimeter"))
    perimeter = next((one for one in inventory.perimeters if one["name"] == name), None)
    if perimeter is None:
        raise LocalCloudError(f"{source(resource)}: perimeter {name} is deployed by no stack before it")
    member = "spec" if "dry_run" in resource.type else "status"
    perimeter.setdefault(member, {}).setdefault("resources", []).append(_numbered(str(values["resource"])))


def _level(inventory: Inventory, resource: Resource) -> None:
    inventory.access_levels.append(rest(resource.values))


BUILDERS: dict[str, Builder] = {
    "google_iam_deny_policy": _deny,
    "google_iam_principal_access_boundary_policy": _boundary,
    "google_iam_projects_policy_binding": _boundary_binding,
    "google_iam_folders_policy_binding": _boundary_binding,
    "google_iam_organizations_policy_binding": _boundary_binding,
    "google_org_policy_policy": _org_policy,
    "google_org_policy_custom_constraint": _constraint,
    "google_access_context_manager_service_perimeter": _perimeter,
    "google_access_context_manager_service_perimeter_resource": _perimeter_resource,
    "google_access_context_manager_service_perimeter_dry_run_resource": _perimeter_resource,
    "google_access_context_manager_access_level": _level,
}
