"""`bulkhead scan`: collect the deployed state, judge it, write the report; or judge what is about to be deployed."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operations import scan_plans
from operations.errors import CommandError, Exit
from operations.fleets import AsJson, FleetFolder, TenantIds, open_fleet
from operations.scan_plans import Form
from operations.scanning import AUDITOR, prepare
from tenancy.errors import SpecError

if TYPE_CHECKING:
    from compliance.facts.bundle import Bundle
    from compliance.report.proofs import ProofMatrix
    from compliance.results import Judgement

OUT = Path("out/report")
STATE = Path(".bulkhead/state")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("scan")(scan)


def scan(
    tenants: TenantIds = None,
    bundle: Annotated[Path | None, typer.Option("--from", help="Judge this bundle; nothing is collected.")] = None,
    out: Annotated[Path | None, typer.Option(help=f"Folder for bundle, results and report [default: {OUT}].")] = None,
    folder: FleetFolder = Path("tenants"),
    local_state: Annotated[
        Path, typer.Option("--directory", envvar="BULKHEAD_LOCAL", help="State of the local cloud.")
    ] = Path(".bulkhead/local"),
    auditor: Annotated[str, typer.Option(help="Name of the role to read an account with.")] = AUDITOR,
    proofs: Annotated[Path | None, typer.Option(help="Output of `bulkhead prove --json` for the report.")] = None,
    terraform: Annotated[
        Path | None, typer.Option(help="Folder of Terraform state to reconcile with [default: .bulkhead/state].")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue this interrupted bundle.")] = None,
    plan: Annotated[
        Path | None, typer.Option(help="Judge the plans (<stack>.json) or stacks (<stack>/cdk.tf.json) in this folder.")
    ] = None,
    synth: Annotated[
        bool, typer.Option("--synth", help="Synthesise the stacks and judge them; no cloud runs.")
    ] = False,
    profile: Annotated[
        str,
        typer.Option(envvar="BULKHEAD_PROFILE", help="With --plan: whose accounts and exceptions, `local` or `cloud`."),
    ] = "local",
    form: Annotated[Form, typer.Option("--format", help="What goes to stdout; `sarif` for CI.")] = Form.TEXT,
    as_json: AsJson = False,
) -> None:
    """Collects the deployed state, judges it by the rules and writes a report.

    With --plan or --synth, what is about to be deployed is judged instead, by the rules that it can answer and by
    checkov. Exit code: 1 if a rule fails, 3 if none does and something could not be read, 0 if all is well.
    """
    form = Form.JSON if as_json else form
    if plan is not None or synth:
        if bundle is not None or resume is not None or (plan is not None and synth):
            raise CommandError("--plan, --synth, --from and --resume exclude each other")
        raise typer.Exit(scan_plans.run(plan, folder, tenants, profile, form, out))
    from compliance.collect.access import AccessError  # noqa: PLC0415 -- quick start
    from compliance.facts.bundle import open_bundle  # noqa: PLC0415
    from compliance.facts.errors import BundleError  # noqa: PLC0415
    from compliance.report.proofs import ProofError, read_proofs  # noqa: PLC0415
    from compliance.rules.judge import judge  # noqa: PLC0415

    try:
        if bundle is None:
            bundle = _collect(tenants, out or OUT, folder, local_state, auditor, resume, _state(terraform))
            out = out or OUT
        matrix = read_proofs(proofs) if proofs is not None else None
        opened = open_bundle(bundle)
        judgement = judge(opened)
    except (BundleError, ProofError) as error:
        raise CommandError(str(error)) from error
    except AccessError as error:
        raise CommandError(str(error), Exit.INDETERMINATE) from error
    if out is not None:
        _write(out, opened, judgement, matrix)
    if form is Form.JSON:
        typer.echo(json.dumps(judgement.to_json(), sort_keys=True))
    elif form is Form.SARIF:
        _sarif(opened, judgement, matrix)
    else:
        _show(judgement)
    raise typer.Exit(_code(judgement, matrix))


def _state(folder: Path | None) -> Path | None:
    """The folder of Terraform's state: as given, else the local profile's if it is there."""
    if folder is not None and not folder.is_dir():
        msg = f"--terraform {folder}: no such folder"
        raise CommandError(msg)
    return folder or (STATE if STATE.is_dir() else None)


def _code(judgement: Judgement, proofs: ProofMatrix | None) -> Exit:
    from compliance.results import Verdict, worst  # noqa: PLC0415

    verdict = worst(judgement.results)
    proved = proofs is None or proofs.overall == "proved"
    if verdict is Verdict.FAIL or (proofs is not None and proofs.overall == "violated"):
        return Exit.FINDINGS
    if not proved:
        return Exit.INDETERMINATE
    return Exit.INDETERMINATE if verdict is Verdict.INDETERMINATE else Exit.CLEAN


def _collect(
    tenants: str | None,
    out: Path,
    folder: Path,
    local_state: Path,
    auditor: str,
    resume: Path | None,
    terraform: Path | None,
) -> Path:
    from rich.console import Console  # noqa: PLC0415

    from compliance.collect.scan import scan as collect  # noqa: PLC0415
    from compliance.facts.fact import Fact  # noqa: PLC0415

    only = None if tenants is None else [part.strip() for part in tenants.split(",") if part.strip()]
    try:
        _scope, plan = prepare(open_fleet(folder), only, local_state, auditor, terraform)
    except SpecError as error:
        raise CommandError(str(error)) from error
    target = resume or out / f"bundle-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    console = Console(stderr=True)
    seen = 0
    with console.status("collecting") as status:

        def progress(fact: Fact) -> None:
            nonlocal seen
            seen += 1
            status.update(f"collecting: {seen} answers, {fact.api}")

        collect(plan, target, resume=resume is not None, progress=progress if console.is_terminal else None)
    sys.stderr.write(f"facts: {target}\n")
    return target


def _write(out: Path, bundle: Bundle, judgement: Judgement, proofs: ProofMatrix | None) -> None:
    from compliance.report.html import render  # noqa: PLC0415 -- quick start
    from compliance.report.model import report_of  # noqa: PLC0415

    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(judgement.to_json(), sort_keys=True, indent=1)
    (out / "results.json").write_text(text + "\n", encoding="utf-8")
    page = out / "index.html"
    page.write_text(render(report_of(bundle, judgement, proofs)), encoding="utf-8")
    sys.stderr.write(f"results: {out / 'results.json'}\nreport: {page}\n")


def _sarif(bundle: Bundle, judgement: Judgement, proofs: ProofMatrix | None) -> None:
    from compliance.report.model import report_of  # noqa: PLC0415 -- quick start
    from compliance.report.sarif import render  # noqa: PLC0415

    typer.echo(render(report_of(bundle, judgement, proofs)), nl=False)


def _show(judgement: Judgement) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from compliance.report.neutral import printable  # noqa: PLC0415
    from compliance.results import Verdict  # noqa: PLC0415

    console = Console()
    table = Table(box=None, header_style="bold")
    for heading in ("tenant", *(str(verdict) for verdict in Verdict)):
        table.add_column(heading, justify="left" if heading == "tenant" else "right")
    for tenant, numbers in judgement.summary["tenants"].items():
        table.add_row(tenant, *(str(numbers[str(verdict)]) for verdict in Verdict))
    console.print(table)
    for result in judgement.results:
        if result.status in {Verdict.FAIL, Verdict.INDETERMINATE}:
            line = f"{result.status}  {result.tenant}  {result.rule}  {result.resource}: {result.reason}"
            console.print(Text(printable(line), style="red" if result.status is Verdict.FAIL else "yellow"))
