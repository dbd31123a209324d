"""What Google computes when a resource is made: ids, numbers, addresses. Here they follow from the given values.

Numbers that nobody can know before a resource exists are derived from its name by SHA-256, so that they are the same in
every run; project numbers as `tenancy.accounts.local_project_number` derives them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from tenancy.accounts import local_project_number

Values = Mapping[str, Any]


def digits(text: str, count: int) -> str:
    """A decimal number of `count` digits derived from `text`; the first is not zero."""
    number = str(int(hashlib.sha256(text.encode()).hexdigest(), 16))
    return number[:count]


def project_number(project: str) -> str:
    """The number of a project that is given by its id, its number or `projects/<either>`."""
    name = project.removeprefix("projects/")
    return name if name.isdigit() else local_project_number(name)


def account_email(values: Values) -> str:
    """The address of a service account."""
    return f"{values['account_id']}@{values['project']}.iam.gserviceaccount.com"


def storage_agent(project: str) -> str:
    """The service agent by which Cloud Storage uses a project's keys."""
    return f"service-{project_number(project)}@gs-project-accounts.iam.gserviceaccount.com"


def folder_number(values: Values) -> str:
    """The number of a folder."""
    return digits(f"{values['parent']}/{values['display_name']}", 12)


def _service_agent(values: Values) -> str:
    service = str(values["service"]).partition(".")[0]
    return f"service-{project_number(str(values['project']))}@gcp-sa-{service}.iam.gserviceaccount.com"


def _pool(values: Values) -> str:
    project = project_number(str(values["project"]))
    return f"projects/{project}/locations/global/workloadIdentityPools/{values['workload_identity_pool_id']}"


def _provider(values: Values) -> str:
    return f"{_pool(values)}/providers/{values['workload_identity_pool_provider_id']}"


def _ring(values: Values) -> str:
    return f"projects/{values['project']}/locations/{values['location']}/keyRings/{values['name']}"


def _key(values: Values) -> str:
    return f"{values['key_ring']}/cryptoKeys/{values['name']}"


def _sink(values: Values) -> str:
    parent = values.get("project") or values.get("folder") or values.get("org_id")
    return f"serviceAccount:service-{project_number(str(parent))}@gcp-sa-logging.iam.gserviceaccount.com"


def _tag_key(values: Values) -> str:
    return f"tagKeys/{digits(str(values['parent']) + '/' + str(values['short_name']), 12)}"


def _tag_value(values: Values) -> str:
    return f"tagValues/{digits(str(values['parent']) + '/' + str(values['short_name']), 12)}"


def _firewall_policy(values: Values) -> str:
    return digits(f"{values['parent']}/{values['short_name']}", 12)


def _boundary(values: Values) -> str:
    place = f"organizations/{values['organization']}/locations/{values['location']}"
    return f"{place}/principalAccessBoundaryPolicies/{values['principal_access_boundary_policy_id']}"


def compute_path(kind: str, values: Values) -> str:
    """The partial URL of a Compute Engine resource, global, regional or zonal as its values say."""
    if values.get("zone"):
        place = f"zones/{str(values['zone']).rpartition('/')[2]}"
    elif values.get("region"):
        place = f"regions/{str(values['region']).rpartition('/')[2]}"
    else:
        place = "global"
    name = values.get("name") or f"{values['name_prefix']}{digits(str(values['name_prefix']), 8)}"
    return f"projects/{values['project']}/{place}/{kind}/{name}"


def self_link(path: str) -> str:
    """The full URL of a Compute Engine resource."""
    return f"https://www.googleapis.com/compute/v1/{path}"


_COMPUTE = {
    "google_compute_network": "networks",
    "google_compute_subnetwork": "subnetworks",
    "google_compute_firewall": "firewalls",
    "google_compute_route": "routes",
    "google_compute_router": "routers",
    "google_compute_global_address": "addresses",
    "google_compute_address": "addresses",
    "google_compute_instance": "instances",
    "google_compute_instance_template": "instanceTemplates",
    "google_compute_region_instance_template": "instanceTemplates",
    "google_compute_instance_group_manager": "instanceGroupManagers",
    "google_compute_region_instance_group_manager": "instanceGroupManagers",
    "google_compute_network_firewall_policy": "firewallPolicies",
    "google_compute_region_network_firewall_policy": "firewallPolicies",
    "google_compute_resource_policy": "resourcePolicies",
    "google_compute_global_forwarding_rule": "forwardingRules",
    "google_compute_forwarding_rule": "forwardingRules",
    "google_compute_image": "images",
    "google_compute_snapshot": "snapshots",
    "google_compute_disk": "disks",
    "google_compute_reservation": "reservations",
    "google_compute_health_check": "healthChecks",
}

