"""Whose is it on Google Cloud? By project; groups of the platform's domain by the beginning of their address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compliance.estate.model import PLATFORM
from compliance.facts.google_scope import GoogleScope
from compliance.reason.gcp.members import Member, project_of_email


@dataclass(frozen=True)
class GoogleOwners:
    """Owners of projects and groups.

    Attributes:
        projects: tenant or platform by number and by id.
        numbers: `projects/<number>` by number and by id.
        prefixes: beginnings of group addresses with their owner, the longest first.
    """

    projects: Mapping[str, str]
    numbers: Mapping[str, str]
    prefixes: tuple[tuple[str, str], ...]
    domain: str
    organisation: str

    def of_project(self, project: str) -> str:
        """The owner of a project given as `projects/<id or number>`, id or number; empty if it is nobody's known."""
        return self.projects.get(project.removeprefix("projects/"), "")

    def node(self, project: str) -> str:
        """`projects/<number>` of a project given in any form."""
        bare = project.removeprefix("projects/")
        return self.numbers.get(bare, f"projects/{bare}")

    def of_group(self, email: str) -> str:
        """The owner of a group of the platform's domain; empty for any other."""
        name, _, domain = email.partition("@")
        if domain != self.domain:
            return ""
        return next((owner for prefix, owner in self.prefixes if name.startswith(prefix)), "")

    def of_member(self, member: Member) -> str:
        """The owner of whoever a member names; empty if that is nobody known, or not one owner."""
        if member.kind == "serviceAccount":
            project = project_of_email(member.value)
            return PLATFORM if project == f"organizations/{self.organisation}" else self.of_project(project)
        if member.kind == "group":
            return self.of_group(member.value)
        if member.kind in ("subject", "pool") and member.value.startswith("projects/"):
            return self.of_project(member.value.split("/")[1])
        if member.kind == "subject" and member.value.startswith("kubernetes/"):
            return self.of_project(member.value.removeprefix("kubernetes/"))
        if member.kind == "hierarchy" and member.value.startswith("projects/"):
            return self.of_project(member.value)
        return self.of_project(member.value) if member.kind == "projectRole" else ""

    def names_of(self, *owners: str) -> frozenset[str]:
        """Ids and numbers of every project of these owners."""
        found = {name for name, owner in self.projects.items() if owner in owners}
        return frozenset(found | ({f"organizations/{self.organisation}"} if PLATFORM in owners else set()))


def google_owners_of(scope: GoogleScope) -> GoogleOwners:
    """The owners that a scope implies."""
    projects: dict[str, str] = {}
    numbers: dict[str, str] = {}
    for number, name in scope.projects.items():
        projects |= {number: PLATFORM, name: PLATFORM}
        numbers |= {number: f"projects/{number}", name: f"projects/{number}"}
    for tenant in scope.tenants:
        for number, name in tenant.projects.items():
            projects |= {number: tenant.id, name: tenant.id}
            numbers |= {number: f"projects/{number}", name: f"projects/{number}"}
    prefixes = [(tenant.group_prefix, tenant.id) for tenant in scope.tenants] + [(scope.group_prefix, PLATFORM)]
    longest = tuple(sorted(prefixes, key=lambda each: -len(each[0])))
    return GoogleOwners(projects, numbers, longest, scope.domain, scope.organisation)
