"""For each rule about Google Cloud: an edit of the stacks that it must refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.compliance.planned.edits import Documents, Edit, add, change, drop, matching

VAULT, PERIMETER, COMPUTE = "initech-vault", "initech-perimeter", "initech-compute"
ORGANISATION, AUDIT = "gcp-organisation", "gcp-audit"
PROJECT, KEYS = "bh-initech", "bh-initech-keys"
STRANGER = "user:mallory@elsewhere.example"
WALL = "google_access_context_manager_service_perimeter"
CONSTRAINT = "google_org_policy_policy"
TEMPLATE = "google_compute_instance_template"
BUCKET_POLICY, KEY_POLICY = "google_storage_bucket_iam_policy", "google_kms_crypto_key_iam_policy"
PROVIDER = "google_iam_workload_identity_pool_provider"


def altered(stack: str, kind: str, part: str, alter: Callable[[dict[str, Any]], Any]) -> Edit:
    """What a function makes of the arguments."""

    def edit(documents: Documents) -> None:
        for _, body in matching(documents, stack, kind, part):
            alter(body)

    return edit


def granted(stack: str, kind: str, part: str, role: str, member: str) -> Edit:
    """One more binding in a policy."""

    def alter(body: dict[str, Any]) -> None:
        policy = json.loads(body["policy_data"])
        policy["bindings"].append({"role": role, "members": [member]})
        body["policy_data"] = json.dumps(policy)

    return altered(stack, kind, part, alter)


def on_project(role: str, member: str, project: str = PROJECT) -> Edit:
    return add(VAULT, "google_project_iam_member", project=project, role=role, member=member)


def unset(constraint: str) -> Edit:
    """No policy of any stack sets the constraint."""

    def edit(documents: Documents) -> None:
        found = 0
        for document in documents.values():
            held = document["resource"].get(CONSTRAINT, {})
            for name in [n for n, body in held.items() if body["name"].endswith(f"/policies/{constraint}")]:
                del held[name]
                found += 1
        assert found

    return edit


def machine(**values: Any) -> Edit:
    return change(COMPUTE, TEMPLATE, "", **values)


def metadata(key: str, value: str) -> Edit:
    return altered(COMPUTE, TEMPLATE, "", lambda body: body["metadata"].update({key: value}))


def enforced(alter: Callable[[dict[str, Any]], Any]) -> Edit:
    """The tenant's perimeter as it would be enforced, altered."""

    def change_it(body: dict[str, Any]) -> None:
        held = body["status"][0] if isinstance(body.get("status"), list) else body["status"]
        alter(held)

    return altered(PERIMETER, WALL, "", change_it)


def bridge(documents: Documents) -> None:
    inside = deepcopy(next(matching(documents, PERIMETER, WALL, ""))[1]["status"]["resources"])
    add(
        PERIMETER,
        WALL,
        name="accessPolicies/700000000001/servicePerimeters/bridge",
        perimeter_type="PERIMETER_TYPE_BRIDGE",
        status={"resources": inside},
    )(documents)


def both(first: Edit, second: Edit) -> Edit:
    return lambda documents: (first(documents), second(documents))[0]


KEY = "google_kms_crypto_key"
BUCKET = "google_storage_bucket"
WIDE = {"ingress_from": {"identity_type": "ANY_IDENTITY"}, "ingress_to": {"resources": ["*"]}}

