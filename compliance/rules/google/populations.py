"""Populations and small readings that several rules about Google Cloud share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from compliance.rules.google.view import Asset, GoogleView
from compliance.rules.model import Check, Outcome, Population, Resource
from compliance.rules.view import View

KEY = "cloudkms.googleapis.com/CryptoKey"
BUCKET = "storage.googleapis.com/Bucket"
ACCOUNT = "iam.googleapis.com/ServiceAccount"
PROVIDER = "iam.googleapis.com/WorkloadIdentityPoolProvider"
NETWORK = "compute.googleapis.com/Network"
SUBNET = "compute.googleapis.com/Subnetwork"
TEMPLATE = "compute.googleapis.com/InstanceTemplate"
INSTANCE = "compute.googleapis.com/Instance"
SINK = "logging.googleapis.com/LogSink"
LOG_BUCKET = "logging.googleapis.com/LogBucket"
FIREWALL_POLICY = "compute.googleapis.com/FirewallPolicy"
PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers", "principalSet://goog/public:all"})

GoogleCheck = Callable[[GoogleView, Resource], Outcome]


def google(view: View) -> GoogleView:
    """The view, which is one of Google Cloud wherever a rule of this package runs."""
    assert isinstance(view, GoogleView)
    return view


def checked(check: GoogleCheck) -> Check:
    """A check of Google Cloud's view as the runner calls it."""
    return lambda view, resource: check(google(view), resource)


def every(*types: str) -> Population:
    """Every asset of these types in the view's projects."""

    def population(view: View) -> Iterator[Resource]:
        return (Resource(asset.name, asset) for asset in google(view).assets(*types))

    return population


def named_keys(view: View) -> Iterator[Resource]:
    """The tenant's key for each purpose, whether it exists or not."""
    found = {asset.data["name"]: asset for asset in google(view).assets(KEY)}
    for purpose, name in google(view).own.keys.items():
        yield Resource(f"//cloudkms.googleapis.com/{name}", (purpose, found.get(name)))


def named_buckets(view: View) -> Iterator[Resource]:
    """The tenant's bucket for each purpose, whether it exists or not."""
    found = {asset.data["name"]: asset for asset in google(view).assets(BUCKET)}
    for purpose, name in google(view).own.buckets.items():
        yield Resource(f"//storage.googleapis.com/{name}", (purpose, found.get(name)))


def own_projects(view: View) -> Iterator[Resource]:
    """The view's projects, by number."""
    for number in google(view).projects:
        yield Resource(f"//cloudresourcemanager.googleapis.com/projects/{number}", number)


def machines(view: View) -> Iterator[Resource]:
    """Instance templates and running machines; data is (name, properties)."""
    for asset in google(view).assets(TEMPLATE, INSTANCE):
        held = asset.data["properties"] if asset.type == TEMPLATE else asset.data
        yield Resource(asset.name, held)


def the_tenant(view: View) -> Iterator[Resource]:
    """The tenant as a whole."""
    yield Resource(f"tenant {view.name}", None)


def bindings(view: GoogleView, asset: Asset) -> list[tuple[str, str]]:
    """Role and member of every grant on an asset itself."""
    held = view.policy(asset.name)
    return [(binding["role"], member) for binding in held.get("bindings", []) for member in binding.get("members", [])]


def metadata(properties: dict[str, Any]) -> dict[str, str]:
    """A machine's metadata by key."""
    return {item["key"]: str(item["value"]) for item in (properties.get("metadata") or {}).get("items", [])}


def days(duration: str) -> float:
    """The days in a duration as the API writes it (`7776000s`)."""
    return float(duration.removesuffix("s")) / 86400
