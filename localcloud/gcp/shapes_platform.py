"""Folders, projects, services, logging, budgets, entitlements, tags as Cloud Asset Inventory shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.errors import LocalCloudError
from localcloud.gcp import computed as known
from localcloud.gcp.configuration import Resource
from localcloud.gcp.inventory import Asset, Builder, Inventory, project_of, resource_name
from localcloud.gcp.rest import rest


def source(resource: Resource) -> str:
    """Where an asset comes from, for messages."""
    return f"{resource.stack}: {resource.type}.{resource.label}"


def put(
    inventory: Inventory, resource: Resource, name: str, type_: str, data: dict[str, Any], location: str = "global"
) -> Asset:
    """An asset of the resource's project."""
    return inventory.add(
        Asset(name, type_, data, project_of(resource.values), location=location, source=source(resource))
    )


def _parent(values: Mapping[str, Any], organisation: str) -> str:
    if values.get("folder_id"):
        return f"folders/{str(values['folder_id']).removeprefix('folders/')}"
    return f"organizations/{values.get('org_id') or organisation}"


def _folder(inventory: Inventory, resource: Resource) -> None:
    number = known.folder_number(resource.values)
    parent = str(resource.values["parent"])
    data = {
        "name": f"folders/{number}",
        "displayName": resource.values["display_name"],
        "parent": parent,
        "state": "ACTIVE",
    }
    name = f"//cloudresourcemanager.googleapis.com/folders/{number}"
    inventory.add(
        Asset(
            name,
            "cloudresourcemanager.googleapis.com/Folder",
            data,
            resource_name(parent),
            source=source(resource),
        )
    )


