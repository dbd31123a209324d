"""What is asked of Google Cloud: one listing of Cloud Asset Inventory per project, and what it does not hold.

Cloud Asset API v1 `assets.list`; IAM API v1, v2 (deny policies) and v3 (principal access boundaries, policy bindings);
Organization Policy API v2; Privileged Access Manager API v1; Cloud Quotas API v1; Cloud Billing Budget API v1; Cloud
Storage JSON API v1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from compliance.facts.google_scope import GoogleScope

Answer = dict[str, Any]

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


def nothing_follows(_answer: Answer, _account: str) -> Iterable[Call]:
    """No further calls."""
    return ()


@dataclass(frozen=True)
class Call:
    """One read. `path` is below the service's host; `account` is the project's or organisation's number.

    `items` is the member that a whole answer has (an empty listing may leave it out); `then` says what follows.
    """

    api: str
    account: str
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    then: Callable[[Answer, str], Iterable[Call]] = nothing_follows

    @property
    def service(self) -> str:
        """The service's host name without its domain."""
        return self.api.partition(":")[0]


def assets(account: str, parent: str, content: str, kinds: tuple[str, ...] = (), then: Any = nothing_follows) -> Call:
    """A listing of Cloud Asset Inventory."""
    query = (("contentType", content), ("pageSize", "1000"), *(("assetTypes", kind) for kind in kinds))
    params = {"parent": parent, "contentType": content, "assetTypes": list(kinds)}
    return Call("cloudasset:ListAssets", account, f"/v1/{parent}/assets", params, query, then)


def of_organisation(scope: GoogleScope, billing_account: str) -> Iterator[Call]:
    """What is asked about the organisation as a whole, recorded under its number."""
    number, parent = scope.organisation, f"organizations/{scope.organisation}"
    yield assets(number, parent, "RESOURCE", PLATFORM_KINDS, _folders)
    yield assets(number, parent, "IAM_POLICY", HIERARCHY)
    yield assets(number, parent, "ACCESS_POLICY")
    yield from _denials(number, parent)
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


def of_project(number: str, *, machines: bool) -> Iterator[Call]:
    """What is asked about one project, recorded under its number; quotas where it may have `machines`."""
    parent = f"projects/{number}"
    yield assets(number, parent, "RESOURCE", then=_details)
    yield assets(number, parent, "IAM_POLICY")
    yield from _denials(number, parent)
    yield _bindings(number, parent)
    place = f"{parent}/locations/global"
    yield Call("privilegedaccessmanager:ListEntitlements", number, f"/v1/{place}/entitlements", {"parent": place})
    if machines:
        yield Call("cloudquotas:ListQuotaPreferences", number, f"/v1/{place}/quotaPreferences", {"parent": place})


def _denials(number: str, node: str) -> Iterator[Call]:
    point = quote(f"cloudresourcemanager.googleapis.com/{node}", safe="")
    parent = f"policies/{point}/denypolicies"
    yield Call("iam:ListDenyPolicies", number, f"/v2/{parent}", {"parent": parent})


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
