"""`bulkhead scan --plan`: the rules and checkov on what is about to be deployed, as text, JSON or SARIF."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from operations import checkov, plan_rules
from operations.errors import CommandError, Exit
from operations.fleets import open_fleet
from operations.plans import synthesised
from tenancy.errors import SpecError

if TYPE_CHECKING:
    from compliance.report.plan_sarif import Foreign

OUT = Path("out/plan")


class Form(StrEnum):
    """What a scan prints."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


def run(
    plans: Path | None, fleet_folder: Path, tenants: str | None, profile: str, form: Form, out: Path | None
) -> Exit:
    """Judges plans or stacks (without `plans`: freshly synthesised ones), prints, and returns the exit code.

    With `out`, SARIF and JSON are written there too.

    Raises:
        CommandError: bad input.
    """
    from compliance.facts.from_tenancy import scope_of  # noqa: PLC0415 - quick start

    if profile not in {"local", "cloud"}:
        raise CommandError(f"--profile {profile}: there are `local` and `cloud`")
    fleet = open_fleet(fleet_folder)
    only = None if tenants is None else [part.strip() for part in tenants.split(",") if part.strip()]
    try:
        scope = scope_of(fleet, local=profile == "local", only=only)
    except SpecError as error:
        raise CommandError(str(error)) from error
    folder = synthesised(fleet, OUT / "cdk") if plans is None else plans
    found = plan_rules.check_folder(folder, scope, profile)
    other = _checkov(folder)
    document = {**found.to_json(), "checkov": None if other is None else _as_json(other)}
    _print(found, document, other, form)
    if out is not None:
        _write(found, document, other, out)
    failed = other is not None and any(one.excuse is None for one in other)
    return Exit.FINDINGS if failed else found.code


def _checkov(folder: Path) -> list[Foreign] | None:
    """What checkov says about synthesised stacks; None for plans, which are not what it reads here."""
    from compliance.report.plan_sarif import Foreign, Place  # noqa: PLC0415 - quick start

    files = {path.parent.name: path for path in folder.glob("*/cdk.tf.json")}
    if not files:
        sys.stderr.write("checkov reads synthesised stacks; there are none here, so it was not run\n")
        return None
    lines = checkov.read_exemptions() if checkov.EXCEPTIONS.exists() else []
    said = checkov.run(folder, lines)

    def foreign(failure: checkov.Failure, excuse: str | None) -> Foreign:
        path = files[failure.stack]
        line = plan_rules.line_of(path.read_text(encoding="utf-8").splitlines(), failure.resource)
        return Foreign(failure.check, failure.title, failure.resource, Place(plan_rules.relative(path), line), excuse)

    return [foreign(one, None) for one in said.failed] + [foreign(one, why.reason) for one, why in said.excused]


def _as_json(found: list[Foreign]) -> list[dict[str, object]]:
    return [
        {
            "check": one.check,
            "title": one.title,
            "resource": one.resource,
            "file": one.place.file,
            "line": one.place.line,
            "exception": one.excuse,
        }
        for one in found
    ]


def _print(found: plan_rules.RuleCheck, document: dict[str, object], other: list[Foreign] | None, form: Form) -> None:
    from compliance.report.plan_sarif import render  # noqa: PLC0415 - quick start

    if form is Form.JSON:
        typer.echo(json.dumps(document, sort_keys=True))
    elif form is Form.SARIF:
        typer.echo(render(found.judged, found.places, found.excuses, other), nl=False)
    else:
        for result, sources in [*found.failing, *found.undecided]:
            typer.echo(f"{result.status}  {found.told(result, sources)}")
        for one in other or ():
            if one.excuse is None:
                typer.echo(
                    f"checkov  {one.check}: {one.resource}: {one.title}\n      {one.place.file}:{one.place.line}"
                )
        typer.echo(found.summary())
        coverage = found.judged.judgement.coverage
        for kind in coverage["types_not_read"]:
            typer.echo(f"not read: {kind}")
        typer.echo(f"{len(coverage['not_on_plans'])} rules wait for the deployed state (`bulkhead scan`)")


def _write(found: plan_rules.RuleCheck, document: dict[str, object], other: list[Foreign] | None, out: Path) -> None:
    from compliance.report.plan_sarif import render  # noqa: PLC0415 - quick start

    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, sort_keys=True, indent=1)
    (out / "plan-results.json").write_text(text + "\n", encoding="utf-8")
    sarif = render(found.judged, found.places, found.excuses, other)
    (out / "plan-results.sarif").write_text(sarif, encoding="utf-8")
    sys.stderr.write(f"results: {out / 'plan-results.json'}, {out / 'plan-results.sarif'}\n")
