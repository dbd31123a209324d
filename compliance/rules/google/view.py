"""What a rule about Google Cloud sees: assets, their policies, the organisation's; each use of a fact is on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compliance.facts.fact import Fact
from compliance.facts.google_scope import GoogleScope, GoogleTenant
from compliance.facts.scope import PLATFORM, Scope
from compliance.graph import Graph
from compliance.rules.view import Unread, View

ASSETS = "cloudasset:ListAssets"
_CRM = "//cloudresourcemanager.googleapis.com/"


@dataclass(frozen=True)
class Asset:
    """One asset of the inventory with its REST data."""

    name: str
    type: str
    data: dict[str, Any]
    ancestors: tuple[str, ...]

    @property
    def short(self) -> str:
        """The last part of its name."""
        return self.name.rpartition("/")[2]


class GoogleView(View):
    """The facts about one tenant on Google Cloud, or about the platform there."""

    def __init__(self, scope: Scope, tenant: str, graph: Graph) -> None:
        super().__init__(scope, tenant, graph)
        assert scope.google is not None  # there is no such view otherwise
        self.google: GoogleScope = scope.google
        self._pages: dict[tuple[str, str], list[tuple[Fact, list[dict[str, Any]]]]] = {}

    @property
    def account(self) -> str:
        """The tenant's project, or the organisation; by number."""
        return self.google.organisation if self.name == PLATFORM else self.own.project_number

    @property
    def own(self) -> GoogleTenant:
        """The tenant's scope; only in a tenant's view."""
        found = self.google.tenant(self.name)
        assert found is not None  # the view is a tenant's
        return found

    @property
    def projects(self) -> tuple[str, ...]:
        """Numbers of the tenant's projects, or of the platform's."""
        return self.google.audit_projects if self.name == PLATFORM else tuple(self.own.projects)

    def assets(self, *types: str, of: tuple[str, ...] | None = None) -> list[Asset]:
        """The assets of these types in the view's projects, or in those given (by number; the organisation's too).

        Raises:
            Unread: a page of the inventory of one of them could not be read, or was never asked for.
        """
        found = []
        for account in self.projects if of is None else of:
            for fact, shown in self._listing(account, "RESOURCE"):
                self.used[fact.digest] = None
                found += [_asset(entry) for entry in shown if entry["assetType"] in types]
        return found

    def policy(self, name: str, account: str | None = None) -> dict[str, Any]:
        """The allow policy of an asset; empty where it has none. Raises `Unread`."""
        for number in (account,) if account else self.projects:
            for fact, shown in self._listing(number, "IAM_POLICY"):
                self.used[fact.digest] = None
                for entry in shown:
                    if entry["name"] == name:
                        held: dict[str, Any] = entry["iamPolicy"]
                        return held
        return {}

    def policies(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Name, type and allow policy of every asset of the view's projects that has one. Raises `Unread`."""
        for number in self.projects:
            for fact, shown in self._listing(number, "IAM_POLICY"):
                self.used[fact.digest] = None
                for entry in shown:
                    yield entry["name"], entry["assetType"], entry["iamPolicy"]

    def perimeters(self) -> list[dict[str, Any]]:
        """Every service perimeter of the organisation. Raises `Unread`."""
        found = []
        for fact, shown in self._listing(self.google.organisation, "ACCESS_POLICY"):
            self.used[fact.digest] = None
            found += [entry["servicePerimeter"] for entry in shown if "servicePerimeter" in entry]
        return found

    def constraint(self, name: str, project: str) -> dict[str, Any] | None:
        """The policy in force for a constraint on a project: the nearest one set at or above it. Raises `Unread`."""
        policies = self.assets("orgpolicy.googleapis.com/Policy", of=(project, self.google.organisation))
        above = self._above(project)
        for node in above:
            for asset in policies:
                at, _, constraint = str(asset.data["name"]).partition("/policies/")
                if constraint == name and self._node(at) == node and asset.data.get("spec"):
                    spec: dict[str, Any] = asset.data["spec"]
                    return spec
        return None

    def _above(self, project: str) -> tuple[str, ...]:
        listed = self.assets("cloudresourcemanager.googleapis.com/Project", of=(self.google.organisation,))
        found = next((asset for asset in listed if asset.name == f"{_CRM}projects/{project}"), None)
        if found is None:
            raise Unread(ASSETS, None)
        return found.ancestors

    def _node(self, at: str) -> str:
        kind, _, name = at.partition("/")
        if kind == "projects" and not name.isdigit():
            known = {p: n for tenant in self.google.tenants for n, p in tenant.projects.items()}
            known |= {p: n for n, p in self.google.projects.items()}
            return f"projects/{known.get(name, name)}"
        return at

    def _listing(self, account: str, content: str) -> list[tuple[Fact, list[dict[str, Any]]]]:
        if (account, content) not in self._pages:
            facts = [fact for fact in self.graph.facts(account, ASSETS) if fact.params.get("contentType") == content]
            if not facts:
                raise Unread(ASSETS, None)
            for fact in facts:
                if not fact.status.read:
                    raise Unread(ASSETS, fact)
            self._pages[account, content] = [(fact, list(fact.response.get("assets") or [])) for fact in facts]
        return self._pages[account, content]


def _asset(entry: dict[str, Any]) -> Asset:
    return Asset(entry["name"], entry["assetType"], entry["resource"]["data"], tuple(entry["ancestors"]))
