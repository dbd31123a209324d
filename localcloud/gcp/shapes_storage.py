"""Buckets, keys and service accounts as Cloud Asset Inventory shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.gcp import computed as known
from localcloud.gcp.configuration import Resource
from localcloud.gcp.inventory import Asset, Builder, Inventory, project_of
from localcloud.gcp.rest import rest
from localcloud.gcp.shapes_platform import put, source


def _bucket(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    name = str(values["name"])
    uniform = bool(values.get("uniform_bucket_level_access", False))
    data: dict[str, Any] = {
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "projectNumber": known.project_number(str(values["project"])),
        "location": str(values["location"]).upper(),
        "storageClass": values.get("storage_class", "STANDARD"),
        "labels": dict(values.get("labels") or {}),
        "metageneration": "1",
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": uniform},
            "publicAccessPrevention": values.get("public_access_prevention", "inherited"),
        },
        "versioning": {"enabled": bool(resource.block("versioning").get("enabled", False))},
    }
    if key := resource.block("encryption").get("default_kms_key_name"):
        data["encryption"] = {"defaultKmsKeyName": key}
    if retention := resource.block("retention_policy"):
        data["retentionPolicy"] = {
            "retentionPeriod": str(retention["retention_period"]),
            "effectiveTime": "1970-01-01T00:00:00Z",
            "isLocked": bool(retention.get("is_locked", False)),
        }
    if soft := resource.block("soft_delete_policy"):
        data["softDeletePolicy"] = {"retentionDurationSeconds": str(soft["retention_duration_seconds"])}
    if logging := resource.block("logging"):
        data["logging"] = rest(logging)
    rules = resource.blocks("lifecycle_rule")
    if rules:
        data["lifecycle"] = {"rule": [_lifecycle(rule) for rule in rules]}
    put(
        inventory, resource, f"//storage.googleapis.com/{name}", "storage.googleapis.com/Bucket", data, data["location"]
    )


def _lifecycle(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A lifecycle rule; the state of objects that Terraform writes as a word is a boolean in the API."""
    found: dict[str, Any] = rest(rule)
    state = found["condition"].pop("withState", "ANY")
    if state != "ANY":
        found["condition"]["isLive"] = state == "LIVE"
    return found


def _ring(inventory: Inventory, resource: Resource) -> None:
    name = known.computed(resource.type, resource.values, "id")
    location = str(resource.values["location"])
    full = f"//cloudkms.googleapis.com/{name}"
    put(inventory, resource, full, "cloudkms.googleapis.com/KeyRing", {"name": name}, location)


