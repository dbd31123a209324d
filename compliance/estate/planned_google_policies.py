"""Planned allow policies of Google Cloud: `…_iam_policy`, `…_iam_binding` and `…_iam_member`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from compliance.estate.google_terraform import Planned, one
from compliance.estate.planned_google_assets import Inventory

_IAM: Final = re.compile(r"google_(?P<of>[a-z0-9_]+)_iam_(?P<form>policy|binding|member)")
_Name = Callable[[Inventory, Mapping[str, Any]], str]


def _project(values: Mapping[str, Any]) -> str:
    return str(values.get("project", "")).removeprefix("projects/")


def _within(service: str, path: str, attribute: str) -> _Name:
    """A name made of project, place and the attribute; an attribute that is a whole path already is taken as it is."""

    def name(_inventory: Inventory, values: Mapping[str, Any]) -> str:
        own = str(values.get(attribute, ""))
        if own.startswith("projects/"):
            return f"//{service}/{own}"
        where = {key: str(values.get(key, "")) for key in ("location", "region", "zone")}
        return f"//{service}/projects/{_project(values)}/{path.format(own=own, **where)}"

    return name


def _node(kind: str, attribute: str) -> _Name:
    def name(inventory: Inventory, values: Mapping[str, Any]) -> str:
        own = str(values.get(attribute, "")).rpartition("/")[2]
        node = inventory.whose.node(own) if kind == "projects" else f"{kind}/{own}"
        return f"//cloudresourcemanager.googleapis.com/{node}"

    return name


NAMES: Final[dict[str, _Name]] = {
    "project": _node("projects", "project"),
    "folder": _node("folders", "folder"),
    "organization": _node("organizations", "org_id"),
    "storage_bucket": lambda _i, v: f"//storage.googleapis.com/{str(v.get('bucket', '')).removeprefix('b/')}",
    "kms_crypto_key": lambda _i, v: f"//cloudkms.googleapis.com/{v.get('crypto_key_id', '')}",
    "kms_key_ring": lambda _i, v: f"//cloudkms.googleapis.com/{v.get('key_ring_id', '')}",
    "service_account": lambda _i, v: f"//iam.googleapis.com/{v.get('service_account_id', '')}",
    "artifact_registry_repository": _within(
        "artifactregistry.googleapis.com", "locations/{location}/repositories/{own}", "repository"
    ),
    "compute_image": _within("compute.googleapis.com", "global/images/{own}", "image"),
    "compute_snapshot": _within("compute.googleapis.com", "global/snapshots/{own}", "name"),
    "compute_disk": _within("compute.googleapis.com", "zones/{zone}/disks/{own}", "name"),
    "compute_subnetwork": _within("compute.googleapis.com", "regions/{region}/subnetworks/{own}", "subnetwork"),
    "compute_instance": _within("compute.googleapis.com", "zones/{zone}/instances/{own}", "instance_name"),
    "pubsub_topic": _within("pubsub.googleapis.com", "topics/{own}", "topic"),
    "pubsub_subscription": _within("pubsub.googleapis.com", "subscriptions/{own}", "subscription"),
    "secret_manager_secret": _within("secretmanager.googleapis.com", "secrets/{own}", "secret_id"),
}


def grant_of(inventory: Inventory, resource: Planned) -> bool:
    """Writes an IAM resource into the allow policy of what it is about; False if it is none that is read."""
    found = _IAM.fullmatch(resource.type)
    name = NAMES.get(found["of"]) if found is not None else None
    if found is None or name is None:
        return False
    values = resource.values
    about = name(inventory, values)
    inventory.about(about)
    bindings = inventory.policies.setdefault(about, {"bindings": []})["bindings"]
    if found["form"] == "policy":
        try:
            bindings += json.loads(str(values.get("policy_data", ""))).get("bindings") or []
        except (ValueError, AttributeError):
            inventory.doubt(about, f"{resource.stack}: {resource.type}.{resource.address}.policy_data is not known yet")
        return True
    members = [values.get("member")] if found["form"] == "member" else values.get("members") or []
    condition = one(values.get("condition"))
    bindings.append(
        {"role": values.get("role"), "members": [str(m) for m in members]}
        | ({"condition": dict(condition)} if condition else {})
    )
    return True
