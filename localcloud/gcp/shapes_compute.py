"""Networks, firewalls and machines as Cloud Asset Inventory shows them: Compute Engine's REST resources."""

from __future__ import annotations

from typing import Any

from localcloud.gcp import computed as known
from localcloud.gcp.configuration import Resource
from localcloud.gcp.inventory import Asset, Builder, Inventory, project_of, resource_name
from localcloud.gcp.rest import rest
from localcloud.gcp.shapes_platform import put, source

_TYPES = {
    "google_compute_network": ("networks", "Network"),
    "google_compute_subnetwork": ("subnetworks", "Subnetwork"),
    "google_compute_route": ("routes", "Route"),
    "google_compute_router": ("routers", "Router"),
    "google_compute_global_address": ("addresses", "GlobalAddress"),
    "google_compute_address": ("addresses", "Address"),
    "google_compute_global_forwarding_rule": ("forwardingRules", "GlobalForwardingRule"),
    "google_compute_forwarding_rule": ("forwardingRules", "ForwardingRule"),
    "google_compute_instance_group_manager": ("instanceGroupManagers", "InstanceGroupManager"),
    "google_compute_region_instance_group_manager": ("instanceGroupManagers", "InstanceGroupManager"),
    "google_compute_image": ("images", "Image"),
    "google_compute_snapshot": ("snapshots", "Snapshot"),
    "google_compute_disk": ("disks", "Disk"),
    "google_compute_reservation": ("reservations", "Reservation"),
    "google_compute_resource_policy": ("resourcePolicies", "ResourcePolicy"),
    "google_compute_health_check": ("healthChecks", "HealthCheck"),
}


def _simple(inventory: Inventory, resource: Resource) -> None:
    kind, name = _TYPES[resource.type]
    path = known.compute_path(kind, resource.values)
    data = {**rest(resource.values), "selfLink": known.self_link(path)}
    place = path.split("/")
    put(inventory, resource, f"//compute.googleapis.com/{path}", f"compute.googleapis.com/{name}", data, place[3])


def _firewall(inventory: Inventory, resource: Resource) -> None:
    path = known.compute_path("firewalls", resource.values)
    data = {**rest(resource.values), "selfLink": known.self_link(path)}
    data["allowed"] = [_traffic(rule) for rule in data.pop("allow", [])]
    data["denied"] = [_traffic(rule) for rule in data.pop("deny", [])]
    put(inventory, resource, f"//compute.googleapis.com/{path}", "compute.googleapis.com/Firewall", data)


def _traffic(rule: dict[str, Any]) -> dict[str, Any]:
    return {"IPProtocol": rule.get("protocol", "all"), **({"ports": rule["ports"]} if rule.get("ports") else {})}


def _policy(inventory: Inventory, resource: Resource) -> None:
    """A firewall policy of a folder, organisation or project; its rules and associations arrive later."""
    values = resource.values
    data = {**rest(values), "rules": [], "associations": []}
    if resource.type == "google_compute_firewall_policy":
        number = known.computed(resource.type, values, "id")
        name = f"//compute.googleapis.com/locations/global/firewallPolicies/{number}"
        data |= {"name": number, "shortName": values["short_name"]}
        above = resource_name(str(values["parent"]))
    else:
        name = f"//compute.googleapis.com/{known.compute_path('firewallPolicies', values)}"
        above = project_of(values)
    inventory.add(Asset(name, "compute.googleapis.com/FirewallPolicy", data, above, source=source(resource)))


def _policy_of(inventory: Inventory, reference: str) -> Asset:
    name = reference.rpartition("/")[2]
    for asset in inventory.of_type("compute.googleapis.com/FirewallPolicy"):
        if name in {asset.name.rpartition("/")[2], asset.data.get("name"), asset.data.get("shortName")}:
            return asset
    from localcloud.errors import LocalCloudError  # noqa: PLC0415 - one use

    raise LocalCloudError(f"firewall policy {reference}: is in no stack")


def _rule(inventory: Inventory, resource: Resource) -> None:
    data = rest(resource.values)
    _normalise(data)
    _policy_of(inventory, str(data.pop("firewallPolicy"))).data["rules"].append(data)


def _with_rules(inventory: Inventory, resource: Resource) -> None:
    _policy(inventory, resource)
    asset = list(inventory.of_type("compute.googleapis.com/FirewallPolicy"))[-1]
    asset.data["rules"] = [rest(rule) for rule in resource.blocks("rule")]
    asset.data.pop("rule", None)
    for rule in asset.data["rules"]:
        _normalise(rule)


