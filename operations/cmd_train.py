"""`bulkhead train`: runs a job of a tenant on a node of the local cloud."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from operations import data_owner, training
from operations.errors import CommandError
from operations.fleets import AsJson, FleetFolder, open_fleet, selected
from operations.local import running
from operations.steps import Step, Steps
from operations.workspace import workspace


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("train")(train)
    app.command("rekey")(rekey)
    app.command("bundle")(bundle)
    app.command("model")(model)


def train(
    job: Annotated[Path, typer.Argument(help="The job: a YAML or JSON document (see docs/first-run.md).")],
    folder: FleetFolder = Path("tenants"),
    nodes: Annotated[
        int | None, typer.Option("--nodes", min=1, max=64, help="How many nodes, instead of what the job says.")
    ] = None,
    restarts: Annotated[
        int, typer.Option("--restarts", min=0, max=100, help="How often to start the nodes again when one is lost.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the job, start nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Obtains the data keys, trains in a sandbox, saves encrypted checkpoints and exports the model."""
    fleet = open_fleet(folder)
    document = training.read_job(job, nodes)
    (tenant,) = selected(fleet, document["tenant"])
    if dry_run:
        typer.echo(json.dumps(document, indent=2))
        return
    steps = int(document["training"]["steps"])
    with Steps(1).step(f"Train {tenant.id}'s {document['run']}") as step:
        result = training.train(
            running(workspace()),
            fleet,
            tenant,
            document,
            lambda name, values: show(step, name, values, steps),
            restarts=restarts,
        )
        step.done(metrics(result))
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo(f"checkpoint {result['checkpoint']}\nmodel      {result['model']}")


def rekey(
    job: Annotated[Path, typer.Argument(help="The job whose run gets a new key: its YAML or JSON document.")],
    folder: FleetFolder = Path("tenants"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the job, change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Gives a run a new key and wraps its newest checkpoint's keys under it, on a node; no file changes."""
    fleet = open_fleet(folder)
    document = training.read_job(job) | {"action": "rekey"}
    (tenant,) = selected(fleet, document["tenant"])
    if dry_run:
        typer.echo(json.dumps(document, indent=2))
        return
    result = training.train(running(workspace()), fleet, tenant, document, lambda _name, _values: None)
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo(f"run {result['run']}: a new key; {result['rekeyed']} file keys wrapped under it")


def bundle(
    tenant_id: Annotated[str, typer.Argument(metavar="TENANT")],
    code: Annotated[Path, typer.Argument(metavar="FOLDER", help="With recipe.py, and settings.json if there is one.")],
    folder: FleetFolder = Path("tenants"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Pack and measure, upload nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Packs a recipe of your own, uploads it, and prints what the job has to say about it (docs/training.md)."""
    from trainer.errors import TrainerError  # noqa: PLC0415 - imports torch
    from trainer.recipes.bundle import pack  # noqa: PLC0415

    fleet = open_fleet(folder)
    (tenant,) = selected(fleet, tenant_id)
    try:
        packed = pack(code)
    except (OSError, TrainerError) as error:
        raise CommandError(str(error)) from error
    digest = hashlib.sha256(packed).hexdigest()
    where = None if dry_run else data_owner.upload_bundle(running(workspace()), fleet, tenant, packed)
    recipe = {"name": "bundle", "bundle": where, "bundle_digest": digest}
    if as_json:
        typer.echo(json.dumps({"recipe": recipe, "bytes": len(packed)}))
    else:
        typer.echo("recipe:\n" + "".join(f"  {key}: {value}\n" for key, value in recipe.items() if value), nl=False)


def model(
    tenant_id: Annotated[str, typer.Argument(metavar="TENANT")],
    run: Annotated[str, typer.Argument(help="The job's run.")],
    name: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name in the job.")],
    out: Annotated[Path, typer.Option(help="Where to write the weights, in clear, as safetensors.")],
    folder: FleetFolder = Path("tenants"),
    as_json: AsJson = False,
) -> None:
    """Takes an exported model as the tenant's data owner: verified, decrypted, written as safetensors."""
    fleet = open_fleet(folder)
    (tenant,) = selected(fleet, tenant_id)
    manifest, weights = data_owner.take_model(running(workspace()), fleet, tenant, run, name)
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(weights)
    except OSError as error:
        msg = f"{out}: {error.strerror}; an existing file is not replaced"
        raise CommandError(msg) from error
    if as_json:
        typer.echo(json.dumps(manifest))
    else:
        shown = ", ".join(f"{key} {_short(value)}" for key, value in manifest["metrics"].items())
        typer.echo(f"{out}: {len(weights):,} bytes, step {manifest['step']}, {shown}")


def show(step: Step, name: str, values: dict[str, Any], steps: int = 0) -> None:
    """Shows an event of the agent on the step's live line; progress as a bar when the number of steps is known."""
    numbers = {key: value for key, value in values.items() if not isinstance(value, dict)}
    shown = name
    if name == "progress" and steps:
        shown = bar(int(numbers.pop("step", 0)), steps)
    step.doing(f"{shown} {' '.join(f'{key}={_short(value)}' for key, value in numbers.items())}"[:120])


def bar(done: int, steps: int, width: int = 20) -> str:
    """`█████░░░░░ 50/100`."""
    filled = min(width, width * done // steps)
    return f"{'█' * filled}{'░' * (width - filled)} {done}/{steps}"


def metrics(result: dict[str, Any]) -> str:
    """The last evaluation, in a few words."""
    resumed = f", resumed from step {result['resumed_from']}" if result.get("resumed_from") else ""
    shown = ", ".join(f"{key} {_short(value)}" for key, value in result["metrics"].items())
    return f"step {result['step']}{resumed}: {shown}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
