"""Two tenants on Google Cloud, their documents in the words of the REST API, and questions to the evaluator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compliance.reason.gcp import authorise, parse_question
from modules.policy.gcp_scope import GcpScope
from tenancy.fleet import load
from tenancy.google import GoogleOrganisation
from tenancy.names import GcpNames

ORGANISATION: GoogleOrganisation = load(Path("tenants")).google
FOLDER = "folders/500000000001"
ABOVE = [FOLDER, f"organizations/{ORGANISATION.id}"]
DIGEST = "sha256:" + "5e" * 32


def scope(tenant: str, first: int) -> GcpScope:
    return GcpScope(
        GcpNames("bh", tenant),
        project_number=f"{first}01",
        key_project_number=f"{first}02",
        region="us-central1",
        zone="us-central1-a",
        organisation=ORGANISATION,
        audit_project="bh-audit",
        audit_project_number="900000003",
    )


INITECH, UMBRA = scope("initech", 1111111), scope("umbra", 2222222)


def attested(who: GcpScope, digest: str = DIGEST) -> str:
    return f"principalSet://iam.googleapis.com/{who.pool}/attribute.release/{who.names.tenant}/data/{digest}"


def node(who: GcpScope, digest: str = DIGEST) -> dict[str, Any]:
    """A machine that the tenant's pool has let in."""
    return {
        "member": f"principal://iam.googleapis.com/{who.pool}/subject/gcpcs::{digest}::1",
        "attributes": {"release": f"{who.names.tenant}/data/{digest}", "tenant": who.names.tenant},
        "ancestors": [f"projects/{who.key_project_number}", *ABOVE],
    }


def account(who: GcpScope, role: str) -> dict[str, Any]:
    email = who.account(role)  # type: ignore[arg-type]
    return {"member": f"serviceAccount:{email}", "ancestors": [f"projects/{who.project_number}", *ABOVE]}


OWNER: dict[str, Any] = {"member": "user:ada@bulkhead.example", "groups": []}
STRANGER = "user:eve@elsewhere.example"
DEPLOYER = {"member": f"serviceAccount:{ORGANISATION.deployer}"}


def rest(document: Any) -> Any:
    """The provider's snake case as the REST API's camel case."""
    if isinstance(document, dict):
        return {_camel(key): rest(value) for key, value in document.items()}
    return [rest(entry) for entry in document] if isinstance(document, list) else document


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def bucket(who: GcpScope, purpose: str = "data") -> dict[str, Any]:
    name = f"//storage.googleapis.com/projects/_/buckets/{who.names.prefix}-{purpose}"
    return {"name": name, "ancestors": [f"projects/{who.project_number}", *ABOVE], "projectId": who.names.project}


def stored(who: GcpScope, purpose: str = "data") -> dict[str, Any]:
    return bucket(who, purpose) | {"name": f"{bucket(who, purpose)['name']}/objects/claims/shard-0"}


def key(who: GcpScope, purpose: str) -> dict[str, Any]:
    name = f"//cloudkms.googleapis.com/{who.names.key(who.region, purpose)}"  # type: ignore[arg-type]
    ancestors = [f"projects/{who.key_project_number}", *ABOVE]
    return {"name": name, "ancestors": ancestors, "projectId": who.names.key_project}


def project(who: GcpScope, *, keys: bool = False) -> dict[str, Any]:
    number = who.key_project_number if keys else who.project_number
    projectid = who.names.key_project if keys else who.names.project
    name = f"//cloudresourcemanager.googleapis.com/projects/{number}"
    return {"name": name, "ancestors": [f"projects/{number}", *ABOVE], "projectId": projectid}


def service_account(who: GcpScope, role: str) -> dict[str, Any]:
    name = f"//iam.googleapis.com/projects/{who.names.project}/serviceAccounts/{who.account(role)}"  # type: ignore[arg-type]
    return project(who) | {"name": name}


def granted(level: str, member: str, *permissions: str) -> dict[str, Any]:
    """A mistake: a role of the mistaker's own making, on a project or resource, for one member."""
    return {
        "allowPolicies": [{"level": level, "policy": {"bindings": [{"role": MISTAKE, "members": [member]}]}}],
        "roles": {MISTAKE: {"includedPermissions": list(permissions)}},
    }


MISTAKE = f"organizations/{ORGANISATION.id}/roles/mistake"


def network(who: GcpScope) -> dict[str, Any]:
    name = f"//compute.googleapis.com/projects/{who.names.project}/global/networks/{who.names.network}"
    return {"project": f"projects/{who.project_number}", "network": name}


def network_of(project_number: str) -> dict[str, Any]:
    name = f"//compute.googleapis.com/projects/{project_number}/global/networks/default"
    return {"project": f"projects/{project_number}", "network": name}


INTERNET = {"ip": "203.0.113.9"}


def decision(who: Any, permission: str, on: dict[str, Any], **documents: Any) -> str:
    request: dict[str, Any] = {"permission": permission, "principal": who, "resource": on, "context": {}}
    for name in ("source", "also", "method", "members", "service"):
        if name in documents:
            request[name] = documents.pop(name)
    return authorise(*parse_question({"request": request} | documents)).decision
