"""A tenant's machines, and the limits and alarms on them."""

from __future__ import annotations

from constructs import Construct

from modules.aws.alarms import Alarms
from modules.aws.compute import Compute
from modules.aws.limits import Limits
from modules.aws.site import Site
from stacks.base import TenantStack
from stacks.perimeter import PerimeterStack
from stacks.profiles import Target
from stacks.vault import VaultStack


class ComputeStack(TenantStack):
    """Capacity is zero until a job asks for it."""

    def __init__(
        self, scope: Construct, site: Site, target: Target, *, vault: VaultStack, perimeter: PerimeterStack
    ) -> None:
        super().__init__(scope, site, target)
        self.add_dependency(perimeter)
        compute = Compute(
            self,
            "machines",
            site,
            subnet_ids=perimeter.subnet_ids,
            security_group_id=perimeter.nodes_group_id,
            disk_key_arn=vault.disk_key_arn,
        )
        Limits(self, "limits", site)
        Alarms(self, "alarms", site, compute.group.name)