_ATTRIBUTES: dict[str, dict[str, Callable[[Values], Any]]] = {
    "google_project": {
        "id": lambda v: f"projects/{v['project_id']}",
        "number": lambda v: project_number(str(v["project_id"])),
    },
    "google_folder": {
        "id": lambda v: f"folders/{folder_number(v)}",
        "name": lambda v: f"folders/{folder_number(v)}",
        "folder_id": folder_number,
    },
    "google_kms_key_ring": {"id": _ring},
    "google_kms_crypto_key": {"id": _key},
    "google_storage_bucket": {"id": lambda v: v["name"], "url": lambda v: f"gs://{v['name']}"},
    "google_service_account": {
        "email": account_email,
        "member": lambda v: f"serviceAccount:{account_email(v)}",
        "id": lambda v: f"projects/{v['project']}/serviceAccounts/{account_email(v)}",
        "name": lambda v: f"projects/{v['project']}/serviceAccounts/{account_email(v)}",
        "unique_id": lambda v: digits(account_email(v), 21),
    },
    "google_project_service_identity": {
        "email": _service_agent,
        "member": lambda v: f"serviceAccount:{_service_agent(v)}",
    },
    "google_storage_project_service_account": {
        "email_address": lambda v: storage_agent(str(v["project"])),
        "member": lambda v: f"serviceAccount:{storage_agent(str(v['project']))}",
    },
    "google_iam_workload_identity_pool": {"name": _pool, "id": _pool},
    "google_iam_workload_identity_pool_provider": {"name": _provider, "id": _provider},
    "google_logging_project_sink": {"writer_identity": _sink},
    "google_logging_folder_sink": {"writer_identity": _sink},
    "google_logging_organization_sink": {"writer_identity": _sink},
    "google_logging_project_bucket_config": {
        "id": lambda v: f"projects/{v['project']}/locations/{v['location']}/buckets/{v['bucket_id']}",
        "name": lambda v: f"projects/{v['project']}/locations/{v['location']}/buckets/{v['bucket_id']}",
    },
    "google_tags_tag_key": {"id": _tag_key, "name": lambda v: _tag_key(v).partition("/")[2]},
    "google_tags_tag_value": {"id": _tag_value, "name": lambda v: _tag_value(v).partition("/")[2]},
    "google_compute_firewall_policy": {
        "id": _firewall_policy,
        "name": _firewall_policy,
        "firewall_policy_id": _firewall_policy,
    },
    "google_access_context_manager_access_policy": {"name": lambda v: digits(str(v["parent"]) + str(v["title"]), 12)},
    "google_access_context_manager_service_perimeter": {"id": lambda v: v["name"]},
    "google_access_context_manager_access_level": {"id": lambda v: v["name"]},
    "google_monitoring_notification_channel": {
        "id": lambda v: f"projects/{v['project']}/notificationChannels/{digits(str(v['display_name']), 18)}",
        "name": lambda v: f"projects/{v['project']}/notificationChannels/{digits(str(v['display_name']), 18)}",
    },
    "google_pubsub_topic": {"id": lambda v: f"projects/{v['project']}/topics/{v['name']}"},
    "google_dns_managed_zone": {"id": lambda v: f"projects/{v['project']}/managedZones/{v['name']}"},
    "google_iam_principal_access_boundary_policy": {
        "name": _boundary,
        "id": _boundary,
    },
    "google_artifact_registry_repository": {
        "id": lambda v: f"projects/{v['project']}/locations/{v['location']}/repositories/{v['repository_id']}",
        "name": lambda v: v["repository_id"],
    },
}


def computed(type_: str, values: Values, attribute: str) -> Any:
    """The value of an attribute: derived as Google would compute it, or as given. None where there is none."""
    own = _ATTRIBUTES.get(type_, {})
    if attribute in own:
        return own[attribute](values)
    if type_ in _COMPUTE and attribute == "name" and not values.get("name"):
        return compute_path(_COMPUTE[type_], values).rpartition("/")[2]
    if type_ in _COMPUTE and attribute in {"id", "self_link", "self_link_unique"}:
        path = compute_path(_COMPUTE[type_], values)
        return path if attribute == "id" else self_link(path)
    found: Any = values
    for part in attribute.replace("[", ".").replace("]", "").replace('"', "").split("."):
        if isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, Mapping) and part == "0":
            continue
        else:
            return None
    return found
