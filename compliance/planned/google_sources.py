"""Which planned resources of Google Cloud a result is about."""

from __future__ import annotations

from typing import Final

from compliance.estate.google_owners import GoogleOwners
from compliance.estate.google_terraform import Planned
from compliance.planned.answers import Source
from compliance.planned.google_facts import GooglePlanned
from compliance.results import Result

_CONSTRAINT: Final = "google_org_policy_policy"
_PERIMETER: Final = "google_access_context_manager_service_perimeter"
TYPES: Final[dict[str, tuple[str, ...]]] = {
    "audit.gcp-data-access": (
        "google_folder_iam_audit_config",
        "google_organization_iam_audit_config",
        "google_project_iam_audit_config",
    ),
    "audit.gcp-sinks": ("google_logging_folder_sink", "google_logging_organization_sink"),
    "budget.gcp-budget": ("google_billing_budget",),
    "budget.gcp-quota": ("google_cloud_quotas_quota_preference",),
    "identity.gcp-just-in-time": ("google_privileged_access_manager_entitlement",),
    "keys.gcp-federation": ("google_iam_workload_identity_pool_provider",),
    "network.gcp-routes": ("google_compute_route", "google_compute_network"),
    "perimeter.gcp-boundary": (
        "google_iam_principal_access_boundary_policy",
        "google_iam_projects_policy_binding",
    ),
    "perimeter.gcp-bridge": (_PERIMETER,),
    "perimeter.gcp-denied": ("google_iam_deny_policy",),
    "perimeter.gcp-enforced": (_PERIMETER,),
    "perimeter.gcp-openings": (_PERIMETER,),
    "perimeter.gcp-services": (_PERIMETER,),
}
"""By rule about a whole tenant or project: the types of resource that decide it."""


def sources_of(result: Result, shown: GooglePlanned, owners: GoogleOwners) -> tuple[Source, ...]:
    """The resources that a result is about: those its reason names, those that speak of its subject, or its types."""
    named = [
        each
        for each in shown.planned
        if each.type == _CONSTRAINT
        and (constraint := str(each.values.get("name", "")).rpartition("/policies/")[2])
        and any(word.strip(";:") == constraint for word in result.reason.split())
        and _owner(each, owners) in ("", result.tenant)
    ]
    if named:
        return tuple(sorted(_source(each) for each in named))
    types = TYPES.get(result.rule)
    if types is None:
        words = {word.strip(";,") for word in result.reason.split()}
        said = [name for name in shown.behind if name in words]
        return tuple(sorted({source for name in said or [result.resource] for source in shown.behind.get(name, ())}))
    found = [each for each in shown.planned if each.type in types and _owner(each, owners) in ("", result.tenant)]
    return tuple(sorted(_source(each) for each in found))


def _source(resource: Planned) -> Source:
    return Source(resource.stack, f"{resource.type}.{resource.address}")


def _owner(resource: Planned, owners: GoogleOwners) -> str:
    """The tenant (or platform) in whose project a resource lies; of what lies in none, whose projects it names."""
    values = resource.values
    inside = [str(name) for part in ("status", "spec") for name in _resources(values.get(part))]
    filtered = values.get("budget_filter")
    inside += [str(name) for name in (filtered.get("projects") or ())] if isinstance(filtered, dict) else []
    places = [str(values.get(name) or "") for name in ("project", "parent")]
    point = places[1].replace("%2F", "/").rpartition("googleapis.com/")[2]
    for place in (places[0], point, *inside):
        if owner := owners.of_project(place.removeprefix("projects/")):
            return owner
    return ""


def _resources(part: object) -> list[object]:
    block = part[0] if isinstance(part, list) and part else part
    return list(block.get("resources") or ()) if isinstance(block, dict) else []
