"""The scope of a fleet's tenants on Google Cloud, from its tenant files; apart, so that a bundle is judged without."""

from __future__ import annotations

from compliance.facts.google_scope import GoogleScope, GoogleTenant
from compliance.facts.tenant_parts import contacts_of, data_sets_of, waivers_of
from tenancy import names
from tenancy.fleet import Fleet
from tenancy.tenant import Tenant


def google_scope_of(fleet: Fleet, *, local: bool) -> GoogleScope | None:
    """The scope of a fleet's tenants on Google Cloud; None if there are none.

    Args:
        fleet: the platform and its tenants.
        local: whether project numbers are those that the local cloud derives.

    Raises:
        tenancy.errors.SpecError: a project's number is not known.
    """
    tenants = tuple(tenant for tenant in fleet.tenants if tenant.cloud == "gcp")
    if not tenants:
        return None
    organisation = fleet.google
    deployer = organisation.deployer.partition("@")[2].partition(".")[0]
    projects = {
        fleet.google_audit_project_number(local=local): fleet.google_audit_project,
        organisation.deployer_project_number: deployer,
        organisation.image_project_number: organisation.image_project_number,
    }
    found = []
    for tenant in tenants:
        named = fleet.gcp_names(tenant)
        shape = fleet.platform.clouds["gcp"].shapes[tenant.compute.shape]
        found.append(
            GoogleTenant(
                id=tenant.id,
                project=named.project,
                project_number=fleet.project_number(tenant, local=local),
                key_project=named.key_project,
                key_project_number=fleet.key_project_number(tenant, local=local),
                region=tenant.region,
                network=named.network,
                perimeter=named.perimeter,
                pool=named.pool,
                accounts={
                    "trainer": named.account_email("trainer"),
                    "data-owner": named.account_email("data-owner"),
                    "auditor": named.account_email("auditor"),
                },
                group_prefix=f"{named.prefix}-",
                rotation_days=tenant.key_rotation_days,
                log_retention_days=tenant.audit.retention_days,
                state=tenant.lifecycle.state.value,
                buckets={purpose: named.bucket(purpose) for purpose in names.BUCKET_PURPOSES}
                | {"ledger": named.ledger_bucket},
                keys={purpose: named.key(tenant.region, purpose) for purpose in names.KEY_PURPOSES},
                image_digests=_digests(fleet, tenant),
                provider=names.WORKLOAD_PROVIDER,
                gpus=shape.gpus,
                cidr=str(tenant.network.cidr),
                machine_type=shape.instance_type,
                encrypted_as=str(shape.confidential or ""),
                max_nodes=tenant.compute.max_nodes,
                budget_usd=tenant.budget.monthly_usd,
                budget_alerts=tuple(tenant.budget.alert_percent),
                contacts=contacts_of(tenant),
                datasets=data_sets_of(tenant),
                waivers=waivers_of(tenant),
            )
        )
    return GoogleScope(
        organisation=organisation.id,
        customer_id=organisation.customer_id,
        domain=organisation.domain,
        access_policy=organisation.access_policy_id,
        deployer=organisation.deployer,
        group_prefix=f"{fleet.platform.name}-",
        projects=projects,
        tenants=tuple(found),
        billing_account=organisation.billing_account,
        boot_image=organisation.boot_image,
        rotation_ceiling_days=fleet.platform.floors.key_rotation_days,
        retention_floor_days=fleet.platform.floors.audit_retention_days,
    )


def _digests(fleet: Fleet, tenant: Tenant) -> tuple[str, ...]:
    image = fleet.platform.clouds["gcp"].images[tenant.compute.image]
    trial = (image.trial,) if tenant.id in image.canaries else ()
    named = [one.rpartition("@")[2] for one in (*trial, image.container) if one]
    return tuple(dict.fromkeys((*named, *image.also_accepted)))