BREAKS: dict[str, Edit] = {
    "perimeter.gcp-enforced": drop(PERIMETER, WALL),
    "perimeter.gcp-services": enforced(lambda held: held.update(restricted_services=["cloudkms.googleapis.com"])),
    "perimeter.gcp-openings": enforced(lambda held: held.update(ingress_policies=[WIDE])),
    "perimeter.gcp-bridge": bridge,
    "perimeter.gcp-boundary": drop(VAULT, "google_iam_projects_policy_binding", "boundary-on-project"),
    "perimeter.gcp-denied": drop(VAULT, "google_iam_deny_policy", "denied_account-keys"),
    "perimeter.gcp-no-keys": unset("iam.disableServiceAccountKeyCreation"),
    "perimeter.gcp-buckets": unset("storage.publicAccessPrevention"),
    "perimeter.gcp-transport": unset("storage.secureHttpTransport"),
    "perimeter.gcp-machines": unset("compute.requireShieldedVm"),
    "perimeter.gcp-no-internet": unset("compute.vmExternalIpAccess"),
    "perimeter.gcp-locations": unset("gcp.resourceLocations"),
    "perimeter.gcp-members": unset("iam.allowedPolicyMemberDomains"),
    "perimeter.gcp-own-keys": unset("gcp.restrictCmekCryptoKeyProjects"),
    "storage.gcp-exists": change(VAULT, BUCKET, "storage_data", name="elsewhere"),
    "storage.gcp-uniform": change(VAULT, BUCKET, "storage_data", uniform_bucket_level_access=False),
    "storage.gcp-prevention": change(VAULT, BUCKET, "storage_data", public_access_prevention=None),
    "storage.gcp-public": granted(
        VAULT, BUCKET_POLICY, "storage_data", "roles/storage.objectViewer", "allAuthenticatedUsers"
    ),
    "storage.gcp-basic-roles": granted(
        VAULT, BUCKET_POLICY, "storage_data", "roles/storage.legacyBucketReader", f"projectViewer:{PROJECT}"
    ),
    "storage.gcp-key": change(VAULT, BUCKET, "storage_model", encryption=None),
    "storage.gcp-foreign": granted(
        VAULT,
        BUCKET_POLICY,
        "storage_data",
        "roles/storage.objectViewer",
        "serviceAccount:umbra-trainer@bh-umbra.iam.gserviceaccount.com",
    ),
    "storage.gcp-ledger": altered(
        VAULT, BUCKET, "ledger", lambda body: body["retention_policy"].update(is_locked=False)
    ),
    "sharing.gcp-disks": add(
        COMPUTE,
        "google_compute_snapshot_iam_member",
        project=PROJECT,
        name="made-by-hand",
        role="roles/compute.storageAdmin",
        member=STRANGER,
    ),
    "keys.gcp-exists": drop(VAULT, KEY, "keys_export"),
    "keys.gcp-hardware": change(VAULT, KEY, "keys_data", version_template={"algorithm": "x"}),
    "keys.gcp-rotation": change(VAULT, KEY, "keys_data", rotation_period=None),
    "keys.gcp-material": change(VAULT, KEY, "keys_data", import_only=True),
    "keys.gcp-destruction": change(VAULT, KEY, "keys_data", destroy_scheduled_duration="86400s"),
    "keys.gcp-attested": granted(VAULT, KEY_POLICY, "keys_data", "roles/cloudkms.cryptoKeyDecrypter", STRANGER),
    "keys.gcp-separation": both(
        granted(VAULT, KEY_POLICY, "keys_logs", "roles/cloudkms.admin", STRANGER),
        granted(VAULT, KEY_POLICY, "keys_logs", "roles/cloudkms.cryptoKeyEncrypterDecrypter", STRANGER),
    ),
    "keys.gcp-inherited": on_project("roles/cloudkms.cryptoKeyDecrypter", STRANGER, KEYS),
    "keys.gcp-public": granted(VAULT, KEY_POLICY, "keys_data", "roles/cloudkms.viewer", "allUsers"),
    "keys.gcp-release": change(VAULT, PROVIDER, "", attribute_condition='assertion.swname == "CONFIDENTIAL_SPACE"'),
    "keys.gcp-federation": add(
        VAULT,
        PROVIDER,
        project=KEYS,
        workload_identity_pool_id="initech-nodes",
        workload_identity_pool_provider_id="github",
        oidc={"issuer_uri": "https://token.actions.githubusercontent.com"},
    ),
    "network.gcp-peering": add(
        PERIMETER,
        "google_compute_network_peering",
        name="out",
        network=f"projects/{PROJECT}/global/networks/{PROJECT}",
        peer_network="projects/other/global/networks/n",
    ),
    "network.gcp-routes": change(PERIMETER, "google_compute_network", "", delete_default_routes_on_create=None),
    "network.gcp-flow-logs": change(PERIMETER, "google_compute_subnetwork", "", log_config=None),
    "network.gcp-private": change(PERIMETER, "google_compute_subnetwork", "", private_ip_google_access=False),
    "network.gcp-own": change(PERIMETER, "google_compute_network", "", auto_create_subnetworks=None),
    "node.gcp-confidential": machine(confidential_instance_config=None),
    "node.gcp-shielded": machine(shielded_instance_config={"enable_vtpm": True}),
    "node.gcp-no-address": altered(
        COMPUTE, TEMPLATE, "", lambda body: body["network_interface"][0].update(access_config=[{}])
    ),
    "node.gcp-closed": metadata("serial-port-enable", "true"),
    "node.gcp-image": metadata("tee-image-reference", "us-docker.pkg.dev/x/y/z:latest"),
    "node.gcp-identity": machine(service_account={"email": f"other@{PROJECT}.iam.gserviceaccount.com"}),
    "node.gcp-disks": altered(COMPUTE, TEMPLATE, "", lambda body: body["disk"][0].pop("disk_encryption_key")),
    "identity.gcp-account-keys": add(
        VAULT,
        "google_service_account_key",
        service_account_id=f"projects/{PROJECT}/serviceAccounts/initech-trainer@{PROJECT}.iam.gserviceaccount.com",
    ),
    "identity.gcp-basic-roles": on_project("roles/editor", STRANGER),
    "identity.gcp-public": on_project("roles/browser", "allUsers"),
    "identity.gcp-impersonation": granted(
        VAULT, "google_service_account_iam_policy", "trainer", "roles/iam.serviceAccountTokenCreator", STRANGER
    ),
    "identity.gcp-just-in-time": drop(VAULT, "google_privileged_access_manager_entitlement"),
    "audit.gcp-data-access": drop(ORGANISATION, "google_folder_iam_audit_config", "tenants"),
    "audit.gcp-sinks": drop(AUDIT, "google_logging_folder_sink", "tenants"),
    "audit.gcp-foreign-sinks": add(
        VAULT,
        "google_logging_project_sink",
        project=PROJECT,
        name="copy",
        destination="storage.googleapis.com/elsewhere",
    ),
    "audit.gcp-locked": change(AUDIT, "google_logging_project_bucket_config", "", locked=False),
    "audit.gcp-store": change(AUDIT, BUCKET, "", retention_policy=None),
    "budget.gcp-budget": drop(COMPUTE, "google_billing_budget"),
    "budget.gcp-quota": drop(COMPUTE, "google_cloud_quotas_quota_preference"),
    "data.gcp-retention-enforced": change(VAULT, BUCKET, "storage_data", lifecycle_rule=[]),
    "data.gcp-labels": altered(VAULT, BUCKET, "storage_data", lambda body: body["labels"].update(tenant="acme")),
}

MISSING = {
    "perimeter.gcp-enforced",
    "perimeter.gcp-no-keys",
    "perimeter.gcp-buckets",
    "perimeter.gcp-transport",
    "perimeter.gcp-machines",
    "perimeter.gcp-no-internet",
    "perimeter.gcp-locations",
    "perimeter.gcp-members",
    "perimeter.gcp-own-keys",
    "storage.gcp-exists",
    "keys.gcp-exists",
    "identity.gcp-just-in-time",
    "budget.gcp-budget",
    "budget.gcp-quota",
}
"""Rules whose edit takes away the very resource that could be named."""