def _normalise(rule: dict[str, Any]) -> None:
    """The API's `match` has `layer4Configs` with `ipProtocol`; Terraform writes `layer4_configs` with `ip_protocol`."""
    match = rule.get("match") or {}
    layers = match.get("layer4Configs") or match.pop("layer4Config", None) or []
    match["layer4Configs"] = layers if isinstance(layers, list) else [layers]
    for tags in ("srcSecureTags", "targetSecureTags"):
        for holder in (match, rule):
            if isinstance(holder.get(tags), dict):
                holder[tags] = [holder[tags]]
    rule["match"] = match


def _association(inventory: Inventory, resource: Resource) -> None:
    data = rest(resource.values)
    asset = _policy_of(inventory, str(data.pop("firewallPolicy")))
    asset.data["associations"].append(data)


def _template(inventory: Inventory, resource: Resource) -> None:
    path = known.compute_path("instanceTemplates", resource.values)
    name = path.rpartition("/")[2]
    properties = _machine(resource.values)
    data = {"name": name, "properties": properties, "selfLink": known.self_link(path)}
    full = f"//compute.googleapis.com/{path}"
    put(inventory, resource, full, "compute.googleapis.com/InstanceTemplate", data)


def _instance(inventory: Inventory, resource: Resource) -> None:
    path = known.compute_path("instances", resource.values)
    data = {**_machine(resource.values), "name": resource.values["name"], "status": "RUNNING"}
    data |= {"selfLink": known.self_link(path), "id": known.digits(path, 19), "zone": resource.values["zone"]}
    full = f"//compute.googleapis.com/{path}"
    put(inventory, resource, full, "compute.googleapis.com/Instance", data, str(resource.values["zone"]))


def _machine(values: Any) -> dict[str, Any]:
    data: dict[str, Any] = rest(values)
    metadata = data.get("metadata") or {}
    data["metadata"] = {"items": [{"key": key, "value": str(value)} for key, value in sorted(metadata.items())]}
    data["networkInterfaces"] = data.pop("networkInterface", [])
    for interface in data["networkInterfaces"]:
        interface["accessConfigs"] = interface.pop("accessConfig", [])
        if "ipv6AccessConfig" in interface:
            interface["ipv6AccessConfigs"] = interface.pop("ipv6AccessConfig")
    data["disks"] = [_disk(disk) for disk in data.pop("disk", [])]
    account = data.pop("serviceAccount", None)
    data["serviceAccounts"] = [account] if account else []
    data["guestAccelerators"] = data.pop("guestAccelerator", [])
    return data


def _disk(disk: dict[str, Any]) -> dict[str, Any]:
    parameters = {"sourceImage": disk.get("sourceImage"), "diskSizeGb": disk.get("diskSizeGb")}
    return {**disk, "initializeParams": {name: value for name, value in parameters.items() if value is not None}}


def _metadata(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    project = known.project_number(str(values["project"]))
    items = [{"key": key, "value": str(value)} for key, value in sorted((values.get("metadata") or {}).items())]
    full = f"//compute.googleapis.com/projects/{project}"
    if full not in inventory.assets:
        data: dict[str, Any] = {"name": values["project"], "commonInstanceMetadata": {"items": []}}
        put(inventory, resource, full, "compute.googleapis.com/Project", data)
    inventory.assets[full].data["commonInstanceMetadata"]["items"] += items


def _metadata_item(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    item = {"project": values["project"], "metadata": {values["key"]: values["value"]}}
    _metadata(inventory, Resource(resource.stack, resource.type, resource.label, item))


def _peering(inventory: Inventory, resource: Resource) -> None:
    network = str(resource.values["network"]).rpartition("compute/v1/")[2]
    asset = inventory.assets[f"//compute.googleapis.com/{network}"]
    asset.data.setdefault("peerings", []).append(
        {"name": resource.values["name"], "network": resource.values["peer_network"], "state": "ACTIVE"}
    )


BUILDERS: dict[str, Builder] = {
    **dict.fromkeys(_TYPES, _simple),
    "google_compute_firewall": _firewall,
    "google_compute_firewall_policy": _policy,
    "google_compute_network_firewall_policy": _policy,
    "google_compute_region_network_firewall_policy": _policy,
    "google_compute_network_firewall_policy_with_rules": _with_rules,
    "google_compute_firewall_policy_with_rules": _with_rules,
    "google_compute_firewall_policy_rule": _rule,
    "google_compute_network_firewall_policy_rule": _rule,
    "google_compute_firewall_policy_association": _association,
    "google_compute_network_firewall_policy_association": _association,
    "google_compute_instance_template": _template,
    "google_compute_region_instance_template": _template,
    "google_compute_instance": _instance,
    "google_compute_project_metadata": _metadata,
    "google_compute_project_metadata_item": _metadata_item,
    "google_compute_network_peering": _peering,
}
