"""Builders for questions: organisation 1, folder 2, project 10 (acme) with a bucket and a key."""

from __future__ import annotations

from typing import Any

from compliance.reason.gcp import authorise, parse_question

ANCESTORS = ["projects/10", "folders/2", "organizations/1"]
OBJECT = "//storage.googleapis.com/projects/_/buckets/data/objects/train/a.csv"
BUCKET = "//storage.googleapis.com/projects/_/buckets/data"
KEY = "//cloudkms.googleapis.com/projects/acme/locations/us/keyRings/acme/cryptoKeys/data"
ACCOUNT = "//iam.googleapis.com/projects/acme/serviceAccounts/trainer@acme.iam.gserviceaccount.com"
ADA = "user:ada@example.com"
TRAINER = "serviceAccount:trainer@acme.iam.gserviceaccount.com"
FOREIGN = "serviceAccount:trainer@globex.iam.gserviceaccount.com"
POOL = "projects/10/locations/global/workloadIdentityPools/nodes"
NODE = f"principal://iam.googleapis.com/{POOL}/subject/node-1"
ANONYMOUS = {"type": "anonymous"}
GET = "storage.objects.get"
READER = "roles/storage.objectViewer"


def bind(*members: str, role: str = READER, when: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"role": role, "members": list(members)}
    return found | ({"condition": {"title": "t", "expression": when}} if when is not None else {})


def at(level: str, *bindings: dict[str, Any]) -> dict[str, Any]:
    return {"level": level, "policy": {"bindings": list(bindings)}}


def deny(*principals: str, permissions: Any = ("storage.googleapis.com/objects.get",), **more: Any) -> dict[str, Any]:
    rule = {"deniedPrincipals": list(principals), "deniedPermissions": list(permissions)} | more
    return {"level": "organizations/1", "policies": [{"rules": [{"denyRule": rule}]}]}


def ask(
    who: Any = ADA, permission: str = GET, on: str = OBJECT, *, tags: Any = None, context: Any = None, **documents: Any
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "permission": permission,
        "principal": who,
        "resource": {"name": on, "ancestors": ANCESTORS, "projectId": "acme"} | ({"tags": tags} if tags else {}),
        "context": context or {},
    }
    for name in ("source", "also", "method", "members", "service"):
        if name in documents:
            request[name] = documents.pop(name)
    return {"request": request} | documents


def decision(*args: Any, **kwargs: Any) -> str:
    return authorise(*parse_question(ask(*args, **kwargs))).decision


def perimeter(name: str, *projects: str, **status: Any) -> dict[str, Any]:
    body = {"resources": list(projects), "restrictedServices": ["storage.googleapis.com"]} | status
    return {"name": f"accessPolicies/9/servicePerimeters/{name}", "status": body}


def bridge(*projects: str) -> dict[str, Any]:
    status = {"resources": list(projects)}
    return {
        "name": "accessPolicies/9/servicePerimeters/bridge", "perimeterType": "PERIMETER_TYPE_BRIDGE", "status": status,
    }  # fmt: skip
