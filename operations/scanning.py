"""Where a scan gets its endpoint, its credentials and its accounts from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from localcloud import control
from localcloud.gcp.places import GcpPlaces
from localcloud.places import Places
from operations import gcp_local
from operations.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from compliance.collect.access import Keys
    from compliance.collect.google.scan import GooglePlan
    from compliance.collect.scan import Account, Plan
    from compliance.facts.google_scope import GoogleScope
    from compliance.facts.scope import Scope
    from tenancy.fleet import Fleet

COLLECTOR = "compliance-collector"
"""The scan's service account in the audit project on Google Cloud."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AUDITOR = "{platform}-{tenant}-auditor"


def prepare(
    fleet: Fleet, only: list[str] | None, local_state: Path, auditor: str, terraform: Path | None = None
) -> tuple[Scope, Plan]:
    """What to scan and how to get in.

    The environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, a profile …) goes first and is then all there is; without it,
    the local cloud of this checkout with its administrators' keys, if it runs.

    Raises:
        CommandError: neither is there.
    """
    from compliance.collect.clients import is_aws  # noqa: PLC0415 -- quick start
    from compliance.collect.scan import Plan  # noqa: PLC0415
    from compliance.facts.from_tenancy import scope_of  # noqa: PLC0415
    from compliance.facts.scope import scope_to_json  # noqa: PLC0415

    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    own = _own_keys()
    keys: dict[str, Keys] = {}
    if own is None:
        status = control.status(Places(local_state))
        if not status["running"]:
            msg = "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or start the local cloud"
            raise CommandError(msg)
        endpoint = str(status["endpoint"])
        keys = {name: _given(held) for name, held in status["accounts"].items()}
        own = keys["management"]
    scope = scope_of(fleet, local=not is_aws(endpoint), only=only)
    return scope, Plan(
        accounts=tuple(_accounts(scope, keys, auditor)),
        scope=scope_to_json(scope),
        endpoint=endpoint,
        own_keys=own,
        tool=_tool(),
        terraform=terraform,
        google=google_plan(scope, local_state, local=not is_aws(endpoint), only=only),
    )


def google_plan(scope: Scope, local_state: Path, *, local: bool, only: list[str] | None) -> GooglePlan | None:
    """What to read on Google Cloud; None where no tenant to judge is there.

    The scan's own service account reads: on the local cloud as a machine in the audit project gets it, elsewhere the
    application default credentials.

    Raises:
        CommandError: the stacks are not loaded here, or there are no credentials.
    """
    if scope.google is None or not any(tenant.id in scope.judged for tenant in scope.google.tenants):
        return None
    from google.auth import default  # noqa: PLC0415 -- quick start
    from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415

    from compliance.collect.google.scan import GooglePlan  # noqa: PLC0415

    chosen = None if only is None else tuple(only)
    if not local:
        try:
            credentials, _project = default(scopes=[SCOPE])
        except DefaultCredentialsError as error:
            raise CommandError(f"no credentials for Google Cloud: {error}") from error
        caller = str(getattr(credentials, "service_account_email", "application default credentials"))
        return GooglePlan(scope.google, credentials, caller, scope.google.billing_account, only=chosen)
    return _local_google(scope.google, local_state, chosen)


def _local_google(scope: GoogleScope, local_state: Path, only: tuple[str, ...] | None) -> GooglePlan:
    from google.oauth2.credentials import Credentials  # noqa: PLC0415 -- quick start

    from compliance.collect.google.scan import GooglePlan  # noqa: PLC0415

    cloud = gcp_local.running_at(GcpPlaces(local_state))
    place = cloud.status.get("audit")
    if place is None:
        raise CommandError("the stacks that are loaded have no audit project. Run `bulkhead local gcp load`")
    collector = f"{COLLECTOR}@{place['project']}.iam.gserviceaccount.com"
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(cloud.status["authority"])
    made: Any = Credentials
    return GooglePlan(
        scope,
        made(token=cloud.account(collector)),
        collector,
        scope.billing_account,
        endpoint=str(place["endpoint"]),
        kms=str(place["kms"]),
        only=only,
    )


def _accounts(scope: Scope, keys: dict[str, Keys], auditor: str) -> Iterator[Account]:
    from compliance.collect.access import Entry  # noqa: PLC0415
    from compliance.collect.scan import Account  # noqa: PLC0415

    def roles(tenant: str) -> tuple[str, ...]:
        return (auditor.format(platform=scope.platform, tenant=tenant), scope.deployer_role)

    home = (scope.home_region,)
    management = Entry(scope.management_account, roles("management"), keys.get("management"))
    yield Account(management, home, management=True)
    if scope.audit_account != scope.management_account:
        yield Account(Entry(scope.audit_account, roles("audit"), keys.get("audit")), home)
    for tenant in scope.tenants:
        if tenant.id in scope.judged:
            entry = Entry(tenant.account, roles(tenant.id), keys.get(tenant.id), keys.get("audit"))
            yield Account(entry, (tenant.region,))


def _given(held: dict[str, str]) -> Keys:
    from compliance.collect.access import Keys  # noqa: PLC0415

    return Keys(held["access_key_id"], held["secret_access_key"])


def _own_keys() -> Keys | None:
    """The credentials that boto3 would use, from the environment or a profile; not from a machine's metadata."""
    import boto3  # noqa: PLC0415

    from compliance.collect.access import Keys  # noqa: PLC0415

    if not any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN")):
        return None
    found = boto3.Session().get_credentials()
    if found is None:
        return None
    frozen = found.get_frozen_credentials()
    return Keys(frozen.access_key or "", frozen.secret_key or "", frozen.token)


def _tool() -> dict[str, str]:
    from compliance.facts.canonical import digest  # noqa: PLC0415
    from compliance.rules.catalogue import RULES  # noqa: PLC0415

    described = [[rule.id, str(rule.severity), rule.title, list(rule.needs)] for rule in RULES]
    return {"name": "bulkhead", "version": _version(), "rules": digest(described)}


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("bulkhead")
    except PackageNotFoundError:
        return "source"
