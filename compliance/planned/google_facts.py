"""Google Cloud's part of plans as the answers that a scan would get, each under the project that it is about.

What a stack does not show was not read: a project of which nothing is planned has no listing, and a value that
Terraform will know only when it has applied is open for whichever rule asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from compliance.estate.google_owners import google_owners_of
from compliance.estate.google_terraform import Planned
from compliance.estate.planned_google import read_google
from compliance.estate.terraform import LATER
from compliance.facts.fact import Fact, Status
from compliance.facts.google_scope import GoogleScope
from compliance.planned.answers import Source, watched
from compliance.planned.google_assets import READERS, RuleInventory
from compliance.planned.resources import is_open

_CRM: Final = "cloudresourcemanager.googleapis.com"
_AT_ORGANISATION: Final = frozenset(
    {
        *(f"{_CRM}/{kind}" for kind in ("Organization", "Folder", "Project")),
        "compute.googleapis.com/FirewallPolicy",
        "iam.googleapis.com/Role",
        "logging.googleapis.com/LogSink",
        "orgpolicy.googleapis.com/Policy",
    }
)
"""What the scan's listing at the organisation shows."""

_HIERARCHY: Final = (f"{_CRM}/Organization", f"{_CRM}/Folder")
_PERIMETER: Final = "accesscontextmanager.googleapis.com/ServicePerimeter"
_STANDS_IN: Final = re.compile(r"\bunknown-\d+-\w+")
"""In place of an attribute of a planned resource that Google will fill in."""


@dataclass(frozen=True)
class GooglePlanned:
    """What plans show of Google Cloud.

    Attributes:
        behind: the resources that speak of an asset, by the asset's full name.
        accounts: numbers of the projects of which a plan shows more than that they exist; and the organisation's.
        unread: types that nothing reads, and other troubles, in words.
    """

    facts: tuple[Fact, ...]
    behind: Mapping[str, tuple[Source, ...]]
    planned: tuple[Planned, ...]
    accounts: frozenset[str]
    unread: tuple[str, ...]


def google_planned(documents: Mapping[str, Any], scope: GoogleScope, moment: str) -> GooglePlanned:
    """The facts that stand for the plans; `moment` (ISO 8601) is when they are judged.

    Raises:
        ComplianceError: a document is neither a plan nor a synthesised stack.
    """
    inventory = RuleInventory(google_owners_of(scope), scope.organisation)
    planned, said = read_google(documents, inventory, READERS)
    shown = _shown(inventory)
    if any(each.type in ("google_folder", "google_project") for each in planned):
        shown |= {scope.organisation}
    answers = [*_of_organisation(inventory, scope)] if scope.organisation in shown else []
    numbers = [n for n in (*scope.audit_projects, *(n for t in scope.tenants for n in t.projects)) if n in shown]
    for number in numbers:
        answers += _of_project(inventory, number)
    facts = tuple(
        Fact(api, params, account, "global", "terraform plan", moment, moment, Status.OK, watched(body, api, _is_open))
        for account, api, params, body in answers
    )
    behind = {
        name: tuple(sorted(Source(stack, address) for stack, address in found))
        for name, found in inventory.behind.items()
    }
    return GooglePlanned(facts, behind, tuple(planned), frozenset(shown), tuple(said))


def _is_open(text: str) -> bool:
    return is_open(text) or _STANDS_IN.search(text) is not None


_Answer = tuple[str, str, dict[str, Any], dict[str, Any]]
"""Account, API, parameters and response."""


def _shown(inventory: RuleInventory) -> set[str]:
    """Numbers of the projects in which something is planned."""
    nodes = {
        node
        for asset in inventory.assets.values()
        if asset["assetType"] != f"{_CRM}/Project"
        for node in asset["ancestors"]
        if node.startswith("projects/")
    }
    return {node.removeprefix("projects/") for node in nodes}


