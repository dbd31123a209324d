"""Commands about what a bundle of facts says: `report`, `guarantees`, `risks`, `drift`; and `controls`."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operations.errors import CommandError, Exit
from operations.fleets import AsJson

if TYPE_CHECKING:
    from compliance.facts.bundle import Bundle
    from compliance.report.model import Report

From = Annotated[Path, typer.Option("--from", help="A bundle that `bulkhead scan` wrote.")]
Proofs = Annotated[Path | None, typer.Option(help="Output of `bulkhead prove --json` for the report.")]


class Format(StrEnum):
    """What can be written."""

    HTML = "html"
    PDF = "pdf"
    CSV = "csv"
    SARIF = "sarif"
    OCSF = "ocsf"
    OSCAL = "oscal"
    JSON = "json"


NAMES = {
    Format.HTML: "index.html",
    Format.PDF: "report.pdf",
    Format.CSV: "results.csv",
    Format.SARIF: "results.sarif",
    Format.OCSF: "results.ocsf.jsonl",
    Format.OSCAL: "assessment-results.json",
    Format.JSON: "results.json",
}


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("report")(report)
    app.command("guarantees")(guarantees)
    app.command("risks")(risks)
    app.command("drift")(drift)
    app.command("controls")(controls)


def report(
    bundle: From,
    formats: Annotated[list[Format] | None, typer.Option("--format", help="Once for each format wanted.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; without it, one format goes to stdout.")] = None,
    catalogue: Annotated[str, typer.Option(help="Control catalogue of the OSCAL results.")] = "nist-800-53",
    proofs: Proofs = None,
) -> None:
    """Writes the report of a bundle in one or more formats."""
    from compliance.controls.load import catalogues  # noqa: PLC0415 -- quick start

    if catalogue not in catalogues():
        msg = f"--catalogue {catalogue}: there are {', '.join(catalogues())}"
        raise CommandError(msg)
    wanted = list(dict.fromkeys(formats or [Format.HTML]))
    _, made = opened(bundle, proofs)
    if out is None:
        if len(wanted) > 1:
            msg = "several formats need a folder: --out DIR"
            raise CommandError(msg)
        sys.stdout.buffer.write(_written(made, wanted[0], catalogue))
        return
    out.mkdir(parents=True, exist_ok=True)
    for one in wanted:
        path = out / NAMES[one]
        path.write_bytes(_written(made, one, catalogue))
        sys.stderr.write(f"{path}\n")


def _written(made: Report, wanted: Format, catalogue: str) -> bytes:
    from compliance.report import csv, html, ocsf, oscal, pdf, sarif  # noqa: PLC0415 -- quick start

    if wanted is Format.PDF:
        return pdf.render(made)
    text = {
        Format.HTML: lambda: html.render(made),
        Format.CSV: lambda: csv.render(made),
        Format.SARIF: lambda: sarif.render(made),
        Format.OCSF: lambda: ocsf.render(made),
        Format.OSCAL: lambda: oscal.render(made, catalogue),
        Format.JSON: lambda: json.dumps(made.judgement.to_json(), ensure_ascii=False, sort_keys=True) + "\n",
    }[wanted]()
    return text.encode("utf-8", "surrogatepass")


def opened(bundle: Path, proofs: Path | None = None) -> tuple[Bundle, Report]:
    """A bundle and its report. Raises `CommandError` if either file is damaged."""
    from compliance.facts.bundle import open_bundle  # noqa: PLC0415 -- quick start
    from compliance.facts.errors import BundleError  # noqa: PLC0415
    from compliance.report.model import report_of  # noqa: PLC0415
    from compliance.report.proofs import ProofError, read_proofs  # noqa: PLC0415
    from compliance.rules.judge import judge  # noqa: PLC0415

    try:
        found = open_bundle(bundle)
        matrix = read_proofs(proofs) if proofs is not None else None
        return found, report_of(found, judge(found), matrix)
    except (BundleError, ProofError) as error:
        raise CommandError(str(error)) from error


def guarantees(tenant: Annotated[str, typer.Argument(help="A tenant's id.")], bundle: From) -> None:
    """Writes the isolation guarantees and service levels of a tenant, in plain words (Markdown)."""
    from compliance.report.guarantees import render  # noqa: PLC0415 -- quick start

    _, made = opened(bundle)
    known = [one.id for one in made.scope.everybody]
    if tenant not in known:
        msg = f"{tenant}: not a tenant of this bundle; there are {', '.join(known)}"
        raise CommandError(msg)
    typer.echo(render(made, tenant), nl=False)


def risks(bundle: From, as_json: AsJson = False) -> None:
    """Writes the risk register: threats, the rules that answer them, and the evidence."""
    from compliance.report.risks import register as risks_of  # noqa: PLC0415 -- quick start
    from compliance.report.risks import render  # noqa: PLC0415

    _, made = opened(bundle)
    if as_json:
        typer.echo(json.dumps({"risks": [risk.to_json() for risk in risks_of(made)]}, ensure_ascii=False))
    else:
        typer.echo(render(made), nl=False)


def controls(
    catalogue: Annotated[str | None, typer.Option(help="Only this catalogue.")] = None,
    as_json: AsJson = False,
) -> None:
    """Lists every control of the catalogues: the rules that support it and their limits, or who else answers for it."""
    from compliance.controls.applicability import applicability  # noqa: PLC0415 -- quick start
    from compliance.controls.load import catalogues  # noqa: PLC0415

    if catalogue is not None and catalogue not in catalogues():
        msg = f"--catalogue {catalogue}: there are {', '.join(catalogues())}"
        raise CommandError(msg)
    chosen = {name: applicability(name) for name in ([catalogue] if catalogue else catalogues())}
    if as_json:
        typer.echo(json.dumps({"controls": [one.to_json() for all_ in chosen.values() for one in all_]}))
        return
    for name, found in chosen.items():
        supported = sum(bool(one.rules) for one in found)
        typer.echo(f"{catalogues()[name].title}: rules support {supported} of {len(found)} controls")
        for one in found:
            held = f"{len(one.rules)} rules; limits: {' '.join(one.limits)}" if one.rules else f"{one.who}: {one.why}"
            typer.echo(f"  {one.control}  {one.title}{': ' if one.title else ''}{held}")


def drift(
    before: Annotated[Path, typer.Argument(help="The earlier bundle.")],
    after: Annotated[Path, typer.Argument(help="The later bundle.")],
    as_json: AsJson = False,
) -> None:
    """Says what changed between two bundles. Exit code 1 if anything did."""
    from compliance.facts.bundle import open_bundle  # noqa: PLC0415 -- quick start
    from compliance.facts.drift import drift as changes_of  # noqa: PLC0415
    from compliance.facts.errors import BundleError  # noqa: PLC0415
    from compliance.report.neutral import printable  # noqa: PLC0415

    try:
        changes = changes_of(open_bundle(before), open_bundle(after))
    except BundleError as error:
        raise CommandError(str(error)) from error
    if as_json:
        typer.echo(json.dumps({"changes": [change.to_json() for change in changes]}, ensure_ascii=False))
    else:
        for change in changes:
            typer.echo(printable(f"{change.account}  {change.sentence}"))
    raise typer.Exit(Exit.FINDINGS if changes else Exit.CLEAN)
