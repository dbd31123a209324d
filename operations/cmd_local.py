"""`bulkhead local`: the local cloud, a test double that authorises for real."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from localcloud import control
from localcloud.accounts import MANAGEMENT_EMAIL
from localcloud.errors import LocalCloudError
from localcloud.gcp import control as google_control
from localcloud.gcp.places import GcpPlaces
from localcloud.places import Places
from operations import gcp_local_group
from operations.errors import CommandError, Exit
from operations.fleets import AsJson, FleetFolder, open_fleet

group = typer.Typer(
    help="A cloud on this machine: a test double that authenticates and authorises every request.", no_args_is_help=True
)
Directory = Annotated[
    Path, typer.Option("--directory", envvar="BULKHEAD_LOCAL", help="Where the local cloud keeps its state.")
]
_DIRECTORY = Path(".bulkhead/local")
_DOUBLE = "This is a test double, not AWS: what it allows or refuses is its own reading of AWS's documentation."


def register(app: typer.Typer) -> None:
    """Adds the group to the command."""
    group.add_typer(gcp_local_group.group, name="gcp")
    app.add_typer(group, name="local")


@group.command()
def up(directory: Directory = _DIRECTORY, folder: FleetFolder = Path("tenants"), as_json: AsJson = False) -> None:
    """Starts the local cloud unless it runs, and waits until it answers."""
    email, region = MANAGEMENT_EMAIL, "us-east-1"
    if folder.is_dir():
        platform = open_fleet(folder).platform
        email, region = platform.organisation.email("management"), platform.home_region
    try:
        found = control.up(Places(directory), email, region)
    except LocalCloudError as error:
        raise CommandError(str(error), Exit.INDETERMINATE) from error
    _show(found, as_json=as_json)


@group.command()
def down(directory: Directory = _DIRECTORY, as_json: AsJson = False) -> None:
    """Stops the local cloud, its Google Cloud half too; its state stays and the next `up` continues with it."""
    try:
        google = google_control.down(GcpPlaces(directory))
        stopped = control.down(Places(directory)) or google
    except LocalCloudError as error:
        raise CommandError(str(error), Exit.INDETERMINATE) from error
    if as_json:
        typer.echo(json.dumps({"running": False, "stopped": stopped}))
    else:
        typer.echo("stopped; the state is kept" if stopped else "it was not running")


@group.command()
def status(directory: Directory = _DIRECTORY, as_json: AsJson = False) -> None:
    """Endpoints, accounts and their administrators' keys; exit 1 if it does not run."""
    found = _status(directory)
    _show(found, as_json=as_json)
    if not found["running"]:
        raise typer.Exit(Exit.FINDINGS)


@group.command()
def env(
    account: Annotated[str, typer.Option(help="management, audit or a tenant's id.")] = "management",
    directory: Directory = _DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Export lines that point a shell's AWS clients at one account: eval "$(bulkhead local env --account acme)"."""
    try:
        variables = control.environment(_status(directory), account)
    except LocalCloudError as error:
        raise CommandError(str(error)) from error
    if as_json:
        typer.echo(json.dumps(variables))
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _status(directory: Path) -> dict[str, Any]:
    try:
        return control.status(Places(directory))
    except LocalCloudError as error:
        raise CommandError(str(error), Exit.INDETERMINATE) from error


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    if not found["running"]:
        typer.echo("The local cloud does not run. Start it with: bulkhead local up")
        return
    typer.echo(f"{_DOUBLE}\n")
    typer.echo(f"endpoint            {found['endpoint']}   (counts as TLS)")
    typer.echo(f"insecure endpoint   {found['insecure_endpoint']}   (counts as plain HTTP)")
    typer.echo(f"region              {found['region']}")
    for name, network in found["networks"].items():
        typer.echo(f"network {name:<11} {network['endpoint']}   (counts as {network['vpc']})")
    for name, account in found["accounts"].items():
        typer.echo(f"account {name:<11} {account['id']}   administrator {account['access_key_id']}")