def _key(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    name = str(known.computed(resource.type, values, "id"))
    template = resource.block("version_template")
    protection = template.get("protection_level", "SOFTWARE")
    algorithm = template.get("algorithm", "GOOGLE_SYMMETRIC_ENCRYPTION")
    data: dict[str, Any] = {
        "name": name,
        "purpose": values.get("purpose", "ENCRYPT_DECRYPT"),
        "labels": dict(values.get("labels") or {}),
        "versionTemplate": {"protectionLevel": protection, "algorithm": algorithm},
        "primary": {
            "name": f"{name}/cryptoKeyVersions/1",
            "state": "ENABLED",
            "protectionLevel": protection,
            "algorithm": algorithm,
        },
    }
    for given in ("rotation_period", "destroy_scheduled_duration", "import_only", "crypto_key_backend"):
        if values.get(given) is not None:
            data |= rest({given: values[given]})
    ring = str(values["key_ring"])
    project = ring.split("/")[1]
    inventory.add(
        Asset(
            f"//cloudkms.googleapis.com/{name}",
            "cloudkms.googleapis.com/CryptoKey",
            data,
            f"//cloudkms.googleapis.com/{ring}",
            location=ring.split("/")[3],
            source=f"{source(resource)} of {project}",
        )
    )


def account_data(values: Mapping[str, Any]) -> dict[str, Any]:
    """A service account as the IAM API shows it."""
    email = known.account_email(values)
    return {
        "name": f"projects/{values['project']}/serviceAccounts/{email}",
        "projectId": values["project"],
        "uniqueId": known.digits(email, 21),
        "email": email,
        "displayName": values.get("display_name", ""),
        "disabled": bool(values.get("disabled", False)),
    }


def _account(inventory: Inventory, resource: Resource) -> None:
    data = account_data(resource.values)
    full = f"//iam.googleapis.com/projects/{data['projectId']}/serviceAccounts/{data['uniqueId']}"
    put(inventory, resource, full, "iam.googleapis.com/ServiceAccount", data)


def _account_key(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    name = str(values["service_account_id"])
    account = next(
        asset
        for asset in inventory.of_type("iam.googleapis.com/ServiceAccount")
        if name in {asset.data["name"], asset.data["email"]}
    )
    key = f"{account.data['name']}/keys/{known.digits(resource.label, 16)}"
    data = {"name": key, "keyType": "USER_MANAGED", "keyOrigin": "GOOGLE_PROVIDED"}
    inventory.add(
        Asset(f"//iam.googleapis.com/{key}", "iam.googleapis.com/ServiceAccountKey", data, account.name,
              source=source(resource))
    )  # fmt: skip


def _pool(inventory: Inventory, resource: Resource) -> None:
    name = known.computed(resource.type, resource.values, "name")
    data = {**rest(resource.values), "name": name, "state": "ACTIVE", "disabled": False}
    put(inventory, resource, f"//iam.googleapis.com/{name}", "iam.googleapis.com/WorkloadIdentityPool", data)


def _provider(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    name = str(known.computed(resource.type, values, "name"))
    data: dict[str, Any] = {
        "name": name,
        "displayName": values.get("display_name", ""),
        "disabled": bool(values.get("disabled", False)),
        "state": "ACTIVE",
        "attributeMapping": dict(values.get("attribute_mapping") or {}),
        "attributeCondition": values.get("attribute_condition", ""),
    }
    for kind in ("oidc", "aws", "saml", "x509"):
        if given := resource.block(kind):
            data[kind] = rest(given)
    pool = f"//iam.googleapis.com/{name.rpartition('/providers/')[0]}"
    inventory.add(
        Asset(
            f"//iam.googleapis.com/{name}",
            "iam.googleapis.com/WorkloadIdentityPoolProvider",
            data,
            pool if pool in inventory.assets else project_of(values),
            source=source(resource),
        )
    )


def _role(inventory: Inventory, resource: Resource) -> None:
    values = resource.values
    container = f"projects/{values['project']}" if values.get("project") else f"organizations/{values['org_id']}"
    name = f"{container}/roles/{values['role_id']}"
    data = {"name": name, "title": values.get("title", ""), "includedPermissions": list(values["permissions"])}
    from localcloud.gcp.inventory import resource_name  # noqa: PLC0415 - one use

    inventory.add(
        Asset(f"//iam.googleapis.com/{name}", "iam.googleapis.com/Role", data, resource_name(container),
              source=source(resource))
    )  # fmt: skip


def _topic(inventory: Inventory, resource: Resource) -> None:
    name = known.computed(resource.type, resource.values, "id")
    put(inventory, resource, f"//pubsub.googleapis.com/{name}", "pubsub.googleapis.com/Topic", rest(resource.values))


def _repository(inventory: Inventory, resource: Resource) -> None:
    name = known.computed(resource.type, resource.values, "id")
    full = f"//artifactregistry.googleapis.com/{name}"
    data = {**rest(resource.values), "name": name}
    put(inventory, resource, full, "artifactregistry.googleapis.com/Repository", data)


BUILDERS: dict[str, Builder] = {
    "google_storage_bucket": _bucket,
    "google_kms_key_ring": _ring,
    "google_kms_crypto_key": _key,
    "google_service_account": _account,
    "google_service_account_key": _account_key,
    "google_iam_workload_identity_pool": _pool,
    "google_iam_workload_identity_pool_provider": _provider,
    "google_project_iam_custom_role": _role,
    "google_organization_iam_custom_role": _role,
    "google_pubsub_topic": _topic,
    "google_artifact_registry_repository": _repository,
}
