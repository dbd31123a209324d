"""Network lock on Google Cloud: the tenant's service perimeter.

A request that crosses it is refused whatever IAM says, in either direction: from outside with stolen credentials, and
from inside to another tenant's or a stranger's resources (VPC Service Controls documentation, "Ingress and egress
rules"). Both of the tenant's projects are in it, so nothing between them crosses.
"""

from __future__ import annotations

from collections.abc import Sequence

from modules.policy.gcp_scope import Document, GcpScope, service_account

RESTRICTED = (
    "aiplatform.googleapis.com",
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigquerydatatransfer.googleapis.com",
    "cloudasset.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudkms.googleapis.com",
    "compute.googleapis.com",
    "confidentialcomputing.googleapis.com",
    "container.googleapis.com",
    "dataflow.googleapis.com",
    "dataproc.googleapis.com",
    "dns.googleapis.com",
    "file.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "notebooks.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "spanner.googleapis.com",
    "sqladmin.googleapis.com",
    "storage.googleapis.com",
    "storagetransfer.googleapis.com",
    "sts.googleapis.com",
)
"""Services at the perimeter: those that a tenant uses, and those through which data could be carried away."""

BUCKET_SETTINGS = (
    "google.storage.buckets.create",
    "google.storage.buckets.delete",
    "google.storage.buckets.get",
    "google.storage.buckets.getIamPolicy",
    "google.storage.buckets.list",
    "google.storage.buckets.setIamPolicy",
    "google.storage.buckets.update",
)
"""Methods on buckets, none on objects (VPC Service Controls documentation, "Supported service methods")."""

READ_BUCKET_SETTINGS = (
    "google.storage.buckets.get",
    "google.storage.buckets.getIamPolicy",
    "google.storage.buckets.list",
)
DEPLOYED = (
    "cloudkms.googleapis.com",
    "compute.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
)
"""Services whose settings the deployer writes; storage is beside them, with its methods named."""

SCANNED = (
    "cloudasset.googleapis.com",
    "cloudkms.googleapis.com",
    "compute.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
)


def perimeter(scope: GcpScope, image_project_number: str) -> Document:
    """What the perimeter enforces, and what its dry run reports; the two are the same specification."""
    return {
        "resources": [f"projects/{scope.project_number}", f"projects/{scope.key_project_number}"],
        "restricted_services": list(RESTRICTED),
        "vpc_accessible_services": {"enable_restriction": True, "allowed_services": ["RESTRICTED-SERVICES"]},
        "ingress_policies": [let_the_deployer_in(scope), let_the_scan_in(scope)],
        "egress_policies": [let_the_image_in(scope, image_project_number)],
    }


def let_the_deployer_in(scope: GcpScope) -> Document:
    """Lets the platform change settings from its own project. No method on objects is among them, and no data."""
    operations = [_any_method(service) for service in DEPLOYED] + [_methods("storage.googleapis.com", BUCKET_SETTINGS)]
    return _ingress(
        "The deployer writes settings",
        [scope.organisation.deployer],
        scope.organisation.deployer_project_number,
        [scope.project_number, scope.key_project_number],
        operations,
    )


def let_the_scan_in(scope: GcpScope) -> Document:
    """Lets the scan look at settings from the audit project, as itself or as the tenant's auditor."""
    operations = [_any_method(service) for service in SCANNED]
    operations.append(_methods("storage.googleapis.com", READ_BUCKET_SETTINGS))
    return _ingress(
        "The scan reads settings",
        [scope.account("auditor"), scope.collector],
        scope.audit_project_number,
        [scope.project_number, scope.key_project_number],
        operations,
    )


def let_the_image_in(scope: GcpScope, image_project_number: str) -> Document:
    """Lets the tenant's machines fetch the trainer's image; in that registry they have the reader's role only."""
    return {
        "title": "Machines fetch the trainer's image",
        "egress_from": {"identities": [service_account(scope.account("trainer"))]},
        "egress_to": {
            "resources": [f"projects/{image_project_number}"],
            "operations": [_any_method("artifactregistry.googleapis.com")],
        },
    }


def _ingress(
    title: str, identities: Sequence[str], from_project: str, to_projects: Sequence[str], operations: list[Document]
) -> Document:
    return {
        "title": title,
        "ingress_from": {
            "identities": [service_account(identity) for identity in identities],
            "sources": [{"resource": f"projects/{from_project}"}],
        },
        "ingress_to": {"resources": [f"projects/{number}" for number in to_projects], "operations": operations},
    }


def _any_method(service: str) -> Document:
    return _methods(service, ("*",))


def _methods(service: str, methods: Sequence[str]) -> Document:
    return {"service_name": service, "method_selectors": [{"method": method} for method in methods]}
