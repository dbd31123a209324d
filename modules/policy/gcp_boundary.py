"""Identity lock on Google Cloud: the principal access boundary of a tenant's two projects.

It names the resources that the tenant's principals may reach at all. What is not named is out of reach even where the
other tenant's own policy lets them in (IAM documentation, "Principal access boundary policies").
"""

from __future__ import annotations

from collections.abc import Sequence

from modules.policy.gcp_scope import Document, GcpScope

ENFORCEMENT = "latest"


def boundary_rules(scope: GcpScope, image_projects: Sequence[str]) -> list[Document]:
    """The tenant's projects, and the platform's projects that hold its image: nothing else is eligible."""
    reachable = [scope.names.project, scope.names.key_project, *image_projects]
    return [
        {
            "description": f"Principals of tenant {scope.names.tenant} reach its own projects and the trainer's image",
            "effect": "ALLOW",
            "resources": [f"//cloudresourcemanager.googleapis.com/projects/{project}" for project in reachable],
        }
    ]


def bound_principals(scope: GcpScope) -> dict[str, str]:
    """The principal sets that the boundary is for, by a name: all identities that belong to either project."""
    return {
        "project": f"//cloudresourcemanager.googleapis.com/projects/{scope.project_number}",
        "keys": f"//cloudresourcemanager.googleapis.com/projects/{scope.key_project_number}",
    }
