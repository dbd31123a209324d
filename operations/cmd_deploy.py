"""`bulkhead plan`, `deploy` and `destroy`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from operations import checkov, google, plan_rules, proving
from operations import deploy as deployment
from operations.errors import CommandError, Exit
from operations.fleets import AsJson, FleetFolder, TenantIds, open_fleet, selected
from operations.steps import Steps
from operations.workspace import workspace

if TYPE_CHECKING:
    from operations.terraform import Changes
    from stacks.plan import StackInfo
    from tenancy.fleet import Fleet

Profile = Annotated[
    str,
    typer.Option(
        "--profile", envvar="BULKHEAD_PROFILE", help="`local` (the local cloud) or `cloud` (AWS, Google Cloud)."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking again.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("plan")(plan)
    app.command("deploy")(deploy)
    app.command("destroy")(destroy)


def _prepared(
    folder: Path, profile: str, tenants: str | None, steps: Steps, *, more_on_google: int = 0
) -> tuple[deployment.Site, Fleet, list[StackInfo]]:
    if profile not in {"local", "cloud"}:
        msg = f"--profile {profile}: there are `local` and `cloud`"
        raise CommandError(msg)
    fleet = open_fleet(folder)
    wanted = selected(fleet, tenants)
    if any(tenant.cloud == "gcp" for tenant in wanted):
        steps.total += more_on_google
    ws = workspace()
    # Every command here ends with Terraform: without set-up nothing is worth synthesising, checking or proving.
    ws.terraform()
    place = deployment.site(ws, "local" if profile == "local" else "cloud")
    with steps.step("Synthesise the stacks") as step:
        stacks = deployment.synthesise(place, fleet, wanted)
        step.done(f"{len(stacks)} stacks")
    return place, fleet, stacks


def _checked(
    place: deployment.Site, fleet: Fleet, stacks: list[StackInfo], steps: Steps
) -> tuple[list[StackInfo], list[StackInfo]]:
    """Passes the stacks through every check; those that Terraform applies, and those that the profile only writes."""
    on_aws, on_google = google.apart(stacks)
    local = place.profile == "local"
    with steps.step("Check the configuration with checkov") as step:
        found = checkov.run(place.ws.synth / "stacks", checkov.read_exemptions())
        checkov.gate(found)
        step.done(f"{found.passed} checks passed, {len(found.excused)} excused with a reason")
    # The proof comes first: where both refuse, its witness says more than a rule.
    with steps.step("Prove that no tenant can reach another") as step:
        step.done(proving.require_proof(fleet, stacks, local=local))
    with steps.step("Judge the configuration by the rules") as step:
        step.done(plan_rules.require_rules(fleet, stacks, local=local))
    if local:
        return on_aws, on_google
    google.require_provider(place, stacks)
    return stacks, []


def _show(
    changes: Mapping[str, Changes | None],
    as_json: bool,
    rules: plan_rules.RuleCheck | None = None,
    unapplied: Sequence[StackInfo] = (),
) -> None:
    """The changes by stack, and the stacks on Google Cloud that the local profile only synthesises."""
    if as_json:
        stacks = {name: c and {"add": c.add, "change": c.change, "destroy": c.destroy} for name, c in changes.items()}
        document: dict[str, object] = {"stacks": stacks} | ({} if rules is None else {"rules": rules.to_json()})
        if unapplied:
            document["synthesised_only"] = {"stacks": [stack.name for stack in unapplied], "meaning": google.LOCALLY}
        typer.echo(json.dumps(document))
        return
    table = Table(box=None, header_style="bold")
    for heading in ("stack", "changes"):
        table.add_column(heading)
    for name, change in changes.items():
        table.add_row(name, "refers to a stack that is not deployed yet" if change is None else str(change))
    for stack in unapplied:
        table.add_row(stack.name, google.LOCALLY)
    Console().print(table)


def plan(
    folder: FleetFolder = Path("tenants"),
    profile: Profile = "local",
    tenants: TenantIds = None,
    as_json: AsJson = False,
) -> None:
    """Shows what `deploy` would change, and which rules that would break. Exit code 1 if it breaks one."""
    steps = Steps(3)
    place, fleet, stacks = _prepared(folder, profile, tenants, steps, more_on_google=3)
    applied: Sequence[StackInfo] = stacks
    unapplied: Sequence[StackInfo] = ()
    if any(stack.cloud == "gcp" for stack in stacks):
        # Where nothing can be planned, what the checks say is all that there is to show.
        applied, unapplied = _checked(place, fleet, stacks, steps)
    with steps.step("Plan") as step:
        changes = deployment.plan(place, applied, lambda name, what: step.doing(f"{name}: {what}"))
    with steps.step("Judge the plans by the rules") as step:
        # Stacks that nothing plans are judged as they were synthesised.
        judged = plan_rules.of_plans(place, fleet, stacks, changes)
        step.done(judged.summary())
    _show(changes, as_json, judged, unapplied)
    if not judged.failing:
        return
    if not as_json:
        plan_rules.refuse(judged)
    raise typer.Exit(Exit.FINDINGS)


def deploy(
    folder: FleetFolder = Path("tenants"),
    profile: Profile = "local",
    tenants: TenantIds = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Makes the cloud as the tenant files say. Can be run again at any time; it then changes what differs."""
    if dry_run:
        plan(folder, profile, tenants, as_json)
        return
    steps = Steps(5)
    place, fleet, stacks = _prepared(folder, profile, tenants, steps)
    applied, unapplied = _checked(place, fleet, stacks, steps)
    with steps.step("Deploy") as step:
        changes = deployment.deploy(place, fleet, applied, lambda name, what: step.doing(f"{name}: {what}"))
        step.done(", ".join(f"{name} {change}" for name, change in changes.items() if change.any) or "no changes")
    _show(changes, as_json, None, unapplied)


def destroy(
    folder: FleetFolder = Path("tenants"),
    profile: Profile = "local",
    tenants: TenantIds = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Removes what was deployed. Locked evidence stays until its retention ends: no one can delete it."""
    if not (yes or dry_run):
        msg = "destroy removes the tenants' resources. See what would go with --dry-run, then say --yes"
        raise CommandError(msg)
    steps = Steps(2)
    place, fleet, stacks = _prepared(folder, profile, tenants, steps)
    if place.profile == "local":
        stacks, _ = google.apart(stacks)
    else:
        google.require_provider(place, stacks)
    # The organisation and the audit account belong to all tenants: they go only when everything goes.
    chosen = stacks if tenants is None else [stack for stack in stacks if stack.tenant is not None]
    with steps.step("Destroy") as step:
        changes = deployment.destroy(
            place, fleet, chosen, lambda name, what: step.doing(f"{name}: {what}"), dry_run=dry_run
        )
    _show(changes, as_json)
