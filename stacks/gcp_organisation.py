"""The organisation on Google Cloud: folders, guardrails, and two projects for every tenant of the fleet."""

from __future__ import annotations

from collections.abc import Iterable

from cdktn import TerraformOutput
from constructs import Construct

from modules.gcp.organisation import Organisation
from modules.gcp.site import GcpPlatformSite
from stacks.gcp_base import GcpPlatformStack
from stacks.profiles import Target
from tenancy.names import GcpNames
from tenancy.tenant import Tenant


class GcpOrganisationStack(GcpPlatformStack):
    """Always holds the whole fleet: leaving a tenant out would ask for its projects to be deleted."""

    def __init__(
        self, scope: Construct, site: GcpPlatformSite, target: Target, *, tenants: Iterable[tuple[Tenant, GcpNames]]
    ) -> None:
        super().__init__(scope, site, target)
        organisation = Organisation(self, "organisation", site)
        organisation.add_guardrails()
        organisation.add_firewall()
        organisation.add_audit()
        organisation.add_roles()
        organisation.add_quarantine()
        numbers = {"platform": organisation.add_audit_project()}
        for tenant, names in tenants:
            numbers[tenant.id] = organisation.add_tenant(tenant, names)
        # Numbers belong into the tenant files and platform.yaml; this is where they can be read.
        TerraformOutput(self, "project_numbers", value=numbers)
        self.folders = {name: folder.name for name, folder in organisation.folders.items()}