def _of_organisation(inventory: RuleInventory, scope: GoogleScope) -> Iterator[_Answer]:
    number = scope.organisation
    parent = f"organizations/{number}"
    assets = list(inventory.assets.values())
    yield _listing(number, parent, "RESOURCE", [a for a in assets if a["assetType"] in _AT_ORGANISATION])
    yield _listing(
        number, parent, "IAM_POLICY", [_policy(inventory, a) for a in assets if a["assetType"] in _HIERARCHY]
    )
    perimeters = [
        {"name": a["name"], "assetType": a["assetType"], "servicePerimeter": a["resource"]["data"]}
        for a in assets
        if a["assetType"] == _PERIMETER
    ]
    yield _listing(number, parent, "ACCESS_POLICY", perimeters)
    place = {"parent": f"{parent}/locations/global"}
    boundaries = {"principalAccessBoundaryPolicies": inventory.boundaries}
    yield number, "iam:ListPrincipalAccessBoundaryPolicies", place, boundaries
    account = f"billingAccounts/{scope.billing_account}"
    budgets = [b for b in inventory.budgets if b["account"] == account]
    yield number, "billingbudgets:ListBudgets", {"parent": account}, {"budgets": budgets}


def _of_project(inventory: RuleInventory, number: str) -> Iterator[_Answer]:
    node = f"projects/{number}"
    place = {"parent": f"{node}/locations/global"}
    assets = [asset for asset in inventory.assets.values() if node in asset["ancestors"]]
    yield _listing(number, node, "RESOURCE", assets)
    yield _listing(number, node, "IAM_POLICY", [_policy(inventory, a) for a in assets])
    point = quote(f"{_CRM}/{node}", safe="")
    denied = [policy for policy in inventory.denials if _attached(inventory, policy) == node]
    yield number, "iam:ListDenyPolicies", {"parent": f"policies/{point}/denypolicies"}, {"policies": denied}
    bound = [b for b in inventory.bindings if str(b["name"]).startswith(f"{node}/")]
    yield number, "iam:ListPolicyBindings", place, {"policyBindings": bound}
    entitlements = inventory.entitlements.get(node, [])
    yield number, "privilegedaccessmanager:ListEntitlements", place, {"entitlements": entitlements}
    yield number, "cloudquotas:ListQuotaPreferences", place, {"quotaPreferences": inventory.quotas.get(node, [])}
    for asset in assets:
        data = asset["resource"]["data"]
        if asset["assetType"] == "iam.googleapis.com/ServiceAccount":
            keys = {"keys": inventory.account_keys.get(data["email"], [])}
            yield number, "iam:ListServiceAccountKeys", {"name": data["name"]}, keys
        if asset["assetType"] == "cloudkms.googleapis.com/CryptoKey":
            versions = {"cryptoKeyVersions": [_first_version(data)]}
            yield number, "cloudkms:ListCryptoKeyVersions", {"parent": data["name"]}, versions


def _first_version(key: Mapping[str, Any]) -> dict[str, Any]:
    """The version that is made with the key."""
    level = key["versionTemplate"]["protectionLevel"]
    return {"name": f"{key['name']}/cryptoKeyVersions/1", "state": "ENABLED", "protectionLevel": level}


def _listing(account: str, parent: str, content: str, assets: list[dict[str, Any]]) -> _Answer:
    return account, "cloudasset:ListAssets", {"parent": parent, "contentType": content}, {"assets": assets}


def _policy(inventory: RuleInventory, asset: Mapping[str, Any]) -> dict[str, Any]:
    parts = {part: asset[part] for part in ("name", "assetType", "ancestors")}
    held = {"bindings": LATER} if asset["name"] in inventory.doubtful else inventory.policies.get(asset["name"], {})
    return parts | {"iamPolicy": held}


def _attached(inventory: RuleInventory, policy: Mapping[str, Any]) -> str:
    """The node that a deny policy is attached to; projects by number."""
    point = unquote(str(policy["name"]).removeprefix("policies/").rpartition("/denypolicies/")[0])
    return inventory.whose.node(point.removeprefix(f"{_CRM}/"))