def _project(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    project_id = str(values["project_id"])
    parent = _parent(values, inventory.organisation)
    kind, _, number = parent.partition("/")
    data = {
        "projectId": project_id,
        "projectNumber": known.project_number(project_id),
        "name": values.get("name", project_id),
        "lifecycleState": "ACTIVE",
        "labels": dict(values.get("labels") or {}),
        "parent": {"type": kind.rstrip("s"), "id": number},
    }
    inventory.add(
        Asset(
            resource_name(f"projects/{project_id}"),
            "cloudresourcemanager.googleapis.com/Project",
            data,
            resource_name(parent),
            source=source(resource),
        )
    )


def _service(inventory: Inventory, resource: Resource) -> None:
    project = known.project_number(str(resource.values["project"]))
    service = resource.values["service"]
    name = f"projects/{project}/services/{service}"
    data = {"name": name, "parent": f"projects/{project}", "state": "ENABLED"}
    put(inventory, resource, f"//serviceusage.googleapis.com/{name}", "serviceusage.googleapis.com/Service", data)


def _lien(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    name = f"liens/{known.digits(str(values['parent']) + str(values['origin']), 18)}"
    parent = resource_name(str(values["parent"]))
    data = {**rest(values), "name": name}
    full = f"//cloudresourcemanager.googleapis.com/{name}"
    inventory.add(Asset(full, "cloudresourcemanager.googleapis.com/Lien", data, parent, source=source(resource)))


def _sink(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    for member, kind in (("project", "projects"), ("folder", "folders"), ("org_id", "organizations")):
        if values.get(member):
            container = f"{kind}/{str(values[member]).rpartition('/')[2]}"
    data = rest(values) | {
        "name": values["name"],
        "writerIdentity": known.computed(resource.type, values, "writer_identity"),
    }
    inventory.add(
        Asset(
            f"//logging.googleapis.com/{container}/sinks/{values['name']}",
            "logging.googleapis.com/LogSink",
            data,
            resource_name(container),
            source=source(resource),
        )
    )


def _log_bucket(inventory: Inventory, resource: Resource) -> None:
    name = f"projects/{resource.values['project']}/locations/{resource.values['location']}/buckets/"
    name += str(resource.values["bucket_id"])
    data = rest(resource.values) | {"name": name, "lifecycleState": "ACTIVE"}
    put(inventory, resource, f"//logging.googleapis.com/{name}", "logging.googleapis.com/LogBucket", data)


def _budget(inventory: Inventory, resource: Resource) -> None:
    account = str(resource.values["billing_account"])
    number = known.digits(account + str(resource.values.get("display_name")), 12)
    inventory.budgets.append({**rest(resource.values), "name": f"billingAccounts/{account}/budgets/{number}"})


def _entitlement(inventory: Inventory, resource: Resource) -> None:
    parent = str(resource.values["parent"])
    name = f"{parent}/locations/{resource.values.get('location', 'global')}/entitlements/"
    name += str(resource.values["entitlement_id"])
    inventory.entitlements.setdefault(parent, []).append({**rest(resource.values), "name": name, "state": "AVAILABLE"})


def _quota(inventory: Inventory, resource: Resource) -> None:
    inventory.quotas.append(rest(resource.values))


def _zone(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    name = f"projects/{values['project']}/managedZones/{values['name']}"
    put(inventory, resource, f"//dns.googleapis.com/{name}", "dns.googleapis.com/ManagedZone", rest(values))


def _dns_policy(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    kind = "responsePolicies" if "response" in resource.type else "policies"
    label = values.get("response_policy_name") or values["name"]
    name = f"projects/{values['project']}/{kind}/{label}"
    type_ = "dns.googleapis.com/ResponsePolicy" if "response" in resource.type else "dns.googleapis.com/Policy"
    put(inventory, resource, f"//dns.googleapis.com/{name}", type_, rest(values))


def _dns_rule(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    name = f"//dns.googleapis.com/projects/{values['project']}/responsePolicies/{values['response_policy']}"
    policy = inventory.assets.get(name)
    if policy is None:
        raise LocalCloudError(f"{source(resource)}: response policy {values['response_policy']} is in no stack")
    policy.data.setdefault("rules", []).append(rest(values))


def _alert(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    if "channel" in resource.type:
        name, type_ = str(known.computed(resource.type, values, "name")), "NotificationChannel"
    else:
        name = f"projects/{values['project']}/alertPolicies/{known.digits(str(values['display_name']), 18)}"
        type_ = "AlertPolicy"
    data = {**rest(values), "name": name}
    put(inventory, resource, f"//monitoring.googleapis.com/{name}", f"monitoring.googleapis.com/{type_}", data)


def _tag(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    id_ = known.computed(resource.type, values, "id")
    parent = str(values["parent"])
    full = f"//cloudresourcemanager.googleapis.com/{id_}"
    type_ = "TagKey" if id_.startswith("tagKeys/") else "TagValue"
    above = (
        f"//cloudresourcemanager.googleapis.com/{parent}" if parent.startswith("tagKeys/") else resource_name(parent)
    )
    data = {**rest(values), "name": id_}
    inventory.add(Asset(full, f"cloudresourcemanager.googleapis.com/{type_}", data, above, source=source(resource)))


BUILDERS: dict[str, Builder] = {
    "google_folder": _folder,
    "google_project": _project,
    "google_project_service": _service,
    "google_resource_manager_lien": _lien,
    "google_logging_project_sink": _sink,
    "google_logging_folder_sink": _sink,
    "google_logging_organization_sink": _sink,
    "google_logging_project_bucket_config": _log_bucket,
    "google_billing_budget": _budget,
    "google_privileged_access_manager_entitlement": _entitlement,
    "google_cloud_quotas_quota_preference": _quota,
    "google_dns_managed_zone": _zone,
    "google_dns_policy": _dns_policy,
    "google_dns_response_policy": _dns_policy,
    "google_dns_response_policy_rule": _dns_rule,
    "google_monitoring_alert_policy": _alert,
    "google_monitoring_notification_channel": _alert,
    "google_tags_tag_key": _tag,
    "google_tags_tag_value": _tag,
}
