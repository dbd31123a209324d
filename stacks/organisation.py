"""The organisation: units, policies and an account for every tenant of the fleet."""

from __future__ import annotations

from cdktn import TerraformOutput
from constructs import Construct

from modules.aws.organisation import Organisation
from modules.aws.site import PlatformSite
from stacks.base import PlatformStack
from stacks.profiles import Target
from tenancy.tenant import Tenant


class OrganisationStack(PlatformStack):
    """Always holds the whole fleet: leaving a tenant out would close its account."""

    def __init__(self, scope: Construct, site: PlatformSite, target: Target, tenants: tuple[Tenant, ...]) -> None:
        super().__init__(scope, site, target, account_id=site.management_account_id)
        organisation = Organisation(self, "organisation", site)
        organisation.add_locks()
        accounts = {tenant.id: organisation.add_tenant_account(tenant) for tenant in tenants}
        audit = organisation.add_audit_account()
        # Account ids belong into the tenant files and platform.yaml; this is where they can be read.
        TerraformOutput(
            self,
            "account_ids",
            value={"audit": audit.id, **{tenant: account.id for tenant, account in accounts.items()}},
        )
