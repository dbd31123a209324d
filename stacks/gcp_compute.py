"""A tenant's machines on Google Cloud, and the limits and alarms on them."""

from __future__ import annotations

from constructs import Construct

from modules.gcp.alarms import Alarms
from modules.gcp.compute import Compute
from modules.gcp.limits import Limits
from modules.gcp.site import GcpSite
from stacks.gcp_base import GcpTenantStack
from stacks.gcp_perimeter import GcpPerimeterStack
from stacks.gcp_vault import GcpVaultStack
from stacks.profiles import Target


class GcpComputeStack(GcpTenantStack):
    """Capacity is zero until a job asks for it."""

    def __init__(
        self, scope: Construct, site: GcpSite, target: Target, *, vault: GcpVaultStack, perimeter: GcpPerimeterStack
    ) -> None:
        super().__init__(scope, site, target)
        self.add_dependency(perimeter)
        Compute(
            self,
            "machines",
            site,
            subnet=perimeter.subnet,
            tag_key=perimeter.tag_key,
            tag_value=perimeter.tag_value,
            disk_key=vault.disk_key,
        )
        Limits(self, "limits", site)
        Alarms(self, "alarms", site)
