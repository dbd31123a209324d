"""Cloud Asset Inventory v1 `ListAssets`, and the single reads that it has no place for.

Cloud Asset API v1 `assets.list`; IAM API v2 (deny policies), v3 (principal access boundaries) and v1 (keys of
service accounts); Organization Policy API v2; Privileged Access Manager API v1; Billing Budget API v1; Cloud Quotas
API v1; Cloud Identity API v1 (groups).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from localcloud.backend import Response
from localcloud.gcp.access import Access, Caller, Origin
from localcloud.gcp.desk import Desk
from localcloud.gcp.errors import Code, GoogleError, json_response
from localcloud.gcp.inventory import TIME, Asset, Inventory, resource_name
from localcloud.gcp.uploads import bad
from localcloud.message import Message

_CONTAINER = r"(?P<container>(?:projects|folders|organizations)/[^/:]+)"
_PERMISSIONS = {
    "RESOURCE": "cloudasset.assets.listResource",
    "IAM_POLICY": "cloudasset.assets.listIamPolicy",
    "ORG_POLICY": "cloudasset.assets.listOrgPolicy",
    "ACCESS_POLICY": "cloudasset.assets.listAccessPolicy",
    "OS_INVENTORY": "cloudasset.assets.listOSInventories",
}
_PAGE = 1000


class Reads:
    """Answers the read-only calls of the collectors."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._routes: tuple[tuple[re.Pattern[str], Callable[..., dict[str, Any]]], ...] = (
            (re.compile(rf"/v1/{_CONTAINER}/assets"), self._assets),
            (re.compile(r"/v2/policies/(?P<point>[^/]+)/denypolicies"), self._deny),
            (
                re.compile(r"/v3/(?P<place>organizations/[^/]+/locations/[^/]+)/principalAccessBoundaryPolicies"),
                self._boundaries,
            ),
            (re.compile(rf"/v3/{_CONTAINER}/locations/[^/]+/policyBindings"), self._bindings),
            (re.compile(rf"/v1/{_CONTAINER}/locations/global/entitlements"), self._entitlements),
            (re.compile(rf"/v2/{_CONTAINER}/customConstraints"), self._constraints),
            (re.compile(rf"/v1/{_CONTAINER}/locations/global/quotaPreferences"), self._quotas),
            (re.compile(r"/v1/(?P<account>billingAccounts/[^/]+)/budgets"), self._budgets),
            (re.compile(r"/v1/groups:lookup"), self._group),
            (re.compile(r"/v1/groups/(?P<group>[^/]+)/memberships"), self._memberships),
            (re.compile(r"/v1/projects/(?P<project>[^/]+)/serviceAccounts/(?P<email>[^/]+)/keys"), self._keys),
        )

    def answer(self, message: Message, caller: Caller, origin: Origin) -> Response | None:
        """The answer, or None where the path is not one of these. Raises `GoogleError`."""
        if message.method != "GET":
            return None
        for pattern, serve in self._routes:
            if found := pattern.fullmatch(message.raw_path):
                return json_response(serve(message, caller, origin, **found.groupdict()))
        return None

    @property
    def _inventory(self) -> Inventory:
        return self._desk.inventory

    def _require(self, caller: Caller, origin: Origin, permission: str, container: str) -> str:
        name = resource_name(container)
        self._desk.require(caller, origin, Access(permission, name))
        return name

    def _assets(self, message: Message, caller: Caller, origin: Origin, container: str) -> dict[str, Any]:
        content = message.query.get("contentType", "CONTENT_TYPE_UNSPECIFIED")
        if content not in _PERMISSIONS:
            raise bad(f"contentType {content!r} is not in the local cloud")
        name = self._require(caller, origin, _PERMISSIONS[content], container)
        wanted = [value for key, value in message.query_pairs if key == "assetTypes"]
        shown = [entry for entry in self._shown(content, name) if not wanted or entry["assetType"] in wanted]
        shown.sort(key=lambda entry: (str(entry["name"]), str(entry["assetType"])))
        start = int(message.query.get("pageToken") or 0)
        size = min(int(message.query.get("pageSize") or 100), _PAGE)
        document: dict[str, Any] = {"readTime": TIME, "assets": shown[start : start + size]}
        if start + size < len(shown):
            document["nextPageToken"] = str(start + size)
        return document

    def _shown(self, content: str, container: str) -> Iterable[dict[str, Any]]:
        node = container.removeprefix("//cloudresourcemanager.googleapis.com/")
        below = [a for a in self._inventory.assets.values() if node in self._inventory.ancestors(a.name)]
        if content == "RESOURCE":
            yield from (self._resource(asset) for asset in below)
            yield from self._policies(below)
        elif content == "IAM_POLICY":
            yield from (self._head(a) | {"iamPolicy": {"version": 3, **a.iam}} for a in below if a.iam)
        elif content == "ORG_POLICY":
            for asset in below:
                if policies := self._inventory.org_policies.get(asset.name):
                    yield self._head(asset) | {"orgPolicy": [first_version(policy) for policy in policies]}
        elif content == "ACCESS_POLICY" and node.startswith("organizations/"):
            yield from self._access_policies(node)

    def _head(self, asset: Asset) -> dict[str, Any]:
        return {
            "name": asset.name,
            "assetType": asset.type,
            "ancestors": self._inventory.ancestors(asset.name),
            "updateTime": TIME,
        }

    def _resource(self, asset: Asset) -> dict[str, Any]:
        resource = {
            "version": "v1",
            "discoveryName": asset.type.rpartition("/")[2],
            "parent": asset.parent,
            "data": asset.data,
            "location": asset.location,
        }
        return self._head(asset) | {"resource": resource}

    def _policies(self, below: list[Asset]) -> Iterable[dict[str, Any]]:
        """Organization Policy v2 policies, each a resource of its own."""
        for asset in below:
            for policy in self._inventory.org_policies.get(asset.name, []):
                resource = {"version": "v2", "discoveryName": "Policy", "parent": asset.name, "data": policy}
                yield {
                    "name": f"//orgpolicy.googleapis.com/{policy['name']}",
                    "assetType": "orgpolicy.googleapis.com/Policy",
                    "ancestors": self._inventory.ancestors(asset.name),
                    "updateTime": TIME,
                    "resource": resource | {"location": "global"},
                }

    def _access_policies(self, node: str) -> Iterable[dict[str, Any]]:
        for member, entries in (
            ("servicePerimeter", self._inventory.perimeters),
            ("accessLevel", self._inventory.access_levels),
        ):
            for entry in entries:
                yield {
                    "name": f"//accesscontextmanager.googleapis.com/{entry['name']}",
                    "assetType": f"accesscontextmanager.googleapis.com/{member[0].upper()}{member[1:]}",
                    "ancestors": [node],
                    "updateTime": TIME,
                    member: entry,
                }

    def _deny(self, _message: Message, caller: Caller, origin: Origin, point: str) -> dict[str, Any]:
        container = point.replace("%2F", "/").replace("%2f", "/").removeprefix("cloudresourcemanager.googleapis.com/")
        name = self._require(caller, origin, "iam.denypolicies.list", container)
        node = name.removeprefix("//cloudresourcemanager.googleapis.com/")
        return {"policies": self._inventory.deny_policies.get(node, [])}

    def _boundaries(self, _message: Message, caller: Caller, origin: Origin, place: str) -> dict[str, Any]:
        container = place.partition("/locations/")[0]
        self._require(caller, origin, "iam.principalaccessboundarypolicies.list", container)
        return {
            "principalAccessBoundaryPolicies": [p for p in self._inventory.boundaries if p["name"].startswith(place)]
        }

    def _bindings(self, _message: Message, caller: Caller, origin: Origin, container: str) -> dict[str, Any]:
        self._require(caller, origin, "iam.policybindings.list", container)
        node = resource_name(container).removeprefix("//cloudresourcemanager.googleapis.com/")
        held = [b for b in self._inventory.bindings if _node_of(str(b["name"])) == node]
        return {"policyBindings": held}

    def _entitlements(self, _message: Message, caller: Caller, origin: Origin, container: str) -> dict[str, Any]:
        name = self._require(caller, origin, "privilegedaccessmanager.entitlements.list", container)
        found = [
            e for parent, held in self._inventory.entitlements.items() if resource_name(parent) == name for e in held
        ]
        return {"entitlements": found}

    def _constraints(self, _message: Message, caller: Caller, origin: Origin, container: str) -> dict[str, Any]:
        self._require(caller, origin, "orgpolicy.customConstraints.list", container)
        return {"customConstraints": self._inventory.custom_constraints}

    def _quotas(self, _message: Message, caller: Caller, origin: Origin, container: str) -> dict[str, Any]:
        name = self._require(caller, origin, "cloudquotas.quotas.get", container)
        found = [q for q in self._inventory.quotas if resource_name(str(q["parent"])) == name]
        return {"quotaPreferences": found}

    def _budgets(self, _message: Message, caller: Caller, origin: Origin, account: str) -> dict[str, Any]:
        # A billing account has policies of its own, which no stack sets; the organisation's stand for them.
        self._require(caller, origin, "billing.budgets.list", f"organizations/{self._inventory.organisation}")
        return {"budgets": [b for b in self._inventory.budgets if str(b["name"]).startswith(f"{account}/")]}

    def _group(self, message: Message, caller: Caller, origin: Origin) -> dict[str, Any]:
        self._groups_reader(caller, origin)
        email = message.query.get("groupKey.id", "")
        if "@" not in email:
            raise bad("groupKey.id has to be the e-mail address of a group")
        return {"name": f"groups/{hashlib.sha256(email.lower().encode()).hexdigest()[:15]}"}

    def _memberships(self, _message: Message, caller: Caller, origin: Origin, group: str) -> dict[str, Any]:
        # No people work in the local cloud, so its groups are empty.
        _ = group
        self._groups_reader(caller, origin)
        return {"memberships": []}

    def _groups_reader(self, caller: Caller, origin: Origin) -> None:
        # Cloud Identity has administrators of its own, whom no stack names; readers of policies stand for them.
        self._require(
            caller, origin, "cloudasset.assets.listIamPolicy", f"organizations/{self._inventory.organisation}"
        )

    def _keys(self, _message: Message, caller: Caller, origin: Origin, project: str, email: str) -> dict[str, Any]:
        accounts = self._inventory.of_type("iam.googleapis.com/ServiceAccount")
        asset = next((a for a in accounts if a.data["email"] == email and project in {"-", a.data["projectId"]}), None)
        if asset is None:
            raise GoogleError(Code.NOT_FOUND, f"Unknown service account {email}")
        self._desk.require(caller, origin, Access("iam.serviceAccountKeys.list", asset.name))
        keys = [
            a.data for a in self._inventory.of_type("iam.googleapis.com/ServiceAccountKey") if a.parent == asset.name
        ]
        return {"keys": keys}


