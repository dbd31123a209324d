"""`bulkhead train`: runs a job of a tenant on a node of the local cloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from operations import training
from operations.fleets import AsJson, FleetFolder, open_fleet, selected
from operations.local import running
from operations.steps import Step, Steps
from operations.workspace import workspace


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("train")(train)


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
    with Steps(1).step(f"Train {tenant.id}'s {document['run']}") as step:
        result = training.train(
            running(workspace()),
            fleet,
            tenant,
            document,
            lambda name, values: show(step, name, values),
            restarts=restarts,
        )
        step.done(metrics(result))
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo(f"checkpoint {result['checkpoint']}\nmodel      {result['model']}")


def show(step: Step, name: str, values: dict[str, Any]) -> None:
    """Shows an event of the agent on the step's live line."""
    shown = " ".join(f"{key}={_short(value)}" for key, value in values.items() if not isinstance(value, dict))
    step.doing(f"{name} {shown}"[:120])


def metrics(result: dict[str, Any]) -> str:
    """The last evaluation, in a few words."""
    resumed = f", resumed from step {result['resumed_from']}" if result.get("resumed_from") else ""
    shown = ", ".join(f"{key} {_short(value)}" for key, value in result["metrics"].items())
    return f"step {result['step']}{resumed}: {shown}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
