"""`bulkhead local gcp`: the Google Cloud half of the local cloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from localcloud.errors import LocalCloudError
from localcloud.gcp import control
from localcloud.gcp.places import GcpPlaces
from operations import gcp_local
from operations.errors import CommandError, Exit
from operations.fleets import AsJson, FleetFolder, open_fleet
from operations.workspace import workspace

if TYPE_CHECKING:
    from tenancy.fleet import Fleet

group = typer.Typer(
    help="Google Cloud on this machine: the synthesised stacks, loaded as if applied.", no_args_is_help=True
)


@group.command()
def load(folder: FleetFolder = Path("tenants"), as_json: AsJson = False) -> None:
    """Synthesises the stacks of every tenant on Google Cloud and takes them for what is deployed."""
    fleet = open_fleet(folder)
    found = gcp_local.load(workspace(), fleet, synthesised(fleet))
    _show(found.status, as_json=as_json)


def synthesised(fleet: Fleet) -> dict[str, Path]:
    """The stacks on Google Cloud, written anew: `cdk.tf.json` by name. Raises `CommandError` where there are none."""
    from stacks.app import synthesise  # noqa: PLC0415 - imports the provider's bindings
    from stacks.errors import StackError  # noqa: PLC0415

    chosen = [tenant.id for tenant in fleet.tenants if tenant.cloud == "gcp"]
    if not chosen:
        raise CommandError("no tenant file says `cloud: gcp`, so there is nothing to load")
    out = workspace().hidden / "synth-gcp"
    try:
        infos = synthesise(fleet, "local", chosen, out, "http://127.0.0.1:1")
    except StackError as error:
        raise CommandError(str(error)) from error
    return {info.name: out / "stacks" / info.name / "cdk.tf.json" for info in infos if info.cloud == "gcp"}


@group.command()
def up() -> None:
    """Starts it on what was loaded before."""
    _places()
    try:
        _show(control.up(_places()), as_json=False)
    except LocalCloudError as error:
        raise CommandError(str(error), Exit.INDETERMINATE) from error


@group.command()
def down() -> None:
    """Stops it; keys, objects and what was loaded stay."""
    try:
        typer.echo("stopped; the state is kept" if control.down(_places()) else "it was not running")
    except LocalCloudError as error:
        raise CommandError(str(error), Exit.INDETERMINATE) from error


@group.command()
def status(as_json: AsJson = False) -> None:
    """Endpoints and networks, and what the deployed state is; exit 1 if it does not run."""
    try:
        found = control.status(_places())
    except LocalCloudError as error:
        raise CommandError(str(error), Exit.INDETERMINATE) from error
    _show(found, as_json=as_json)
    if not found["running"]:
        raise typer.Exit(Exit.FINDINGS)


@group.command()
def token(
    account: Annotated[str | None, typer.Option(help="A service account's address.")] = None,
    user: Annotated[str | None, typer.Option(help="A person's address.")] = None,
    member_of: Annotated[list[str] | None, typer.Option("--member-of", help="A group of the person's.")] = None,
) -> None:
    """Prints an access token: of a service account as its machine gets it, or of a person who signed in."""
    cloud = gcp_local.running(workspace())
    if (account is None) == (user is None):
        raise CommandError("name either --account or --user")
    typer.echo(cloud.account(account) if account else cloud.user(str(user), member_of or []))


def _places() -> GcpPlaces:
    return gcp_local.places(workspace())


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    if not found["running"]:
        typer.echo("The local Google Cloud does not run. Load the stacks with: bulkhead local gcp load")
        return
    typer.echo(f"This is a test double, not Google Cloud. Its state: {found['state']}.\n")
    typer.echo(f"endpoint            {found['endpoint']}   (the internet)")
    typer.echo(f"Cloud KMS           {found['kms']}   (gRPC; trust {found['authority']})")
    typer.echo(f"resources           {found['resources']}")
    for name, network in found["networks"].items():
        typer.echo(f"network {name:<11} {network['endpoint']}, {network['kms']}   (counts as {network['project']})")
