"""Planned resources of Google Cloud that only rules ask about: machines, keys as KMS shows them, budgets, entitlements.

The rest is read as for the proofs (`compliance.estate.planned_google_assets`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from compliance.estate.google_terraform import Planned, camel, many, one
from compliance.estate.planned_google_assets import ASSETS, IGNORED, Inventory, compute_path, number_of

_CRM: Final = "//cloudresourcemanager.googleapis.com/"


class RuleInventory(Inventory):
    """An inventory that also holds what is asked of other services than Cloud Asset Inventory."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.budgets: list[dict[str, Any]] = []
        self.entitlements: dict[str, list[dict[str, Any]]] = {}
        self.quotas: dict[str, list[dict[str, Any]]] = {}
        self.account_keys: dict[str, list[dict[str, Any]]] = {}
        self.doubtful: set[str] = set()

    def doubt(self, about: str, why: str) -> None:
        """Notes besides that the allow policy of something is known only later."""
        super().doubt(about, why)
        self.doubtful.add(about)


def _rules(inventory: Inventory) -> RuleInventory:
    assert isinstance(inventory, RuleInventory)  # the readers of this file are used with no other
    return inventory


def _text(values: Mapping[str, Any], name: str) -> str:
    return str(values.get(name) or "")


def _named(values: Mapping[str, Any], address: str) -> str:
    """The name, or one that begins as the name will."""
    return _text(values, "name") or f"{_text(values, 'name_prefix')}{number_of(address)}"


def _template(inventory: Inventory, resource: Planned) -> None:
    name = _named(resource.values, resource.address)
    path = compute_path("instanceTemplates", {**resource.values, "name": name})
    kind = "compute.googleapis.com/InstanceTemplate"
    data = {"name": name, "properties": _machine(resource.values)}
    inventory.add(f"//compute.googleapis.com/{path}", kind, data, _text(resource.values, "project"))


def _instance(inventory: Inventory, resource: Planned) -> None:
    """An instance as the proof reads it, with what rules ask besides."""
    ASSETS["google_compute_instance"](inventory, resource)
    path = compute_path("instances", resource.values)
    asset = inventory.assets[f"//compute.googleapis.com/{path}"]
    asset["resource"]["data"] |= _machine(resource.values)


