"""`bulkhead image demo`: the measured image at work for two tenants, then everything that must be refused."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from operations import deploy as deployment
from operations import training
from operations.cmd_demo import JOBS, seal_all, start
from operations.errors import CommandError, Exit
from operations.fleets import FleetFolder, open_fleet
from operations.local import LocalCloud, running, session_from
from operations.steps import Step, Steps
from operations.virtual import node as nodes
from operations.virtual.builds import Build, write_fleet
from operations.virtual.refusals import ATTEMPTS, Range, Refusal, retired_build
from operations.workspace import Workspace as Folders
from operations.workspace import workspace

if TYPE_CHECKING:
    from attestation.reference import ReferenceValues
    from images.build import Artefact
    from images.workspace import Workspace
    from operations.virtual.node import Run
    from tenancy.fleet import Fleet

ATTACKER, VICTIM = "acme", "globex"
WITHDRAWN = "withdrawn by `bulkhead image demo`, to see that its machines are cut off"


def demo(
    folder: FleetFolder = Path("tenants"),
    attempts: Annotated[bool, typer.Option("--attempts/--no-attempts", help="also make what must be refused")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Boots the measured image once per tenant: attested, given keys, trained, off. Then what must be refused."""
    from images.errors import ImageError  # noqa: PLC0415

    try:
        trained, refusals = _run(folder, attempts=attempts)
    except ImageError as error:
        raise CommandError(str(error)) from error
    if as_json:
        typer.echo(json.dumps({"trained": trained, "refusals": [asdict(refusal) for refusal in refusals]}, indent=1))
    let_through = [refusal.id for refusal in refusals if not refusal.refused]
    if let_through:
        msg = f"not refused, or not for the reason expected: {', '.join(let_through)}. See the table above"
        raise CommandError(msg, Exit.FINDINGS)


def _run(folder: Path, *, attempts: bool) -> tuple[list[dict[str, Any]], list[Refusal]]:
    from images import firmware  # noqa: PLC0415
    from images.workspace import Workspace  # noqa: PLC0415

    ws, images, console = workspace(), Workspace(), Console(stderr=True)
    jobs = [job for path in JOBS if (job := training.read_job(path))["tenant"] in _on_aws(folder)]
    steps = Steps(4 + len(jobs) + (len(ATTEMPTS) + 2 if attempts else 0), console)
    with steps.step("Build and measure the image") as step:
        artefact, values, build = _image(images, step)
    with steps.step("Start the local cloud") as step:
        cloud = start(ws)
        step.done(f"{cloud.endpoint}, a test double of AWS")
    with steps.step("Bind the tenants' keys to the image, deploy") as step:
        fleet = _deploy(ws, folder, build, step)
    with steps.step("Seal the data sets") as step:
        step.done(seal_all(running(ws), fleet, step))
    cloud = running(ws)
    keys = firmware.enrolled(images)
    stamp = time.strftime("%m%d-%H%M%S", time.gmtime())
    trained: list[dict[str, Any]] = []
    places: dict[str, Range] = {}
    for document in jobs:
        tenant = fleet.tenant(document["tenant"])
        job = {**document, "run": f"{document['run']}-vm-{stamp}"}
        with steps.step(f"Boot {tenant.id}'s node: attest, train, power off") as step:
            directory = images.root / "nodes" / tenant.id
            recorded = _fresh(directory / "recorded")
            node = nodes.make(cloud, fleet, tenant, directory)
            found = nodes.run(node, artefact.path("disk"), keys, job, record=recorded, told=_show(step))
            trained.append(_trained(tenant.id, found))
            step.done(_summary(trained[-1]))
        foreign = _foreign_key(cloud, fleet, VICTIM)
        places[tenant.id] = Range(images, artefact, keys, values, node, job, foreign, recorded, _show(step))
    refusals: list[Refusal] = []
    if attempts:
        refusals = _attempts(ws, folder, build, places[ATTACKER], steps)
        console.print()
        console.print(table(refusals))
    console.print()
    console.print(times(trained))
    (ws.out / "nodes.json").write_text(
        json.dumps({"trained": trained, "refusals": [asdict(refusal) for refusal in refusals]}, indent=1) + "\n",
        encoding="utf-8",
    )
    return trained, refusals


def _on_aws(folder: Path) -> set[str]:
    """The tenants whose nodes can be virtual machines here: the image's key release is AWS's on the local cloud."""
    return {tenant.id for tenant in open_fleet(folder).tenants if tenant.cloud == "aws"}


def _image(images: Workspace, step: Step) -> tuple[Artefact, ReferenceValues, Build]:
    """The image of this checkout, built when it is not there or not of these sources, and its reference values."""
    from images import build as builder  # noqa: PLC0415
    from images import reference  # noqa: PLC0415

    artefact = builder.current(images, "cpu")
    if artefact is None:
        artefact = builder.build(images, "cpu", say=step.doing, accept_newer=True)
    values, path = reference.publish(images, artefact)
    newer = len(values.provenance.differs_from_lock)
    note = f", {newer} packages not as pinned" if newer else ""
    step.done(f"{values.image} version {values.version}, root hash {artefact.root_hash[:16]}…{note}")
    return artefact, values, Build(path, reference.public_key_file(images))


