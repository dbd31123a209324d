"""`bulkhead data seal`: a tenant's data set, encrypted under the tenant's own keys, into the tenant's bucket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

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
    name: Annotated[str | None, typer.Option(help="Which bundled set: breast-cancer, wine or digits.")] = None,
    layout: Annotated[
        str, typer.Option("--format", help="shards, or parquet: encrypted, one key per column.")
    ] = "shards",
    sensitive: Annotated[
        list[str] | None, typer.Option(help="COLUMN=CLASS: a column under the key of a class of its own; repeatable.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="tokens: uint16 or uint32.")] = "uint16",
    image_size: Annotated[
        str | None,
        typer.Option(metavar="HEIGHTxWIDTH", help="images: decode to arrays of this size, each with a label."),
    ] = None,
    grey: Annotated[bool, typer.Option("--grey", help="images: one channel instead of three.")] = False,
    label: Annotated[str, typer.Option(help="images: where the label is: auto, folder, cls or json.")] = "auto",
    version: Annotated[str, typer.Option(help="A version is sealed once and never replaced.")] = "v1",
    folder: FleetFolder = Path("tenants"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, seal nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Encrypts a data set shard by shard and publishes its signed manifest last."""
    fleet = open_fleet(folder)
    (tenant,) = selected(fleet, tenant_id)
    decode = decoding(image_size, label, grey=grey)
    source = {"kind": kind, "paths": path or [], "name": name, "dtype": dtype, "decode": decode}
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
        notes = (f"signed by {result.signer}", *result.transformations)
        typer.echo("\n  ".join([result.manifest, *notes]))


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


def decoding(image_size: str | None, label: str, *, grey: bool) -> dict[str, Any] | None:
    """`source.decode` of the seal document; None where pictures stay as they are.

    Raises `CommandError` for a size that is not one, and for options that have no effect without it.
    """
    if image_size is None:
        if grey or label != "auto":
            msg = "--grey and --label go with --image-size: without it pictures are sealed as they are"
            raise CommandError(msg)
        return None
    sides = image_size.split("x")
    if len(sides) not in {1, 2} or not all(side.isascii() and side.isdigit() for side in sides):
        msg = f"--image-size {image_size}: expected HEIGHTxWIDTH or one number for both, in pixels, such as 64x64"
        raise CommandError(msg)
    return {"size": [int(sides[0]), int(sides[-1])], "channels": 1 if grey else 3, "label": label}


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
