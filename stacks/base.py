"""What every stack has: its state, its provider, and the guard that looks at everything in it."""

from __future__ import annotations

from cdktn import Aspects, TerraformStack
from constructs import Construct

from modules.aws.guard import Guard
from modules.aws.site import PlatformSite, Site
from stacks.plan import stack_name
from stacks.profiles import Target, add_backend, add_provider, relax_provider_version


class PlatformStack(TerraformStack):
    """A stack of the platform's own, deployed into the management account or the audit account."""

    def __init__(self, scope: Construct, site: PlatformSite, target: Target) -> None:
        super().__init__(scope, stack_name(site.layer))
        self.site = site
        add_backend(self, stack_name(site.layer), site.platform, target)
        assume = site.account_id != site.management_account_id
        add_provider(self, "aws", target, region=site.region, account_id=site.account_id, assume=assume)
        relax_provider_version(self, target)
        Aspects.of(self).add(Guard())


class TenantStack(TerraformStack):
    """A stack of one tenant and layer, deployed into the tenant's account."""

    def __init__(self, scope: Construct, site: Site, target: Target) -> None:
        name = stack_name(site.layer, site.tenant.id)
        super().__init__(scope, name)
        self.site = site
        add_backend(self, name, site.platform, target)
        add_provider(self, "aws", target, region=site.region, account_id=site.scope.account_id, assume=True)
        relax_provider_version(self, target)
        Aspects.of(self).add(Guard())
