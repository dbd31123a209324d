"""Whether everything was seen: what could not be read, and what only one of cloud and Terraform's state knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from compliance.facts.fact import Status
from compliance.facts.scope import PLATFORM
from compliance.results import Verdict
from compliance.rules.google.populations import (
    ACCOUNT,
    BUCKET,
    KEY,
    LOG_BUCKET,
    NETWORK,
    PROVIDER,
    SINK,
    SUBNET,
    TEMPLATE,
    checked,
    google,
    own_projects,
)
from compliance.rules.google.view import ASSETS, Asset, GoogleView
from compliance.rules.model import About, Outcome, Resource, Rule, Severity
from compliance.rules.reconciliation import STATE, compared
from compliance.rules.view import Unread, View

TYPES: dict[str, str] = {
    "google_storage_bucket": BUCKET,
    "google_kms_crypto_key": KEY,
    "google_service_account": ACCOUNT,
    "google_iam_workload_identity_pool": "iam.googleapis.com/WorkloadIdentityPool",
    "google_iam_workload_identity_pool_provider": PROVIDER,
    "google_compute_network": NETWORK,
    "google_compute_subnetwork": SUBNET,
    "google_compute_firewall": "compute.googleapis.com/Firewall",
    "google_compute_instance_template": TEMPLATE,
    "google_compute_instance_group_manager": "compute.googleapis.com/InstanceGroupManager",
    "google_logging_project_sink": SINK,
    "google_logging_project_bucket_config": LOG_BUCKET,
}
"""What Terraform's type is called in Cloud Asset Inventory."""

_PROJECT = re.compile(r"^projects/([^/]+)/")
_GOING = {"state": "DELETED", "lifecycleState": "DELETE_REQUESTED"}
"""Members that say that an asset is deleted and kept for some days, in case it was a mistake."""


def _accounts(view: GoogleView) -> tuple[str, ...]:
    return (view.account, *view.projects) if view.name == PLATFORM else view.projects


def _all(view: View) -> Iterator[Resource]:
    """The tenant's projects, or the organisation and the platform's projects, together."""
    yield Resource(f"Google Cloud of {view.name}", _accounts(google(view)))


def _complete(view: GoogleView, resource: Resource) -> Outcome:
    """As on AWS: what the endpoint does not implement is listed in the coverage, not here."""
    unread = {
        f"{fact.api} ({fact.status})"
        for fact in view.graph
        if fact.account in resource.data and not fact.status.read and fact.status is not Status.UNIMPLEMENTED
    }
    silent = [f"the assets of {number}, never asked for" for number in resource.data if not _asked(view, number)]
    problems = [*silent, *sorted(unread)]
    if not problems:
        return Outcome(Verdict.PASS, "every call was answered, or is not implemented at this endpoint")
    return Outcome(Verdict.INDETERMINATE, f"could not be read: {', '.join(problems)}")


def _asked(view: GoogleView, account: str) -> bool:
    return any(fact.params.get("contentType") == "RESOURCE" for fact in view.graph.facts(account, ASSETS))


def _types(view: View) -> Iterator[Resource]:
    """Every type of a project, if Terraform's state of that project was given; `data` is (project, type, known ids)."""
    for damaged in view.graph.facts("", STATE):
        if not damaged.status.read:
            raise Unread(STATE, damaged)
    for project in own_projects(view):
        number = str(project.data)
        if not view.graph.facts(number, STATE):
            continue
        known: dict[str, set[str]] = {}
        for entry in view.items(STATE, "Resources", number):
            known.setdefault(entry["Type"], set()).add(_numbered(entry["Id"], google(view).own.projects))
        for kind in TYPES:
            yield Resource(f"{kind} in project {number}", (number, kind, known.get(kind, set())))


def _same(view: GoogleView, resource: Resource) -> Outcome:
    number, kind, known = resource.data
    listed = (asset for asset in view.assets(TYPES[kind], of=(number,)) if not _going(asset))
    return compared(known, {_id(asset, view.own.projects): _explained(asset) for asset in listed})


def _going(asset: Asset) -> bool:
    return any(asset.data.get(member) == value for member, value in _GOING.items())


def _id(asset: Asset, projects: Mapping[str, str]) -> str:
    """An asset's id as Terraform's provider writes it: bucket names alone, everything else below its project."""
    if asset.type == BUCKET:
        return str(asset.data["name"])
    named_alike = str(asset.data["name"]) if asset.type == ACCOUNT else asset.name.split("/", 3)[-1]
    return _numbered(named_alike, projects)


def _numbered(name: str, projects: Mapping[str, str]) -> str:
    """A name with its project's number: each API chooses between id and number on its own."""
    numbers = {id_: number for number, id_ in projects.items()}
    return _PROJECT.sub(lambda found: f"projects/{numbers.get(found[1], found[1])}/", name)


def _explained(asset: Asset) -> str:
    """Why Terraform need not know an asset; empty if it must."""
    if asset.type in (SINK, LOG_BUCKET) and asset.short in ("_Default", "_Required"):
        return "made by Google with the project"
    made = ("-compute@developer.gserviceaccount.com", "@appspot.gserviceaccount.com")
    if asset.type == ACCOUNT and str(asset.data.get("email", "")).endswith(made):
        return "made by Google with a service"
    primary = asset.data.get("primary") or {}
    if asset.type == KEY and primary.get("state") in ("DESTROYED", "DESTROY_SCHEDULED"):
        return "a key that cannot be deleted, with its material destroyed"
    return ""


RULES: tuple[Rule, ...] = (
    Rule(
        id="coverage.gcp-complete",
        title="Everything that was asked of Google Cloud was answered",
        severity=Severity.HIGH,
        about=About.BOTH,
        threat="What could not be read is taken for clean.",
        blind="What no collector asks for, and what the endpoint does not implement; the coverage lists both.",
        remediation="Grant the auditor what it was denied, and scan again.",
        objectives=("inventory.complete",),
        needs=(ASSETS,),
        population=_all,
        check=checked(_complete),
    ),
    Rule(
        id="coverage.gcp-reconciled",
        title="Terraform's state and Google Cloud know the same resources",
        severity=Severity.MEDIUM,
        about=About.TENANT,
        threat="Something was made by hand, or went away, and no rule was written for it.",
        blind="Types that are not reconciled, and projects whose state was not given to the scan.",
        remediation="Import it into Terraform or delete it; find out in the audit logs who made it.",
        objectives=("inventory.complete", "change.guardrails"),
        needs=(ASSETS,),
        population=_types,
        check=checked(_same),
    ),
)
