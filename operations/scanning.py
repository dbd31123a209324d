"""Where a scan gets its endpoint, its credentials and its accounts from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from localcloud import control
from localcloud.places import Places
from operations.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from compliance.collect.access import Keys
    from compliance.collect.scan import Account, Plan
    from compliance.facts.scope import Scope
    from tenancy.fleet import Fleet

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
