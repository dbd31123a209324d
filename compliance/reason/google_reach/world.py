"""The Google Cloud estate with the indexes that reach needs, and the documents between a caller and a resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from compliance.estate.google_model import GoogleEstate, GoogleResource, ServiceAccount
from compliance.estate.model import PLATFORM
from compliance.reason.gcp.allow import AllowPolicy
from compliance.reason.gcp.boundary import Boundary, sets_of
from compliance.reason.gcp.decide import Documents
from compliance.reason.gcp.holders import holders_of
from compliance.reason.gcp.perimeter import Borders
from compliance.reason.gcp.perimeter_documents import Perimeter
from compliance.reason.gcp.principals import Directory, Principal
from compliance.reason.gcp.request import Source, Target
from compliance.reason.gcp.symbolic import Possibility, open_request, possible, request_as_json

OUTSIDE: Final = "user:anyone@outside.example"
_FOREIGN_PROJECT: Final = "projects/999999999999"
"""A project of the attacker's own, outside the organisation, with a network to ask from."""


@dataclass(frozen=True)
class Attacker:
    """A caller, where it can ask from, and the steps that led to it."""

    principal: Principal
    owner: str
    sources: tuple[Source, ...]
    steps: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class World:
    """The estate, indexed."""

    estate: GoogleEstate

    @cached_property
    def directory(self) -> Directory:
        """Groups, and the holders of basic roles of every project."""
        holders: dict[tuple[str, str], tuple[str, ...]] = {}
        for node, alias in self.estate.aliases.items():
            if node in self.estate.allow:
                holders |= holders_of((self.estate.allow[node],), (node, alias))
        return Directory(self.estate.groups, holders)

    @cached_property
    def _bases(self) -> dict[tuple[str, ...], Documents]:
        return {}

    def documents(self, resource: GoogleResource) -> Documents:
        """Every policy between a caller and a resource."""
        base = self._base(resource.ancestors)
        own = [self.estate.allow[name] for name in (resource.name, *resource.above) if name in self.estate.allow]
        if resource.kind in ("project", "folder", "organization"):
            own = []
        if not own and resource.acl is None:
            return base
        return replace(base, allow=(*base.allow, *own), acl=resource.acl)

    def _base(self, ancestors: tuple[str, ...]) -> Documents:
        found = self._bases.get(ancestors)
        if found is None:
            estate = self.estate
            allow: tuple[AllowPolicy, ...] = tuple(estate.allow[n] for n in reversed(ancestors) if n in estate.allow)
            found = Documents(
                allow=allow,
                deny=tuple(policy for node in reversed(ancestors) for policy in estate.deny.get(node, ())),
                boundaries=estate.boundaries,
                constraints=tuple(p for node in reversed(ancestors) for p in estate.constraints.get(node, ())),
                borders=estate.borders,
                roles=estate.roles,
                directory=self.directory,
            )
            self._bases[ancestors] = found
        return found

    def target(self, resource: GoogleResource, name: str) -> Target:
        """The resource of a request, or something in it."""
        alias = self.estate.aliases.get(resource.project, "")
        kind = "storage.googleapis.com/Object" if "/objects/" in name else resource.type
        aliases = (alias,) if alias else ()
        return Target(name, kind, resource.ancestors, aliases, resource.tags, resource.tags)

    def stranger(self, *owners: str) -> Principal:
        """Anyone who is none of these owners."""
        whose = self.estate.whose
        mine = [group for owner in owners for group in self.groups_of.get(owner, ())]
        besides = frozenset(f"group:{group}" for group in mine if group not in self.estate.groups)
        return Principal("stranger", besides=besides, projects_besides=whose.names_of(*owners))

    @cached_property
    def groups_of(self) -> Mapping[str, tuple[str, ...]]:
        """Groups that a policy names or that are known, by owner."""
        found: dict[str, list[str]] = {}
        for group in sorted({*self.groups_named, *self.estate.groups}):
            found.setdefault(self.estate.whose.of_group(group), []).append(group)
        return {owner: tuple(groups) for owner, groups in found.items()}

    @cached_property
    def account_resources(self) -> list[GoogleResource]:
        """Service accounts, as resources."""
        return [resource for resource in self.estate.resources if resource.kind == "account"]

    @cached_property
    def groups_named(self) -> frozenset[str]:
        """Every group that a policy names."""
        members = {m for p in self.estate.allow.values() for b in p.bindings for m in b.members}
        return frozenset(m.value for m in members if m.kind == "group")

    @cached_property
    def strangers(self) -> Mapping[str, Principal]:
        """Anyone but the owner and the platform, by owner."""
        return {owner: self.stranger(owner, PLATFORM) for owner in (*self.estate.tenants, PLATFORM)}

    def networks(self, *owners: str) -> frozenset[str]:
        """Projects and networks of these owners, as perimeters name them."""
        found = self._networks_of
        return frozenset().union(*(found.get(owner, frozenset()) for owner in owners))

    @cached_property
    def _networks_of(self) -> Mapping[str, frozenset[str]]:
        whose = self.estate.whose
        found: dict[str, set[str]] = {}
        for name, owner in whose.projects.items():
            found.setdefault(owner, set()).add(whose.node(name))
        for network in self.estate.networks:
            if network["type"].endswith("/Network"):
                name = str(network["name"])
                found.setdefault(whose.of_project(name.split("/projects/")[-1].split("/")[0]), set()).add(name)
        return {owner: frozenset(names) for owner, names in found.items()}

    def sources(self, owner: str) -> tuple[Source, ...]:
        """Where a tenant can ask from: the internet, its own networks, a network of a project elsewhere."""
        own = sorted(self.networks(owner)) if owner in self.estate.tenants else []
        inside = [Source(project=n) if n.startswith("projects/") else Source(network=n) for n in own]
        for network in (n for n in own if n.startswith("//")):
            project = self.estate.whose.node(network.split("/projects/")[1].split("/")[0])
            inside.append(Source(project=project, network=network))
        return (Source(ip="198.51.100.7"), *inside, Source(project=_FOREIGN_PROJECT))

    def accounts_of(self, owner: str) -> list[ServiceAccount]:
        """The service accounts of an owner; one that it could create where none was read."""
        found = self._accounts_of.get(owner, [])
        if found or owner not in self.estate.tenants:
            return found
        own = [(n, a.removeprefix("projects/")) for n, a in self.estate.aliases.items()]
        mine = [(node, name) for node, name in own if self.estate.whose.of_project(node) == owner]
        return [ServiceAccount(f"any@{name}.iam.gserviceaccount.com", node, owner, (node,)) for node, name in mine]

    @cached_property
    def _accounts_of(self) -> Mapping[str, list[ServiceAccount]]:
        found: dict[str, list[ServiceAccount]] = {}
        for account in self.estate.accounts.values():
            found.setdefault(account.owner, []).append(account)
        return found

    def ancestors_of(self, project: str) -> tuple[str, ...]:
        """Nodes above a project, itself first, as any resource of it says."""
        return self._lines.get(project, (project,) if project else ())

    @cached_property
    def _lines(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for resource in self.estate.resources:
            if resource.project and resource.project in resource.ancestors:
                found.setdefault(resource.project, resource.ancestors[resource.ancestors.index(resource.project) :])
        return found

    @cached_property
    def _fences(self) -> Mapping[str, tuple[Perimeter, ...]]:
        found: dict[str, list[Perimeter]] = {}
        for perimeter in self.estate.borders.perimeters:
            for resource in perimeter.resources:
                found.setdefault(resource, []).append(perimeter)
        return {resource: tuple(held) for resource, held in found.items()}

    def borders(self, nodes: Iterable[str], sources: Iterable[Source]) -> Borders:
        """The perimeters that a request to these nodes from these sources can meet."""
        names = [*nodes, *(name for source in sources for name in (source.project, source.network) if name)]
        found = dict.fromkeys(perimeter for name in names for perimeter in self._fences.get(name, ()))
        return Borders(tuple(found), self.estate.borders.levels)

    @cached_property
    def _bound(self) -> Mapping[str, tuple[Boundary, ...]]:
        found: dict[str, list[Boundary]] = {}
        for boundary in self.estate.boundaries:
            found.setdefault(boundary.principal_set, []).append(boundary)
        return {name: tuple(held) for name, held in found.items()}

    def boundaries(self, principal: Principal) -> tuple[Boundary, ...]:
        """The principal access boundaries that can concern a caller."""
        sets = sets_of(principal)
        if sets is None:
            return self.estate.boundaries
        return tuple(boundary for name in dict.fromkeys(sets) for boundary in self._bound.get(name, ()))

    def attempt(
        self,
        attacker: Attacker,
        permission: str,
        name: str,
        resource: GoogleResource,
        bound: int,
        *,
        stay_out: Iterable[str],
    ) -> Possibility:
        """Whether a request of the attacker can succeed.

        Args:
            attacker: who asks, and from where it can.
            permission: what it asks for.
            name: the resource, or something in it.
            resource: the resource, with its policies.
            bound: evaluations to spend on a witness.
            stay_out: networks that it certainly does not ask from.
        """
        request = open_request(permission, self.target(resource, name), attacker.principal, not_from=stay_out)
        request = replace(request, not_before=self.estate.read_at)
        documents = replace(
            self.documents(resource),
            borders=self.borders(request.target.nodes, attacker.sources),
            boundaries=self.boundaries(attacker.principal),
        )
        return possible(request, documents, bound, attacker.sources)


def step(result: Possibility) -> dict[str, Any]:
    """A step of a witness: the request, and what lets it through."""
    assert result.witness is not None
    request = request_as_json(result.witness)
    return {
        "as": result.witness.principal.member,
        "action": request["permission"],
        "resource": request["resource"]["name"],
        "cloud": "gcp",
        "request": request,
        "allowedBy": result.decision.decided_by.text,
    }
