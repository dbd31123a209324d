"""`bulkhead prove`: for every ordered pair of tenants and every path a proof, or a request that breaks it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from operations import proving
from operations.errors import CommandError, Exit
from operations.fleets import AsJson, FleetFolder, TenantIds, open_fleet
from operations.plans import synthesised
from tenancy.errors import SpecError

if TYPE_CHECKING:
    from compliance.prove.result import Proofs

OUT = Path("out/proof")
_SHOWN = 12
_MARKS = {
    "proved": ("✓", "green"),
    "violated": ("✗", "bold red"),
    "undecided": ("?", "yellow"),
    "indeterminate": ("·", "magenta"),
}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("prove")(prove)


def prove(
    plan: Annotated[bool, typer.Option("--plan", help="Prove what is about to be deployed.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Prove what is deployed (the default).")] = False,
    facts: Annotated[
        Path | None, typer.Option("--facts", help="A bundle of `bulkhead scan`; none: collect now.")
    ] = None,
    plans: Annotated[
        Path | None,
        typer.Option("--plans", help="Folder of <stack>.json or <stack>/cdk.tf.json; none: synthesise now."),
    ] = None,
    tenants: TenantIds = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for every obligation and the coverage.")] = OUT,
    folder: FleetFolder = Path("tenants"),
    local_state: Annotated[
        Path, typer.Option("--directory", envvar="BULKHEAD_LOCAL", help="State of the local cloud.")
    ] = Path(".bulkhead/local"),
    as_json: AsJson = False,
) -> None:
    """Proves, pair by pair, that no tenant can reach another, or shows the request that can.

    Exit code: 1 if a proof or a lock is broken, 3 if something could not be read or decided, 0 if all is proved.
    """
    if plan and live:
        raise CommandError("--plan and --live exclude each other")
    wanted = None if tenants is None else [part.strip() for part in tenants.split(",") if part.strip()]
    proofs = _of_plans(plans, folder, wanted) if plan or plans else _of_facts(facts, folder, local_state, wanted)
    _write(proofs, out)
    if as_json:
        _print(proofs, sys.stdout)
    else:
        _show(proofs)
    codes = {"proved": Exit.CLEAN, "violated": Exit.FINDINGS}
    raise typer.Exit(int(codes.get(proofs.worst, Exit.INDETERMINATE)))


def _of_facts(facts: Path | None, folder: Path, local_state: Path, wanted: list[str] | None) -> Proofs:
    if facts is None:
        from compliance.collect.access import AccessError  # noqa: PLC0415 - quick start
        from compliance.collect.scan import scan  # noqa: PLC0415
        from operations.scanning import AUDITOR, prepare  # noqa: PLC0415

        try:
            _scope, collection = prepare(open_fleet(folder), None, local_state, AUDITOR)
        except SpecError as error:
            raise CommandError(str(error)) from error
        facts = OUT / f"bundle-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        sys.stderr.write("collecting facts\n")
        try:
            scan(collection, facts)
        except AccessError as error:
            raise CommandError(str(error), Exit.INDETERMINATE) from error
        sys.stderr.write(f"facts: {facts}\n")
    return proving.prove_bundle(facts, wanted)[0]


def _of_plans(plans: Path | None, folder: Path, wanted: list[str] | None) -> Proofs:
    from compliance.facts.from_tenancy import scope_of  # noqa: PLC0415 - quick start

    fleet = open_fleet(folder)
    if plans is None:
        plans = synthesised(fleet, OUT / "cdk")
    return proving.prove_plans(plans, scope_of(fleet, local=True), wanted)


def _write(proofs: Proofs, out: Path) -> None:
    """Every obligation as one line of JSON, and the coverage statement."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "obligations.jsonl").open("w", encoding="utf-8") as file:
        for obligation in (*proofs.obligations, *proofs.locks, *proofs.outside):
            file.write(json.dumps(obligation.as_json()) + "\n")
    with (out / "proof.json").open("w", encoding="utf-8") as file:
        _print(proofs, file)
    sys.stderr.write(f"proof: {out / 'proof.json'}, {out / 'obligations.jsonl'}\n")


def _print(proofs: Proofs, file: TextIO) -> None:
    """The document, pair by pair, so that a thousand tenants fit."""
    file.write('{"pairs": [')
    for index, pair in enumerate(proofs.pairs()):
        file.write(("," if index else "") + "\n" + json.dumps(pair))
    rest = {
        "locks": [lock.as_json() for lock in proofs.locks],
        "outside": [leak.as_json() for leak in proofs.outside],
        "summary": proofs.count(),
        "coverage": proofs.coverage,
    }
    file.write("\n],\n" + json.dumps(rest)[1:] + "\n")


def _show(proofs: Proofs) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from compliance.estate.model import PATHS  # noqa: PLC0415
    from compliance.report.neutral import printable  # noqa: PLC0415

    console = Console()
    if len(proofs.tenants) <= _SHOWN:
        console.print(f"each cell: {', '.join(PATHS)}; rows attack columns")
        table = Table(box=None, header_style="bold")
        for heading in ("", *proofs.tenants):
            table.add_column(heading)
        for attacker in proofs.tenants:
            cells = [
                Text.assemble(*((_MARKS[proofs.verdict(attacker, victim, path)]) for path in PATHS))
                if attacker != victim
                else Text("—", style="dim")
                for victim in proofs.tenants
            ]
            table.add_row(attacker, *cells)
        console.print(table)
    console.print(", ".join(f"{number} {verdict}" for verdict, number in proofs.count().items() if number))
    broken = [lock for lock in proofs.locks if lock.verdict != "proved"]
    console.print(f"{len(proofs.locks) - len(broken)} of {len(proofs.locks)} lock obligations hold")
    for (attacker, victim, path), findings in list(proofs.findings.items())[:50]:
        for finding in findings[:3]:
            console.print(
                Text(
                    f"{finding.verdict}  {attacker} → {victim}  {path}  {printable('; '.join(finding.reasons))}",
                    style=_MARKS[finding.verdict][1],
                )
            )
    for (victim, path), findings in list(proofs.against.items())[:50]:
        for finding in findings[:3]:
            console.print(
                Text(
                    f"{finding.verdict}  anyone → {victim}  {path}  {printable('; '.join(finding.reasons))}",
                    style=_MARKS[finding.verdict][1],
                )
            )
    for leak in proofs.outside[:20]:
        why = printable("; ".join(leak.reasons))
        console.print(
            Text(f"{leak.verdict}  {leak.attacker} → {leak.to}  {leak.path}  {why}", style=_MARKS[leak.verdict][1])
        )
    for lock in broken[:20]:
        why = printable(f"{lock.resource}: {'; '.join(lock.reasons)}")
        console.print(Text(f"{lock.verdict}  {lock.to}  {lock.subject}  {why}", style="red"))
    unread, unknown = proofs.coverage["unread"], proofs.coverage["unknown"]
    console.print(
        f"considered: {', '.join(f'{number} {kind}' for kind, number in proofs.coverage['considered'].items())}"
    )
    console.print(f"unread: {len(unread)}; out of its knowledge: {'; '.join(unknown)}")
