"""The tenant's VPC Service Controls perimeter."""

from __future__ import annotations

from cdktn_provider_google.access_context_manager_service_perimeter import AccessContextManagerServicePerimeter
from constructs import Construct

from modules.gcp.made import made
from modules.gcp.site import GcpSite
from modules.policy.gcp_perimeter import perimeter


class ServicePerimeter(Construct):
    """A regular perimeter around both projects. The dry run is written first and stays beside what is enforced.

    A tenant whose file says `perimeter: dry-run` is only watched: what would be refused stands in its audit log.
    """

    def __init__(self, scope: Construct, name: str, site: GcpSite, waits_for: list[Construct]) -> None:
        super().__init__(scope, name)
        policy = f"accessPolicies/{site.organisation.access_policy_id}"
        document = perimeter(site.scope, site.organisation.image_project_number)
        enforced = {"status": document} if site.tenant.perimeter == "enforced" else {}
        made(
            AccessContextManagerServicePerimeter,
            self,
            "perimeter",
            parent=policy,
            name=f"{policy}/servicePerimeters/{site.names.perimeter}",
            title=site.names.perimeter,
            description=f"Tenant {site.names.tenant}",
            perimeter_type="PERIMETER_TYPE_REGULAR",
            use_explicit_dry_run_spec=True,
            spec=document,
            depends_on=waits_for,
            **enforced,
        )
