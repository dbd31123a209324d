"""Projects: two for each tenant, the second for its keys alone, and the audit project."""

from __future__ import annotations

from collections.abc import Iterable

from cdktn_provider_google.project import Project
from cdktn_provider_google.project_service import ProjectService
from cdktn_provider_google.resource_manager_lien import ResourceManagerLien
from constructs import Construct

from modules.gcp.made import made
from modules.gcp.site import GcpPlatformSite


class OwnProject(Construct):
    """A project without a default network, with the services that it uses and a lien against deleting it."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        site: GcpPlatformSite,
        *,
        project_id: str,
        folder_id: str | None,
        services: Iterable[str],
        labels: dict[str, str],
    ) -> None:
        super().__init__(scope, name)
        home = {"org_id": site.organisation.id} if folder_id is None else {"folder_id": folder_id}
        self.project = made(
            Project,
            self,
            "project",
            name=project_id,
            project_id=project_id,
            billing_account=site.organisation.billing_account,
            auto_create_network=False,
            deletion_policy="PREVENT",
            labels=labels,
            **home,
        )
        for service in services:
            made(
                ProjectService,
                self,
                service.partition(".")[0],
                project=self.project.project_id,
                service=service,
                # A service that is switched off takes its resources with it.
                disable_on_destroy=False,
            )
        made(
            ResourceManagerLien,
            self,
            "lien",
            parent=f"projects/{self.project.number}",
            origin="bulkhead",
            reason="Deleting a project deletes its keys, and with them everything that they opened",
            restrictions=["resourcemanager.projects.delete"],
        )
