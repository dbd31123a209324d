"""`bulkhead tenants`: list, validate, schema, new."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from operations.errors import CommandError, Exit
from operations.fleets import AsJson, FleetFolder, checked_fleet, open_fleet, tenant_template
from tenancy import schema
from tenancy.base import Spec
from tenancy.errors import SpecError
from tenancy.fleet import load

group = typer.Typer(help="The tenant files.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the group to the command."""
    app.add_typer(group, name="tenants")


def _facts(spec: Spec) -> dict[str, object]:
    return spec.model_dump(mode="json")


@group.command("list")
def list_tenants(folder: FleetFolder = Path("tenants"), as_json: AsJson = False) -> None:
    """The tenants and where they live."""
    fleet = open_fleet(folder)
    if as_json:
        typer.echo(json.dumps({"tenants": [_facts(tenant) for tenant in fleet.tenants]}))
        return
    table = Table(box=None, header_style="bold")
    for heading in ("tenant", "title", "cloud", "region", "network", "data sets", "state"):
        table.add_column(heading)
    for tenant in fleet.tenants:
        datasets = ", ".join(f"{dataset.id} ({dataset.sensitivity})" for dataset in tenant.datasets)
        state = tenant.lifecycle.state.value
        table.add_row(tenant.id, tenant.title, tenant.cloud, tenant.region, tenant.network.cidr, datasets, state)
    Console().print(table)


@group.command()
def validate(folder: FleetFolder = Path("tenants"), as_json: AsJson = False) -> None:
    """Checks every tenant file and all of them together; exit 2 lists every problem at once."""
    try:
        fleet = checked_fleet(folder)
    except SpecError as error:
        if as_json:
            problems = [vars(problem) for problem in error.problems]
            typer.echo(json.dumps({"valid": False, "problems": problems}))
            raise typer.Exit(Exit.BAD_INPUT) from error
        raise CommandError(str(error)) from error
    if as_json:
        typer.echo(json.dumps({"valid": True, "tenants": [tenant.id for tenant in fleet.tenants], "problems": []}))
        return
    typer.echo(f"{len(fleet.tenants)} tenants, no problem: {', '.join(tenant.id for tenant in fleet.tenants)}")


@group.command("schema")
def schema_command(
    write: Annotated[bool, typer.Option("--write", help="Write tenancy/schemas/.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if the committed schemas are stale.")] = False,
) -> None:
    """The JSON schema of a tenant file, for editors."""
    if write:
        for path in schema.write():
            typer.echo(f"wrote {path.name}")
        return
    if check:
        stale = schema.stale()
        if stale:
            sys.stderr.write(f"stale: {', '.join(stale)}; run `make schemas` and commit the result\n")
            raise typer.Exit(Exit.FINDINGS)
        typer.echo("the committed schemas match the models")
        return
    typer.echo(schema.schemas()["tenant.schema.json"], nl=False)


@group.command()
def new(tenant_id: str, folder: FleetFolder = Path("tenants")) -> None:
    """Writes a tenant file to start from, with a free address range."""
    path = folder / f"{tenant_id}.yaml"
    if path.exists():
        msg = f"{path} exists already; edit it"
        raise CommandError(msg)
    text = tenant_template(open_fleet(folder), tenant_id)
    path.write_text(text, encoding="utf-8")
    try:
        load(folder)
    except SpecError as error:
        path.unlink()
        raise CommandError(str(error)) from error
    typer.echo(f"wrote {path}; fill in the contacts and data sets, then `bulkhead tenants validate`")
