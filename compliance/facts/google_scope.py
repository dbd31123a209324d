"""What is judged on Google Cloud: the organisation, the platform's projects, and the tenants' projects and names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from compliance.facts.data_sets import DataSetScope
from compliance.facts.errors import BundleError
from compliance.facts.waivers import WaiverScope


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
