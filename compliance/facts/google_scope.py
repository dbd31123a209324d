"""What is judged on Google Cloud: the organisation, the platform's projects, and the tenants' projects and names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from compliance.facts.data_sets import DataSetScope
from compliance.facts.errors import BundleError
from compliance.facts.waivers import WaiverScope
from tenancy import names
from tenancy.fleet import Fleet
from tenancy.tenant import Tenant


@dataclass(frozen=True)
class GoogleTenant:
    """A tenant on Google Cloud: its two projects (id and number), its network, perimeter, pool and accounts.

    `accounts` are e-mail addresses by role, `group_prefix` what the addresses of the tenant's groups begin with.
    """

    id: str
    project: str
    project_number: str
    key_project: str
    key_project_number: str
    region: str
    network: str
    perimeter: str
    pool: str
    accounts: dict[str, str]
    group_prefix: str
    rotation_days: int = 365
    log_retention_days: int = 365
    state: str = "active"
    buckets: dict[str, str] = field(default_factory=dict)
    """Bucket name by purpose: data, checkpoint, model, ledger."""
    keys: dict[str, str] = field(default_factory=dict)
    """Resource name of the key by purpose."""
    image_digests: tuple[str, ...] = ()
    """Digests of the images to which keys may be released."""
    provider: str = ""
    gpus: int = 0
    cidr: str = ""
    machine_type: str = ""
    encrypted_as: str = ""
    """How the machine's memory is encrypted: TDX, SEV_SNP, SEV."""
    max_nodes: int = 0
    budget_usd: int = 0
    budget_alerts: tuple[int, ...] = ()
    contacts: tuple[str, ...] = ()
    datasets: tuple[DataSetScope, ...] = ()
    waivers: tuple[WaiverScope, ...] = ()

    @property
    def projects(self) -> dict[str, str]:
        """Ids by number."""
        return {self.project_number: self.project, self.key_project_number: self.key_project}


@dataclass(frozen=True)
class GoogleScope:
    """The organisation. `projects` are the platform's own, ids by number (the number itself where no id is known)."""

    organisation: str
    customer_id: str
    domain: str
    access_policy: str
    deployer: str
    group_prefix: str
    projects: dict[str, str]
    tenants: tuple[GoogleTenant, ...]
    billing_account: str = ""
    boot_image: str = ""
    rotation_ceiling_days: int = 365
    retention_floor_days: int = 365

    def tenant(self, name: str) -> GoogleTenant | None:
        """The tenant of this id; None if it is not on Google Cloud."""
        return next((tenant for tenant in self.tenants if tenant.id == name), None)

    @property
    def audit_projects(self) -> tuple[str, ...]:
        """Numbers of the platform's projects that the scan reads."""
        return tuple(number for number, project in self.projects.items() if project.endswith("-audit"))


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
        people = {str(tenant.contacts.owner), str(tenant.contacts.security), str(tenant.contacts.billing)}
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
                contacts=tuple(sorted(people)),
                datasets=tuple(DataSetScope(one.id, one.sensitivity, one.retention_days) for one in tenant.datasets),
                waivers=tuple(
                    WaiverScope(
                        rule=item.rule,
                        resource=item.resource,
                        owner=str(item.owner),
                        reason=item.reason,
                        compensating_control=item.compensating_control,
                        expires=item.expires.isoformat(),
                    )
                    for item in tenant.waivers
                ),
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


def google_scope_from_json(value: Any) -> GoogleScope | None:
    """The scope that `dataclasses.asdict` wrote.

    Raises:
        BundleError: a member is missing or unknown.
    """
    if value is None:
        return None
    try:
        tenants = tuple(_tenant(tenant) for tenant in value["tenants"])
        return GoogleScope(**{**value, "tenants": tenants})
    except (KeyError, TypeError) as error:
        msg = f"scope.json: google: {error}; the bundle was written by another version: scan again"
        raise BundleError(msg) from error


def _tenant(value: dict[str, Any]) -> GoogleTenant:
    waivers = tuple(WaiverScope(**item) for item in value.get("waivers", ()))
    lists = {name: tuple(value.get(name, ())) for name in ("image_digests", "budget_alerts", "contacts")}
    datasets = tuple(DataSetScope(**item) for item in value.get("datasets", ()))
    return GoogleTenant(**{**value, **lists, "waivers": waivers, "datasets": datasets})
