"""Opening the tenant files for a command, and starting a new one."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated

import typer

from operations.errors import CommandError
from tenancy.errors import SpecError
from tenancy.fleet import PLATFORM_FILE, Fleet, load
from tenancy.sources import read
from tenancy.tenant import Tenant

FleetFolder = Annotated[
    Path, typer.Option("--fleet", envvar="BULKHEAD_FLEET", help="Folder of platform.yaml and the tenant files.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
TenantIds = Annotated[
    str | None, typer.Option("--tenants", envvar="BULKHEAD_TENANTS", help="Only these tenants, separated by commas.")
]


def open_fleet(folder: Path) -> Fleet:
    """The fleet in `folder`. Raises `CommandError` with every problem."""
    try:
        return checked_fleet(folder)
    except SpecError as error:
        raise CommandError(str(error)) from error


def checked_fleet(folder: Path) -> Fleet:
    """The fleet in `folder`, and what is compiled from it: raises `SpecError` where a cloud would refuse that."""
    fleet = load(folder)
    _require_conditions(fleet, folder)
    return fleet


def _require_conditions(fleet: Fleet, folder: Path) -> None:
    """Refuses tenants on Google Cloud whose release condition IAM would refuse. Raises `SpecError`, with lines."""
    if all(tenant.cloud != "gcp" for tenant in fleet.tenants):
        return
    from modules.policy.gcp_release import check  # noqa: PLC0415 - quick start where nobody needs it

    try:
        check(fleet)
    except SpecError as error:
        written = read(folder / PLATFORM_FILE, shown=PLATFORM_FILE)
        placed = [replace(found, line=written.where(tuple(found.field.split(".")))[1]) for found in error.problems]
        raise SpecError(placed) from error


def selected(fleet: Fleet, ids: str | None) -> tuple[Tenant, ...]:
    """The tenants named in `ids` (comma-separated), or all. Raises `CommandError` for an unknown one."""
    wanted = None if ids is None else [part.strip() for part in ids.split(",") if part.strip()]
    try:
        return fleet.select(wanted)
    except SpecError as error:
        raise CommandError(str(error)) from error


def free_range(fleet: Fleet) -> str:
    """The first /20 of 10.0.0.0/8 that no tenant has."""
    taken = [IPv4Network(tenant.network.cidr) for tenant in fleet.tenants]
    for candidate in IPv4Network("10.0.0.0/8").subnets(new_prefix=20):
        if not any(candidate.overlaps(network) for network in taken):
            return str(candidate)
    msg = "no /20 of 10.0.0.0/8 is free; write the range by hand"
    raise CommandError(msg)


def tenant_template(fleet: Fleet, tenant_id: str) -> str:
    """Text of a tenant file to start from: valid, with a free range and a sample data set."""
    sensitivity = next(iter(fleet.platform.sensitivity_classes))
    return f"""# yaml-language-server: $schema=../tenancy/schemas/tenant.schema.json
id: {tenant_id}
title: {tenant_id}
contacts:
  owner: owner@{tenant_id}.example
  security: security@{tenant_id}.example
  billing: billing@{tenant_id}.example
network:
  cidr: {free_range(fleet)}
datasets:
  - id: first
    title: What the data is, for people
    sensitivity: {sensitivity}
    origin: Where it comes from
    purpose: What it may be used for
    retention_days: 180
"""
