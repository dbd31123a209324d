"""A hand-written configuration of two tenants on Google Cloud: what a stack may look like, not what ours does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ORGANISATION = "123456789012"
DEPLOYER = "deployer@bh-deploy.iam.gserviceaccount.com"
DIGEST = "sha256:" + "ab" * 32
IMAGE = f"us-docker.pkg.dev/bh-images/trainer/cpu@{DIGEST}"
BOOT = "projects/confidential-space-images/global/images/family/confidential-space"
REGION = "us-central1"
TENANTS = ("initech", "hooli")
PURPOSES = ("disk", "data", "checkpoint", "export")
RESTRICTED = ["storage.googleapis.com", "cloudkms.googleapis.com"]


def number(project: str) -> str:
    from tenancy.accounts import local_project_number

    return local_project_number(project)


def names(tenant: str) -> dict[str, str]:
    project = f"bh-{tenant}"
    keys = f"{project}-keys"
    pool = f"projects/{number(keys)}/locations/global/workloadIdentityPools/{tenant}-nodes"
    return {
        "project": project,
        "keys": keys,
        "ring": f"projects/{keys}/locations/{REGION}/keyRings/bh-{tenant}",
        "trainer": f"{tenant}-trainer@{project}.iam.gserviceaccount.com",
        "owner": f"{tenant}-data-owner@{project}.iam.gserviceaccount.com",
        "pool": pool,
        "provider": f"{pool}/providers/confidential-space",
        "attested": f"principalSet://iam.googleapis.com/{pool}/attribute.release/{tenant}/{DIGEST}",
        "agent": f"service-{number(project)}@gs-project-accounts.iam.gserviceaccount.com",
    }


def policy(*grants: tuple[str, list[str]]) -> str:
    return json.dumps({"bindings": [{"role": role, "members": members} for role, members in grants]})


def stack(tenant: str, **changes: Any) -> dict[str, Any]:
    """The configuration of one tenant; `changes` replaces whole resource types."""
    n = names(tenant)
    service = "serviceAccount:"
    decrypt, encrypt = "roles/cloudkms.cryptoKeyDecrypter", "roles/cloudkms.cryptoKeyEncrypter"
    both = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
    key_grants = {
        "disk": [(both, [service + n["agent"]])],
        "data": [(encrypt, [service + n["owner"]]), (decrypt, [n["attested"]])],
        "checkpoint": [(both, [n["attested"]])],
        "export": [(both, [n["attested"]]), (decrypt, [service + n["owner"]])],
    }
    view, use = "roles/storage.objectViewer", "roles/storage.objectUser"
    create = "roles/storage.objectCreator"
    trainer, owner = service + n["trainer"], service + n["owner"]
    bucket_grants = {
        "data": [(view, [trainer]), (use, [owner])],
        "checkpoint": [(use, [trainer])],
        "model": [(use, [trainer]), (view, [owner])],
        "ledger": [(create, [trainer, owner]), (view, [trainer, owner])],
    }
    condition = " && ".join(
        (
            'assertion.swname == "CONFIDENTIAL_SPACE"',
            'assertion.dbgstat == "disabled-since-boot"',
            f'assertion.submods.container.image_digest == "{DIGEST}"',
            f'assertion.submods.gce.project_number == "{number(n["project"])}"',
            "(!has(assertion.submods.container.env_override) || size(assertion.submods.container.env_override) == 0)",
            f'"{n["trainer"]}" in assertion.google_service_accounts',
        )
    )
    perimeter = {
        "resources": ["projects/${google_project.data.number}", "projects/${google_project.keys.number}"],
        "restricted_services": RESTRICTED,
        "vpc_accessible_services": {"enable_restriction": True, "allowed_services": ["RESTRICTED-SERVICES"]},
    }
    resources: dict[str, Any] = {
        "google_project": {
            "data": {"project_id": n["project"], "name": tenant, "org_id": ORGANISATION, "labels": {"tenant": tenant}},
            "keys": {"project_id": n["keys"], "name": tenant, "org_id": ORGANISATION, "labels": {"tenant": tenant}},
        },
        "google_compute_network": {
            "network": {"name": f"bh-{tenant}", "project": n["project"], "auto_create_subnetworks": False}
        },
        "google_kms_key_ring": {
            "ring": {"name": f"bh-{tenant}", "location": REGION, "project": "${google_project.keys.project_id}"}
        },
        "google_kms_crypto_key": {
            purpose: {
                "name": purpose,
                "key_ring": "${google_kms_key_ring.ring.id}",
                "rotation_period": "7776000s",
                "version_template": {"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION", "protection_level": "HSM"},
            }
            for purpose in PURPOSES
        },
        "google_kms_crypto_key_iam_policy": {
            purpose: {"crypto_key_id": f"${{google_kms_crypto_key.{purpose}.id}}", "policy_data": policy(*grants)}
            for purpose, grants in key_grants.items()
        },
        "google_storage_bucket": {
            purpose: {
                "name": f"bh-{tenant}-{purpose}",
                "project": n["project"],
                "location": REGION,
                "uniform_bucket_level_access": True,
                "public_access_prevention": "enforced",
                "encryption": {"default_kms_key_name": "${google_kms_crypto_key.disk.id}"},
                **({"retention_policy": {"retention_period": 86400, "is_locked": True}} if purpose == "ledger" else {}),
            }
            for purpose in bucket_grants
        },
        "google_storage_bucket_iam_policy": {
            purpose: {"bucket": f"${{google_storage_bucket.{purpose}.name}}", "policy_data": policy(*grants)}
            for purpose, grants in bucket_grants.items()
        },
        "google_service_account": {
            "trainer": {"account_id": f"{tenant}-trainer", "project": n["project"]},
            "owner": {"account_id": f"{tenant}-data-owner", "project": n["project"]},
        },
        "google_service_account_iam_policy": {
            "owner": {
                "service_account_id": "${google_service_account.owner.name}",
                "policy_data": policy(("roles/iam.serviceAccountTokenCreator", [f"group:{tenant}-owners@example.com"])),
            }
        },
        "google_iam_workload_identity_pool": {
            "nodes": {"workload_identity_pool_id": f"{tenant}-nodes", "project": n["keys"]}
        },
        "google_iam_workload_identity_pool_provider": {
            "provider": {
                "workload_identity_pool_id": "${google_iam_workload_identity_pool.nodes.workload_identity_pool_id}",
                "workload_identity_pool_provider_id": "confidential-space",
                "project": n["keys"],
                "attribute_condition": condition,
                "attribute_mapping": {
                    "google.subject": '"gcpcs::" + assertion.submods.gce.instance_id',
                    "attribute.release": f'"{tenant}/" + assertion.submods.container.image_digest',
                },
                "oidc": {
                    "issuer_uri": "https://confidentialcomputing.googleapis.com",
                    "allowed_audiences": ["https://sts.googleapis.com"],
                },
            }
        },
        "google_compute_instance_template": {
            "node": {
                "name": f"bh-{tenant}-node",
                "project": n["project"],
                "machine_type": "c3-standard-4",
                "confidential_instance_config": {"confidential_instance_type": "TDX"},
                "disk": [{"boot": True, "source_image": BOOT}],
                "metadata": {"tee-image-reference": IMAGE},
                "network_interface": [{"network": "${google_compute_network.network.self_link}"}],
                "service_account": {"email": "${google_service_account.trainer.email}", "scopes": ["cloud-platform"]},
                "shielded_instance_config": {"enable_secure_boot": True, "enable_vtpm": True},
            }
        },
        "google_access_context_manager_service_perimeter": {
            "perimeter": {
                "name": f"accessPolicies/99/servicePerimeters/bh_{tenant}",
                "title": f"bh_{tenant}",
                "parent": "accessPolicies/99",
                "perimeter_type": "PERIMETER_TYPE_REGULAR",
                "status": perimeter,
            }
        },
    }  # fmt: skip
    return {"resource": resources | changes}


def write(folder: Path, **documents: dict[str, Any]) -> dict[str, Path]:
    """Stacks as files: those of both tenants unless others are given."""
    found = {}
    for name, document in (documents or {f"{tenant}": stack(tenant) for tenant in TENANTS}).items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(document))
        found[name] = path
    return found
