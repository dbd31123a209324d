"""`bulkhead data seal`: a tenant's data set, encrypted under the tenant's own keys, into the tenant's bucket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from operations import data_owner, training
from operations.errors import CommandError
from operations.fleets import AsJson, FleetFolder, open_fleet, selected
from operations.local import running
from operations.steps import Steps
from operations.workspace import workspace
from tenancy.fleet import Fleet
from tenancy.tenant import DataSet

group = typer.Typer(help="Data sets.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the group to the command."""
    app.add_typer(group, name="data")


@group.callback()
def _group() -> None:
    """Data sets."""


@group.command()
def seal(
    tenant_id: Annotated[str, typer.Argument(metavar="TENANT")],
    data_set: str,
    kind: Annotated[
        str, typer.Option(help="csv, jsonl, parquet, arrays, tokens, text, images, or bundled (scikit-learn's).")
    ],
    path: Annotated[list[str] | None, typer.Option(help="File or fsspec address; can be given several times.")] = None,
    name: Annotated[str | None, typer.Option(help="Which bundled set: breast-cancer or digits.")] = None,
    layout: Annotated[
        str, typer.Option("--format", help="shards, or parquet: encrypted, one key per column.")
    ] = "shards",
    sensitive: Annotated[
        list[str] | None, typer.Option(help="COLUMN=CLASS: a column under the key of a class of its own; repeatable.")
    ] = None,
    version: Annotated[str, typer.Option(help="A version is sealed once and never replaced.")] = "v1",
    folder: FleetFolder = Path("tenants"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, seal nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Encrypts a data set shard by shard and publishes its signed manifest last."""
    fleet = open_fleet(folder)
    (tenant,) = selected(fleet, tenant_id)
    source = {"kind": kind, "paths": path or [], "name": name}
    more = {"format": layout, "classes": classes(fleet, training.data_set(tenant, data_set), sensitive or [])}
    spec = training.seal_spec(training.seal_document(fleet, tenant, data_set, version, source, **more))
    if dry_run:
        typer.echo(spec.model_dump_json(indent=2))
        return
    with Steps(1).step(f"Seal {tenant.id}'s {data_set}") as step:
        result = training.seal(
            running(workspace()),
            fleet,
            tenant,
            spec,
            lambda rows, size: step.doing(f"{rows:,} rows, {size / 1e6:,.1f} MB"),
        )
        step.done(f"{result.rows:,} rows in {result.shards} {'files' if layout == 'parquet' else 'shards'}")
    if as_json:
        typer.echo(json.dumps(result.model_dump(mode="json")))
    else:
        typer.echo(f"{result.manifest}\n  signed by {result.signer}")


@group.command()
def rotate(
    tenant_id: Annotated[str, typer.Argument(metavar="TENANT")],
    data_set: str,
    version: Annotated[str, typer.Option(help="Which version.")] = "v1",
    folder: FleetFolder = Path("tenants"),
    as_json: AsJson = False,
) -> None:
    """Wraps a data set's keys under the newest material of the tenant's KMS key; no shard changes by a byte."""
    fleet = open_fleet(folder)
    (tenant,) = selected(fleet, tenant_id)
    training.data_set(tenant, data_set)
    result = data_owner.rotate(running(workspace()), fleet, tenant, data_set, version)
    if as_json:
        typer.echo(json.dumps(result.model_dump(mode="json")))
    else:
        typer.echo(f"{data_set} {version}: {result.data_set_keys} data-set keys wrapped anew, data unchanged")


def classes(fleet: Fleet, data_set: DataSet, sensitive: list[str]) -> dict[str, str]:
    """The class of each column named on the command line.

    Raises `CommandError` for what is no class of the platform, and for one that may not be kept as long as the rest.
    """
    known = fleet.platform.sensitivity_classes
    found: dict[str, str] = {}
    for text in sensitive:
        column, _, sensitivity = text.rpartition("=")
        if not column or sensitivity not in known:
            msg = f"--sensitive {text}: expected COLUMN=CLASS with a class of platform.yaml: {', '.join(sorted(known))}"
            raise CommandError(msg)
        longest = known[sensitivity].max_retention_days
        if data_set.retention_days > longest:
            msg = (
                f"--sensitive {text}: class {sensitivity} is kept for at most {longest} days, data set {data_set.id} "
                f"for {data_set.retention_days}; shorten its retention or seal the column in a data set of its own"
            )
            raise CommandError(msg)
        found[column] = sensitivity
    return found