def _deploy(ws: Folders, folder: Path, build: Build, step: Step) -> Fleet:
    """Deploys with this build as the one that keys are released to."""
    fleet = open_fleet(write_fleet(folder, ws.hidden / "nodes" / "tenants", (build,)))
    place = deployment.site(ws, "local")
    stacks = deployment.synthesise(place, fleet, fleet.tenants)
    changes = deployment.deploy(place, fleet, stacks, lambda name, what: step.doing(f"{name}: {what}"))
    changed = sum(change.add + change.change for change in changes.values())
    step.done(f"{changed} resources made or changed" if changed else "no changes")
    return fleet


def _attempts(ws: Folders, folder: Path, build: Build, place: Range, steps: Steps) -> list[Refusal]:
    """Makes every attempt on the attacker's node; ends with the build accepted again."""
    refusals = []
    for attempt in ATTEMPTS:
        name = attempt.__name__.replace("_", "-")
        with steps.step(f"Refuse: {name}") as step:
            refusals.append(attempt(replace(place, told=_show(step))))
            step.done(_outcome(refusals[-1]))
    with steps.step("Withdraw the build, refuse: retired-build") as step:
        _deploy(ws, folder, replace(build, stage="retired", reason=WITHDRAWN), step)
        refusals.append(retired_build(replace(place, told=_show(step))))
        step.done(_outcome(refusals[-1]))
    with steps.step("Accept the build again") as step:
        _deploy(ws, folder, build, step)
    return refusals


def _foreign_key(cloud: LocalCloud, fleet: Fleet, tenant_id: str) -> str:
    """The ARN of another tenant's data key. It is no secret."""
    client = session_from(cloud.administrator(tenant_id)).client("kms", endpoint_url=cloud.endpoint)
    alias = fleet.names(fleet.tenant(tenant_id)).key_alias("data")
    return str(client.describe_key(KeyId=alias)["KeyMetadata"]["Arn"])


def _trained(tenant: str, found: Run) -> dict[str, Any]:
    """What a node's run came to. Raises `CommandError` where it did not train."""
    result = found.result
    if result is None:
        msg = f"{tenant}: the node did not train: {found.why()}"
        raise CommandError(msg, Exit.FINDINGS)
    worker = found.event("worker") or {}
    return {
        "tenant": tenant,
        "run": result["run"],
        "metrics": result["metrics"],
        "steps": result["step"],
        "checkpoint": result["checkpoint"],
        "model": result["model"],
        "sandbox": worker.get("sandbox"),
        "started_again": list(found.started_again),
        "seconds": {
            "agent started": found.boot.times.get("started"),
            "evidence": found.boot.times.get("evidence"),
            "data open": found.boot.times.get("data-open"),
            "worker confined": found.boot.times.get("worker"),
            "first training step": found.first_step,
            "first checkpoint": found.boot.times.get("checkpoint"),
            "job done": found.boot.times.get("result"),
            "power off": found.boot.seconds,
        },
    }


def _summary(trained: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{name} {value:.4g}" for name, value in trained["metrics"].items())
    return f"first step {trained['seconds']['first training step']} s after power-on; step {trained['steps']}: {shown}"


def _outcome(refusal: Refusal) -> str:
    return f"refused by {refusal.by}" if refusal.refused else f"NOT REFUSED AS EXPECTED: {refusal.words[0]}"


def _show(step: Step) -> nodes.Told:
    def show(message: Mapping[str, Any], at: float) -> None:
        words = [f"{name}={value}" for name, value in message.items() if isinstance(value, int | float | str)]
        step.doing(f"{at:.0f} s after power-on: {' '.join(words)}"[:140])

    return show


def _fresh(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for file in directory.iterdir():
        file.unlink()
    return directory


def table(refusals: list[Refusal]) -> Table:
    """The attempts for people."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("", "attempt", "stopped by", "in words"):
        shown.add_column(heading, overflow="fold")
    for refusal in refusals:
        mark = "[green]✓[/green]" if refusal.refused else "[red]✗[/red]"
        short = (re.sub(r"\b([0-9a-f]{12})[0-9a-f]{28,}\b", r"\1…", word) for word in refusal.words)
        words = "\n".join(word if len(word) <= 320 else f"{word[:320]}…" for word in short)
        shown.add_row(mark, refusal.tried, refusal.by if refusal.refused else "[red]nobody[/red]", words)
    return shown


def times(trained: list[dict[str, Any]]) -> Table:
    """Seconds after power-on, by tenant."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    shown.add_column("seconds after power-on")
    for entry in trained:
        shown.add_column(entry["tenant"], justify="right")
    for name in trained[0]["seconds"] if trained else ():
        shown.add_row(name, *(str(entry["seconds"][name]) for entry in trained))
    return shown
