"""What is judged on Google Cloud: the organisation, the platform's projects, and the tenants' projects and names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compliance.facts.errors import BundleError
from tenancy.fleet import Fleet


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
    )


def google_scope_from_json(value: Any) -> GoogleScope | None:
    """The scope that `dataclasses.asdict` wrote.

    Raises:
        BundleError: a member is missing or unknown.
    """
    if value is None:
        return None
    try:
        tenants = tuple(GoogleTenant(**tenant) for tenant in value["tenants"])
        return GoogleScope(**{**value, "tenants": tenants})
    except (KeyError, TypeError) as error:
        msg = f"scope.json: google: {error}; the bundle was written by another version: scan again"
        raise BundleError(msg) from error
