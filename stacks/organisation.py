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

    def __init__(
        self,
        scope: Construct,
        management: PlatformSite,
        target: Target,
        *,
        tenants: tuple[Tenant, ...],
        audit_account_id: str | None,
    ) -> None:
        super().__init__(scope, management, target)
        organisation = Organisation(self, "organisation", management)
        audit = organisation.add_audit_account()
        # The first deployment on AWS makes the audit account, so its id is not written down anywhere yet.
        organisation.add_locks(audit_account_id or audit.id, audit)
        accounts = {tenant.id: organisation.add_tenant_account(tenant) for tenant in tenants}
        # Account ids belong into the tenant files and platform.yaml; this is where they can be read.
        TerraformOutput(
            self,
            "account_ids",
            value={"audit": audit.id, **{tenant: account.id for tenant, account in accounts.items()}},
        )
