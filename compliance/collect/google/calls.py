"""What is asked of Google Cloud: one listing of Cloud Asset Inventory per project, and what it does not hold.

Cloud Asset API v1 `assets.list`; IAM API v1, v2 (deny policies) and v3 (principal access boundaries, policy bindings);
Organization Policy API v2; Privileged Access Manager API v1; Cloud Quotas API v1; Cloud Billing Budget API v1; Cloud
Storage JSON API v1; Cloud Identity API v1 (`groups.lookup`, `groups.memberships.list`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from compliance.collect.google.groups import members_of_named
from compliance.collect.google.model import Answer, Call, Follow, nothing_follows
from compliance.facts.google_scope import GoogleScope

PLATFORM_KINDS = (
    "cloudresourcemanager.googleapis.com/Organization",
    "cloudresourcemanager.googleapis.com/Folder",
    "cloudresourcemanager.googleapis.com/Project",
    "compute.googleapis.com/FirewallPolicy",
    "iam.googleapis.com/Role",
    "logging.googleapis.com/LogSink",
    "orgpolicy.googleapis.com/Policy",
)
"""What is asked about at the organisation. Everything else belongs to a project and is asked for there, so that what
is recorded of a tenant lies under the tenant's own projects."""

HIERARCHY = PLATFORM_KINDS[:2]


def assets(
    account: str, parent: str, content: str, kinds: tuple[str, ...] = (), then: Follow = nothing_follows
) -> Call:
    """A listing of Cloud Asset Inventory."""
    query = (("contentType", content), ("pageSize", "1000"), *(("assetTypes", kind) for kind in kinds))
    params = {"parent": parent, "contentType": content, "assetTypes": list(kinds)}
    return Call("cloudasset:ListAssets", account, f"/v1/{parent}/assets", params, query, then)


def of_organisation(scope: GoogleScope, billing_account: str) -> Iterator[Call]:
    """What is asked about the organisation as a whole, recorded under its number."""
    number, parent = scope.organisation, f"organizations/{scope.organisation}"
    yield assets(number, parent, "RESOURCE", PLATFORM_KINDS, _folders)
    groups = members_of_named(scope.domain)
    yield assets(number, parent, "IAM_POLICY", HIERARCHY, groups)
    yield assets(number, parent, "ACCESS_POLICY")
    yield from _denials(number, parent, groups)
    place = f"{parent}/locations/global"
    yield Call(
        "iam:ListPrincipalAccessBoundaryPolicies",
        number,
        f"/v3/{place}/principalAccessBoundaryPolicies",
        {"parent": place},
    )
    yield _bindings(number, parent)
    yield Call("orgpolicy:ListCustomConstraints", number, f"/v2/{parent}/customConstraints", {"parent": parent})
    if billing_account:
        account = f"billingAccounts/{billing_account}"
        yield Call("billingbudgets:ListBudgets", number, f"/v1/{account}/budgets", {"parent": account})


def of_project(number: str, domain: str, *, machines: bool) -> Iterator[Call]:
    """What is asked about one project, recorded under its number.

    Args:
        number: the project's.
        domain: of the organisation; the members of its groups are asked for where a policy names one.
        machines: whether it may have any, and therefore quotas.
    """
    parent, groups = f"projects/{number}", members_of_named(domain)
    yield assets(number, parent, "RESOURCE", then=_details)
    yield assets(number, parent, "IAM_POLICY", then=groups)
    yield from _denials(number, parent, groups)
    yield _bindings(number, parent)
    place = f"{parent}/locations/global"
    yield Call("privilegedaccessmanager:ListEntitlements", number, f"/v1/{place}/entitlements", {"parent": place})
    if machines:
        yield Call("cloudquotas:ListQuotaPreferences", number, f"/v1/{place}/quotaPreferences", {"parent": place})


def _denials(number: str, node: str, then: Follow = nothing_follows) -> Iterator[Call]:
    point = quote(f"cloudresourcemanager.googleapis.com/{node}", safe="")
    parent = f"policies/{point}/denypolicies"
    yield Call("iam:ListDenyPolicies", number, f"/v2/{parent}", {"parent": parent}, then=then)


def _bindings(number: str, node: str) -> Call:
    parent = f"{node}/locations/global"
    return Call("iam:ListPolicyBindings", number, f"/v3/{parent}/policyBindings", {"parent": parent})


def _folders(answer: Answer, account: str) -> Iterator[Call]:
    """Deny policies and bindings of every folder; they are recorded with the organisation."""
    for asset in answer.get("assets", []):
        if asset["assetType"] == "cloudresourcemanager.googleapis.com/Folder":
            node = asset["name"].removeprefix("//cloudresourcemanager.googleapis.com/")
            yield from _denials(account, node)
            yield _bindings(account, node)


def _details(answer: Answer, account: str) -> Iterator[Call]:
    """What the inventory does not tell of a resource: keys of accounts, lists of buckets that have any."""
    for asset in answer.get("assets", []):
        data = asset.get("resource", {}).get("data", {})
        if asset["assetType"] == "iam.googleapis.com/ServiceAccount":
            name = str(data["name"])
            yield Call("iam:ListServiceAccountKeys", account, f"/v1/{name}/keys", {"name": name})
        if asset["assetType"] == "storage.googleapis.com/Bucket" and not uniform(data):
            bucket = str(data["name"])
            for api, path in (
                ("ListBucketAccessControls", "acl"),
                ("ListDefaultObjectAccessControls", "defaultObjectAcl"),
            ):
                yield Call(f"storage:{api}", account, f"/storage/v1/b/{bucket}/{path}", {"bucket": bucket})


def uniform(bucket: dict[str, Any]) -> bool:
    """Whether a bucket has no access control lists (uniform bucket-level access)."""
    access = (bucket.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {}
    return bool(access.get("enabled"))
