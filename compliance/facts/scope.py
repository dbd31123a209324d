"""What is judged: the tenants, and the values from their files that the deployed state is held against.

A scope is stored in the bundle, so that judging a bundle needs nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from compliance.facts.data_sets import DataSetScope
from compliance.facts.errors import BundleError
from compliance.facts.google_scope import GoogleScope, GoogleTenant, google_scope_from_json
from compliance.facts.waivers import WaiverScope

PLATFORM = "platform"
"""The tenant of what belongs to no tenant: the organisation, the audit account."""


@dataclass(frozen=True)
class TenantScope:
    """One tenant: its account and the names and values that its file implies."""

    id: str
    account: str
    region: str
    state: str
    cidr: str
    buckets: dict[str, str]
    """Bucket name by purpose: data, checkpoint, model."""
    key_aliases: dict[str, str]
    """KMS alias by purpose: disk, data, checkpoint, export, logs."""
    bucket_keys: dict[str, str]
    """Purpose of the key by purpose of the bucket that it encrypts."""
    roles: dict[str, str]
    """Role name by function: trainer, data-owner, auditor."""
    boundary: str
    log_groups: dict[str, str]
    """Log group by kind: ledger, flow."""
    log_retention_days: int
    rotation_days: int
    budget_usd: int
    budget_alerts: tuple[int, ...]
    image: str
    instance_type: str
    max_nodes: int
    contacts: tuple[str, ...]
    datasets: tuple[DataSetScope, ...]
    waivers: tuple[WaiverScope, ...] = ()


@dataclass(frozen=True)
class Scope:
    """The platform and the tenants to judge."""

    platform: str
    home_region: str
    management_account: str
    audit_account: str
    audit_bucket: str
    audit_key_alias: str
    trail: str
    audit_retention_days: int
    retention_floor_days: int
    rotation_ceiling_days: int
    deployer_role: str
    regions: tuple[str, ...]
    tenants_unit: str
    quarantine_unit: str
    images: tuple[str, ...]
    instance_types: tuple[str, ...]
    class_retention: dict[str, int]
    """Longest retention in days by sensitivity class."""
    tenants: tuple[TenantScope, ...]
    judged: tuple[str, ...] = field(default=())
    """Tenants that results are wanted for, `platform` among them if wanted."""
    google: GoogleScope | None = None
    """The tenants on Google Cloud; None if there are none."""

    def tenant(self, name: str) -> TenantScope:
        """The tenant of this id, which is on AWS."""
        return next(tenant for tenant in self.tenants if tenant.id == name)

    def anyone(self, name: str) -> TenantScope | GoogleTenant:
        """The tenant of this id, on whichever cloud."""
        return next(tenant for tenant in self.everybody if tenant.id == name)

    def only(self, name: str) -> Scope:
        """The scope of what one tenant is given: no other tenant is in it."""
        tenants = tuple(tenant for tenant in self.tenants if tenant.id == name)
        found = self.google.tenant(name) if self.google is not None else None
        google = None if self.google is None or found is None else replace(self.google, tenants=(found,))
        return replace(self, tenants=tenants, google=google, judged=(name,))

    def clouds(self) -> tuple[str, ...]:
        """The clouds of which something is judged: `aws`, `gcp`."""
        on_google = {tenant.id for tenant in self.google.tenants} if self.google is not None else set()
        aws = not self.judged or any(name not in on_google for name in self.judged)
        return (
            *(("aws",) if aws else ()),
            *(("gcp",) if self.google is not None and {*on_google, PLATFORM} & set(self.judged) else ()),
        )

    @property
    def platform_accounts(self) -> tuple[str, ...]:
        """The accounts that belong to no tenant."""
        return tuple(dict.fromkeys((self.management_account, self.audit_account)))

    @property
    def everybody(self) -> tuple[TenantScope | GoogleTenant, ...]:
        """Every tenant, on whichever cloud."""
        return (*self.tenants, *(self.google.tenants if self.google else ()))

    @property
    def google_platform(self) -> tuple[str, ...]:
        """What belongs to no tenant on Google Cloud: the organisation and the audit project, by number."""
        return (self.google.organisation, *self.google.audit_projects) if self.google else ()

    def accounts_of(self, tenant: str) -> tuple[str, ...]:
        """The accounts of a tenant, or the platform's; projects, by number, of a tenant on Google Cloud."""
        if self.google is not None and (found := self.google.tenant(tenant)) is not None:
            return tuple(found.projects)
        return self.platform_accounts if tenant == PLATFORM else (self.tenant(tenant).account,)


def scope_to_json(scope: Scope) -> dict[str, Any]:
    """The scope as a JSON object."""
    value: dict[str, Any] = asdict(scope)
    return value


def scope_from_json(value: dict[str, Any]) -> Scope:
    """The scope written by `scope_to_json`.

    Raises:
        BundleError: a member is missing or unknown.
    """
    try:
        tenants = tuple(_tenant(tenant) for tenant in value["tenants"])
        rest: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        rest["tenants"] = tenants
        rest["google"] = google_scope_from_json(value.get("google"))
        return Scope(**rest)
    except (KeyError, TypeError) as error:
        msg = f"scope.json: {error}; the bundle was written by another version: scan again"
        raise BundleError(msg) from error


def _tenant(value: dict[str, Any]) -> TenantScope:
    return TenantScope(
        **{
            **value,
            "budget_alerts": tuple(value["budget_alerts"]),
            "contacts": tuple(value["contacts"]),
            "datasets": tuple(DataSetScope(**item) for item in value["datasets"]),
            "waivers": tuple(WaiverScope(**item) for item in value["waivers"]),
        }
    )
