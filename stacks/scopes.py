"""What a tenant's policies are made from, out of its files: the accounts, the region, the accepted images."""

from __future__ import annotations

from pathlib import Path

from modules.policy.scope import TenantScope
from stacks import releases
from tenancy.fleet import Fleet
from tenancy.tenant import Tenant


def tenant_scope(fleet: Fleet, tenant: Tenant, local_states: Path | None) -> TenantScope:
    """The tenant's scope; `local_states` is the folder of the local profile's states, None in the cloud profile.

    Raises:
        SpecError: an account's id is not known.
        StackError: the reference values of an accepted image cannot be read.
    """
    local = local_states is not None
    return TenantScope(
        names=fleet.names(tenant),
        account_id=fleet.account_id(tenant, local=local),
        region=tenant.region,
        audit_account_id=fleet.audit_account_id(local=local),
        management_account_id=fleet.management_account_id(local=local),
        images=releases.accepted(fleet, tenant, local_states),
        canary=releases.on_trial(fleet, tenant),
    )