def _node_of(name: str) -> str:
    return resource_name(name.partition("/locations/")[0]).removeprefix("//cloudresourcemanager.googleapis.com/")


def first_version(policy: dict[str, Any]) -> dict[str, Any]:
    """An organisation policy in version 1's form, as Cloud Asset Inventory's ORG_POLICY content shows it.

    Conditional rules have no place in that form; the RESOURCE content has them.
    """
    constraint = "constraints/" + str(policy["name"]).rpartition("/policies/")[2]
    spec = policy.get("spec", {})
    if spec.get("reset"):
        return {"constraint": constraint, "restoreDefault": {}}
    rules = [rule for rule in spec.get("rules", []) if "condition" not in rule]
    if any("enforce" in rule for rule in rules):
        return {"constraint": constraint, "booleanPolicy": {"enforced": any(rule.get("enforce") for rule in rules)}}
    listed: dict[str, Any] = {}
    for rule in rules:
        if rule.get("allowAll") or rule.get("denyAll"):
            listed["allValues"] = "ALLOW" if rule.get("allowAll") else "DENY"
        for given in ("allowedValues", "deniedValues"):
            if values := rule.get("values", {}).get(given):
                listed[given] = [*listed.get(given, []), *values]
    if spec.get("inheritFromParent"):
        listed["inheritFromParent"] = True
    return {"constraint": constraint, "listPolicy": listed}
