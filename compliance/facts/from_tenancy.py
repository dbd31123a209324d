"""The scope that the tenant files imply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compliance.facts.google_from_tenancy import google_scope_of
from compliance.facts.scope import PLATFORM, Scope, TenantScope
from compliance.facts.tenant_parts import contacts_of, data_sets_of, waivers_of
from tenancy import names
from tenancy.fleet import Fleet
from tenancy.names import Names
from tenancy.tenant import Tenant

MANAGEMENT = "management"
AUDIT = "audit"


def scope_of(
    fleet: Fleet, *, local: bool, accounts: Mapping[str, str] | None = None, only: Sequence[str] | None = None
) -> Scope:
    """The scope of a fleet: its AWS tenants, and beside them those on Google Cloud.

    Args:
        fleet: the platform and its tenants.
        local: whether account ids are those that the local cloud derives.
        accounts: account ids by `management`, `audit` or tenant id that win over the files'.
        only: ids of the tenants to judge (`platform` among them for the organisation and the audit account);
            None judges everything.

    Raises:
        tenancy.errors.SpecError: an account id is not known, or an id in `only` is not a tenant's.
    """
    given = accounts or {}
    platform = fleet.platform
    cloud = platform.clouds.get("aws")
    tenants = tuple(tenant for tenant in fleet.tenants if tenant.cloud == "aws")
    # Without a tenant on AWS nobody has to know the accounts of an organisation there.
    nobody = not tenants and not local
    chosen = None if only is None else [tenant.id for tenant in fleet.select(i for i in only if i != PLATFORM)]
    judged = [tenant.id for tenant in fleet.tenants if chosen is None or tenant.id in chosen]
    if only is None or PLATFORM in only:
        judged.append(PLATFORM)
    return Scope(
        platform=platform.name,
        home_region=platform.home_region,
        management_account=given.get(MANAGEMENT) or ("" if nobody else fleet.management_account_id(local=local)),
        audit_account=given.get(AUDIT) or ("" if nobody else fleet.audit_account_id(local=local)),
        audit_bucket=names.audit_bucket(platform.name),
        audit_key_alias=names.audit_key_alias(platform.name),
        trail=names.trail(platform.name),
        audit_retention_days=platform.audit.retention_days,
        retention_floor_days=platform.floors.audit_retention_days,
        rotation_ceiling_days=platform.floors.key_rotation_days,
        deployer_role=names.DEPLOYER_ROLE,
        regions=cloud.regions if cloud else (),
        tenants_unit=platform.organisation.tenants_unit,
        quarantine_unit=platform.organisation.quarantine_unit,
        images=tuple(sorted(image.ami for image in (cloud.images.values() if cloud else ()) if image.ami)),
        instance_types=tuple(sorted(shape.instance_type for shape in (cloud.shapes.values() if cloud else ()))),
        class_retention={name: held.max_retention_days for name, held in platform.sensitivity_classes.items()},
        tenants=tuple(
            _tenant(fleet, tenant, given.get(tenant.id) or fleet.account_id(tenant, local=local)) for tenant in tenants
        ),
        judged=tuple(judged),
        google=google_scope_of(fleet, local=local),
    )


def _tenant(fleet: Fleet, tenant: Tenant, account: str) -> TenantScope:
    cloud = fleet.platform.clouds["aws"]
    named = Names(fleet.platform.name, tenant.id)
    return TenantScope(
        id=tenant.id,
        account=account,
        region=tenant.region,
        state=tenant.lifecycle.state.value,
        cidr=tenant.network.cidr,
        buckets={purpose: named.bucket(purpose) for purpose in names.BUCKET_PURPOSES},
        key_aliases={purpose: named.key_alias(purpose) for purpose in names.KEY_PURPOSES},
        bucket_keys={bucket: key for bucket, key in names.KEY_OF_BUCKET.items()},  # noqa: C416 -- widens the literals
        roles={
            "trainer": named.role("trainer"),
            "data-owner": named.role("data-owner"),
            "auditor": named.role("auditor"),
        },
        boundary=named.boundary,
        log_groups={"ledger": named.ledger_log_group, "flow": named.flow_log_group},
        log_retention_days=tenant.audit.retention_days,
        rotation_days=tenant.key_rotation_days,
        budget_usd=tenant.budget.monthly_usd,
        budget_alerts=tenant.budget.alert_percent,
        image=cloud.images[tenant.compute.image].ami or "",
        instance_type=cloud.shapes[tenant.compute.shape].instance_type,
        max_nodes=tenant.compute.max_nodes,
        contacts=contacts_of(tenant),
        datasets=data_sets_of(tenant),
        waivers=waivers_of(tenant),
    )
