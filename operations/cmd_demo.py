"""`bulkhead demo`: three tenants on two local clouds, from tenant files to a report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from operations import checkov, gcp_local, google, plan_rules, proving, training
from operations import deploy as deployment
from operations.attacks import google as google_attacks
from operations.attacks import run as attacks
from operations.attacks.attempts import ATTEMPTS
from operations.attacks.model import WHO, Outcome
from operations.attacks.stage import set_up
from operations.cmd_train import metrics, show
from operations.errors import CommandError, Exit
from operations.fleets import FleetFolder, open_fleet
from operations.local import LocalCloud, running
from operations.steps import Step, Steps
from operations.workspace import Workspace, workspace

if TYPE_CHECKING:
    from tenancy.fleet import Fleet

SOURCES = {("acme", "biopsies"): "breast-cancer", ("globex", "digits"): "digits", ("initech", "claims"): "wine"}
"""Tenant and data set to the set of scikit-learn that stands in for the tenant's own files."""

JOBS = (Path("jobs/acme-biopsies.yaml"), Path("jobs/globex-digits.yaml"), Path("jobs/initech-claims.yaml"))
ATTACKER, VICTIM = "acme", "globex"
GOOGLE = "google"
"""Folder of tenant files, below the others, whose stacks no Terraform can apply here."""


WHY = "its provider for Google Cloud comes from a registry only"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo")(demo)


def demo(
    folder: FleetFolder = Path("tenants"),
    with_google: Annotated[
        bool, typer.Option("--google/--no-google", help="Also the tenants in the folder's `google`, on Google Cloud.")
    ] = True,
) -> None:
    """Provisions, seals, trains, attacks and scans on the local cloud. Can be run again: it then changes nothing."""
    ws = workspace()
    console = Console(stderr=True)
    files = gathered(ws, folder) if with_google else folder
    google_too = files != folder
    steps = Steps(11 if google_too else 9, console)
    with steps.step("Start the local cloud") as step:
        cloud = start(ws)
        step.done(f"{cloud.endpoint}, a test double of AWS")
    with steps.step("Validate the tenants, synthesise the stacks") as step:
        fleet = open_fleet(files)
        place = deployment.site(ws, "local")
        stacks = deployment.synthesise(place, fleet, fleet.tenants)
        step.done(f"{len(fleet.tenants)} tenants, {len(stacks)} stacks")
    with steps.step("Check the configuration: checkov, the rules") as step:
        found = checkov.run(ws.synth / "stacks", checkov.read_exemptions())
        checkov.gate(found)
        on_aws, on_google = google.apart(stacks)
        rules = plan_rules.require_rules(fleet, stacks, local=True)
        step.done(f"{found.passed} checks passed, {len(found.excused)} excused with a reason; rules: {rules}")
    with steps.step("Prove that no tenant can reach another") as step:
        step.done(proving.require_proof(fleet, stacks, local=True))
    with steps.step("Deploy with Terraform") as step:
        changes = deployment.deploy(place, fleet, on_aws, lambda name, what: step.doing(f"{name}: {what}"))
        added = sum(change.add for change in changes.values())
        step.done(f"{added} resources made" if any(change.any for change in changes.values()) else "no changes")
    if google_too:
        with steps.step("Load Google Cloud's stacks into the local cloud") as step:
            loaded = gcp_local.load(ws, fleet, {stack.name: stack.directory / "cdk.tf.json" for stack in on_google})
            step.done(
                f"{loaded.status['resources']} resources of {len(on_google)} stacks, not applied by Terraform: {WHY}"
            )
    with steps.step("Seal the data sets") as step:
        step.done(seal_all(running(ws), fleet, step))
    with steps.step("Train") as step:
        step.done(_train(running(ws), fleet, step))
    with steps.step(f"Attack {VICTIM} as {ATTACKER}") as step:
        outcomes = _attack(ws, running(ws), fleet, step)
        _keep(ws, outcomes)
        refused = sum(outcome.result == "refused" for outcome in outcomes)
        step.done(f"{refused} of {len(outcomes)} attempts refused")
    if google_too:
        with steps.step("Attack the tenant on Google Cloud, from both clouds") as step:
            more = _attack_google(ws, running(ws), fleet, step)
            good = sum(outcome.result == "refused" for outcome in more)
            step.done(f"{good} of {len(more)} attempts refused")
        outcomes = [*outcomes, *more]
        _keep(ws, outcomes)
    with steps.step("Scan what is deployed, prove it, report") as step:
        step.done(_scan(ws, files))
    _finish(ws, console, outcomes)


def _finish(ws: Workspace, console: Console, outcomes: list[Outcome]) -> None:
    """Shows the attempts and where the report is. Raises `CommandError` if one of them was not refused."""
    console.print()
    console.print(attacks.table(outcomes))
    console.print("[dim]" + "\n".join(f"{who}: {words}" for who, words in WHO.items()) + "[/dim]")
    console.print()
    if any(outcome.result != "refused" for outcome in outcomes):
        msg = "an attempt was not refused: see the table above and the decisions.jsonl below .bulkhead/local"
        raise CommandError(msg, Exit.FINDINGS)
    console.print("The cloud stays up until `bulkhead local down`. The report:")
    typer.echo(ws.out / "report" / "index.html")


