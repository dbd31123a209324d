"""The parts of a tenant file that a scope takes over in the same form on every cloud."""

from __future__ import annotations

from compliance.facts.data_sets import DataSetScope
from compliance.facts.waivers import WaiverScope
from tenancy.tenant import Tenant


def contacts_of(tenant: Tenant) -> tuple[str, ...]:
    """The addresses of the tenant's people, each once, sorted."""
    return tuple(sorted({str(tenant.contacts.owner), str(tenant.contacts.security), str(tenant.contacts.billing)}))


def data_sets_of(tenant: Tenant) -> tuple[DataSetScope, ...]:
    """The tenant's data sets with sensitivity and retention (days), in the file's order."""
    return tuple(DataSetScope(item.id, item.sensitivity, item.retention_days) for item in tenant.datasets)


def waivers_of(tenant: Tenant) -> tuple[WaiverScope, ...]:
    """The tenant's waivers, in the file's order; expiry as an ISO 8601 date."""
    return tuple(
        WaiverScope(
            rule=item.rule,
            resource=item.resource,
            owner=str(item.owner),
            reason=item.reason,
            compensating_control=item.compensating_control,
            expires=item.expires.isoformat(),
        )
        for item in tenant.waivers
    )