def _machine(values: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(values.get("metadata") or {})
    if values.get("metadata_startup_script"):
        metadata["startup-script"] = values["metadata_startup_script"]
    boot = [{**one(disk.get("initialize_params")), **disk, "boot": True} for disk in many(values.get("boot_disk"))]
    disks = [*boot, *many(values.get("attached_disk")), *many(values.get("disk"))]
    return {
        "metadata": {"items": [{"key": key, "value": str(value)} for key, value in sorted(metadata.items())]},
        "confidentialInstanceConfig": camel(dict(one(values.get("confidential_instance_config")))),
        "shieldedInstanceConfig": camel(dict(one(values.get("shielded_instance_config")))),
        "networkInterfaces": [_interface(nic) for nic in many(values.get("network_interface"))],
        "serviceAccounts": [dict(account) for account in many(values.get("service_account"))],
        "disks": [_disk(disk) for disk in disks],
    }


def _interface(nic: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "accessConfigs": [camel(dict(each)) for each in many(nic.get("access_config"))],
        "ipv6AccessConfigs": [camel(dict(each)) for each in many(nic.get("ipv6_access_config"))],
    }


def _disk(disk: Mapping[str, Any]) -> dict[str, Any]:
    key = one(disk.get("disk_encryption_key")).get("kms_key_self_link") or disk.get("kms_key_self_link")
    return {
        "boot": bool(disk.get("boot")),
        "initializeParams": {"sourceImage": str(disk.get("source_image") or disk.get("image") or "")},
        "diskEncryptionKey": {"kmsKeyName": str(key)} if key else {},
    }


def _key(inventory: Inventory, resource: Planned) -> None:
    """A key with what Cloud KMS sets where the configuration says nothing (CryptoKey, v1)."""
    values = resource.values
    name = f"{_text(values, 'key_ring')}/cryptoKeys/{_text(values, 'name')}"
    template = camel(dict(one(values.get("version_template"))))
    template.setdefault("protectionLevel", "SOFTWARE")
    data: dict[str, Any] = {
        "name": name,
        "purpose": _text(values, "purpose") or "ENCRYPT_DECRYPT",
        "versionTemplate": template,
        "labels": dict(values.get("labels") or {}),
        "importOnly": bool(values.get("import_only")),
    }
    data |= {
        there: values[here]
        for here, there in (
            ("rotation_period", "rotationPeriod"),
            ("destroy_scheduled_duration", "destroyScheduledDuration"),
        )
        if values.get(here)
    }
    project = name.partition("projects/")[2].partition("/")[0]
    inventory.add(f"//cloudkms.googleapis.com/{name}", "cloudkms.googleapis.com/CryptoKey", data, project)


def _network(inventory: Inventory, resource: Planned) -> None:
    """A network, and the route to the internet that Google makes with it unless told not to."""
    ASSETS["google_compute_network"](inventory, resource)
    values = resource.values
    asset = inventory.assets[f"//compute.googleapis.com/{compute_path('networks', values)}"]
    asset["resource"]["data"].setdefault("autoCreateSubnetworks", True)
    if values.get("delete_default_routes_on_create"):
        return
    path = compute_path("routes", {"project": values.get("project"), "name": f"default-route-{_text(values, 'name')}"})
    data = {"destRange": "0.0.0.0/0", "nextHopGateway": "default-internet-gateway"}
    inventory.add(f"//compute.googleapis.com/{path}", "compute.googleapis.com/Route", data, _text(values, "project"))


def _account_key(inventory: Inventory, resource: Planned) -> None:
    account = _text(resource.values, "service_account_id")
    name = account if account.startswith("projects/") else f"projects/-/serviceAccounts/{account}"
    key = {"name": f"{name}/keys/{number_of(resource.address)}", "keyType": "USER_MANAGED"}
    inventory.about(f"//iam.googleapis.com/{name}")
    _rules(inventory).account_keys.setdefault(name.rpartition("/")[2], []).append(key)


def _audited(kind: str, attribute: str) -> Callable[[Inventory, Planned], None]:
    def read(inventory: Inventory, resource: Planned) -> None:
        values = resource.values
        own = _text(values, attribute).rpartition("/")[2]
        name = f"{_CRM}{inventory.whose.node(own) if kind == 'projects' else f'{kind}/{own}'}"
        inventory.about(name)
        logs = [camel(dict(log)) for log in many(values.get("audit_log_config"))]
        config = {"service": _text(values, "service"), "auditLogConfigs": logs}
        inventory.policies.setdefault(name, {"bindings": []}).setdefault("auditConfigs", []).append(config)

    return read


def _budget(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    filtered = one(values.get("budget_filter"))
    _rules(inventory).budgets.append(
        {
            "account": f"billingAccounts/{_text(values, 'billing_account')}",
            "displayName": _text(values, "display_name"),
            "budgetFilter": {"projects": list(filtered.get("projects") or ())},
            "thresholdRules": [camel(dict(rule)) for rule in many(values.get("threshold_rules"))],
        }
    )


def _entitlement(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    node = inventory.whose.node(_text(values, "parent"))
    workflow = one(one(values.get("approval_workflow")).get("manual_approvals"))
    access = one(one(values.get("privileged_access")).get("gcp_iam_access"))
    _rules(inventory).entitlements.setdefault(node, []).append(
        {
            "name": f"{node}/locations/global/entitlements/{_text(values, 'entitlement_id')}",
            "maxRequestDuration": _text(values, "max_request_duration") or "0s",
            "approvalWorkflow": {"manualApprovals": {"steps": [dict(step) for step in many(workflow.get("steps"))]}},
            "privilegedAccess": {
                "gcpIamAccess": {"roleBindings": [dict(role) for role in many(access.get("role_bindings"))]}
            },
        }
    )


def _quota(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    node = inventory.whose.node(_text(values, "parent"))
    quota = {"quotaId": _text(values, "quota_id"), "service": _text(values, "service")}
    _rules(inventory).quotas.setdefault(node, []).append(quota)


READERS: Final[dict[str, Callable[[Inventory, Planned], None]]] = {
    "google_billing_budget": _budget,
    "google_cloud_quotas_quota_preference": _quota,
    "google_compute_instance": _instance,
    "google_compute_instance_template": _template,
    "google_compute_network": _network,
    "google_compute_region_instance_template": _template,
    "google_folder_iam_audit_config": _audited("folders", "folder"),
    "google_kms_crypto_key": _key,
    "google_organization_iam_audit_config": _audited("organizations", "org_id"),
    "google_privileged_access_manager_entitlement": _entitlement,
    "google_project_iam_audit_config": _audited("projects", "project"),
    "google_service_account_key": _account_key,
}
"""Readers that go before those of the proof."""

UNASKED: Final = IGNORED - READERS.keys()
"""Types about which no rule asks anything."""