def start(ws: Workspace) -> LocalCloud:
    """The local cloud, started if it does not run."""
    _bulkhead("local", "up")
    return running(ws)


def _bulkhead(*arguments: str, accept: tuple[int, ...] = (0,)) -> str:
    """Runs another command of ours as its user would; its standard output."""
    command = [sys.executable, "-m", "operations", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in accept:
        msg = done.stderr.strip().removeprefix("bulkhead: ") or f"bulkhead {' '.join(arguments)}: {done.returncode}"
        raise CommandError(msg, Exit.FINDINGS)
    return done.stdout


def seal_all(cloud: LocalCloud, fleet: Fleet, step: Step) -> str:
    """Seals every tenant's data set, unless it is sealed already; what came of it, in words."""
    said = []
    here = {tenant.id for tenant in fleet.tenants}
    for (tenant_id, data_set), name in SOURCES.items():
        if tenant_id not in here:
            continue
        tenant = fleet.tenant(tenant_id)
        document = training.seal_document(fleet, tenant, data_set, "v1", {"kind": "bundled", "name": name})
        spec = training.seal_spec(document)
        step.doing(f"{tenant_id}: {data_set}")
        if training.is_sealed(cloud, fleet, tenant, spec):
            said.append(f"{tenant_id} {data_set} v1 is sealed already")
            continue
        result = training.seal(cloud, fleet, tenant, spec, None)
        said.append(f"{tenant_id} {result.rows:,} rows in {result.shards} shards")
    return "; ".join(said)


def _train(cloud: LocalCloud, fleet: Fleet, step: Step) -> str:
    said = []
    for path in JOBS:
        job = training.read_job(path)
        if job["tenant"] not in {tenant.id for tenant in fleet.tenants}:
            continue
        tenant = fleet.tenant(job["tenant"])
        result = training.train(cloud, fleet, tenant, job, lambda name, values: show(step, name, values))
        said.append(f"{tenant.id} {metrics(result)}")
    return "; ".join(said)


def _attack(ws: Workspace, cloud: LocalCloud, fleet: Fleet, step: Step) -> list[Outcome]:
    decisions = ws.hidden / "local" / "decisions.jsonl"
    with set_up(cloud, fleet, fleet.tenant(ATTACKER), fleet.tenant(VICTIM)) as stage:
        return attacks.run(stage, ATTEMPTS, decisions, cloud.ledger, lambda attempt: step.doing(attempt.title))


def _attack_google(ws: Workspace, cloud: LocalCloud, fleet: Fleet, step: Step) -> list[Outcome]:
    victim = next(tenant for tenant in fleet.tenants if tenant.cloud == "gcp")
    stage = google_attacks.GoogleStage(gcp_local.running(ws), cloud, fleet, victim, ATTACKER)
    return google_attacks.run(stage, gcp_local.places(ws).decisions, step.doing)


def _keep(ws: Workspace, outcomes: list[Outcome]) -> None:
    (ws.out / "attacks.json").write_text(json.dumps(attacks.as_json(outcomes), indent=1), encoding="utf-8")


def gathered(ws: Workspace, folder: Path) -> Path:
    """The tenant files of `folder` and, where there are any, those of its folder `google`, in one folder."""
    more = sorted((folder / GOOGLE).glob("*.yaml"))
    if not more:
        return folder
    together = ws.hidden / "demo-tenants"
    shutil.rmtree(together, ignore_errors=True)
    together.mkdir(parents=True)
    for path in [*sorted(folder.glob("*.yaml")), *more]:
        shutil.copy(path, together)
    return together


def _scan(ws: Workspace, files: Path) -> str:
    """Collects and judges the deployed state, proves it on the same facts, and writes the report over both.

    Findings and what could not be read are for the report to show; they end no demonstration.
    """
    report = ws.out / "report"
    _bulkhead("scan", "--fleet", str(files), "--json", accept=(0, 1, 3))
    bundle = str(max(report.glob("bundle-*"), key=lambda path: path.name))
    proof = ws.out / "proof"
    counts = json.loads(_bulkhead("prove", "--facts", bundle, "--out", str(proof), "--json", accept=(0, 1, 3)))[
        "summary"
    ]
    proofs = ["--proofs", str(proof / "proof.json")]
    judged: dict[str, Any] = json.loads(
        _bulkhead("scan", "--from", bundle, "--out", str(report), *proofs, "--json", accept=(0, 1, 3))
    )
    summary = judged["summary"]
    proved = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    rules = ", ".join(f"{summary.get(key, 0)} {key}" for key in ("pass", "fail", "waived", "indeterminate"))
    return f"paths between tenants: {proved}; rules: {rules}"
