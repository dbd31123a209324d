"""`bulkhead ledger`: every decision on a tenant's keys, checked and proven offline."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operations.errors import CommandError, Exit

if TYPE_CHECKING:
    from attestation.ledger.store import Ledger

DEFAULT_DIRECTORY = Path(".bulkhead/local/ledger")
DirectoryOption = Annotated[Path, typer.Option("--ledger", help="directory with one directory per tenant")]
TenantOption = Annotated[str, typer.Option("--tenant", help="whose ledger")]
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", help="public key of the heads (PEM, EC P-256); the local cloud's own unless given"),
]
HEAD_KEY = "head-key.pem"
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]


def register(app: typer.Typer) -> None:
    """Adds the group to the command."""
    group = typer.Typer(help="The release ledger: list, verify, prove, heads.", no_args_is_help=True)
    group.command("list")(list_entries)
    group.command("verify")(verify)
    group.command("prove")(prove)
    group.command("heads")(heads)
    app.add_typer(group, name="ledger")


def list_entries(
    tenant: TenantOption, directory: DirectoryOption = DEFAULT_DIRECTORY, as_json: JsonOption = False
) -> None:
    """The tenant's decisions in order. Shows what is written; `verify` says whether it can be believed."""
    entries = [entry.model_dump(mode="json") for entry in _read(directory, tenant).entries]
    if as_json:
        sys.stdout.write(json.dumps({"tenant": tenant, "entries": entries}, indent=2) + "\n")
        return
    from rich.console import Console  # noqa: PLC0415 - only the table needs it
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("#", "time", "decision", "what", "requester", "image", "why", box=None, header_style="bold")
    for entry in entries:
        cells = (
            entry["sequence"],
            entry["time"][:19].replace("T", " "),
            entry["decision"],
            f"{entry['operation'].removeprefix('kms:')} {entry['purpose']}",
            entry["requester"].rpartition("assumed-role/")[2],
            entry["reference_set"] or "",
            entry["reasons"][0] if entry["reasons"] else "",
        )
        table.add_row(*(escape(str(cell)) for cell in cells))
    Console().print(table)


def verify(
    tenant: TenantOption,
    key: KeyOption = None,
    directory: DirectoryOption = DEFAULT_DIRECTORY,
    head: Annotated[Path | None, typer.Option("--head", help="a head kept from before (JSON)")] = None,
    as_json: JsonOption = False,
) -> None:
    """Links, roots, signatures, and that a head kept from before is still part of the history. Exit 1 when not."""
    from attestation.errors import AttestationError  # noqa: PLC0415 - heavy libraries load when asked for
    from attestation.ledger.check import check  # noqa: PLC0415
    from attestation.ledger.head import load_public_key, read_head  # noqa: PLC0415

    ledger = _read(directory, tenant)
    try:
        earlier = read_head(_bytes(head), str(head)) if head else None
        held = key or directory / HEAD_KEY
        checks = check(ledger, load_public_key(_bytes(held), str(held)), earlier)
    except AttestationError as error:
        raise CommandError(str(error)) from error
    holds = all(item.ok for item in checks)
    if as_json:
        document = {
            "tenant": tenant,
            "holds": holds,
            "entries": len(ledger.entries),
            "heads": len(ledger.heads),
            "head": ledger.heads[-1].model_dump(mode="json") if ledger.heads else None,
            "checks": [item.as_json() for item in checks],
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        for item in checks:
            sys.stdout.write(f"{item.status.value:5} {item.name}: {item.detail or item.actual}\n")
        sys.stdout.write("holds\n" if holds else "does not hold\n")
    raise typer.Exit(int(Exit.CLEAN if holds else Exit.FINDINGS))


def prove(
    tenant: TenantOption,
    directory: DirectoryOption = DEFAULT_DIRECTORY,
    entry: Annotated[int | None, typer.Option("--entry", help="prove that this entry is in the ledger")] = None,
    since: Annotated[
        int | None, typer.Option("--since", help="prove that the ledger continues the head of this size")
    ] = None,
) -> None:
    """An RFC 6962 proof as JSON, to be checked with attestation/ledger/verify_ledger.py and the heads' public key."""
    from attestation.errors import AttestationError  # noqa: PLC0415 - heavy libraries load when asked for
    from attestation.ledger.check import prove_consistency, prove_inclusion  # noqa: PLC0415

    if (entry is None) == (since is None):
        raise CommandError("bulkhead ledger prove: give either --entry N or --since SIZE")
    ledger = _read(directory, tenant)
    try:
        proof: dict[str, Any] = (
            prove_inclusion(ledger, entry) if entry is not None else prove_consistency(ledger, since or 0)
        )
    except AttestationError as error:
        raise CommandError(str(error)) from error
    sys.stdout.write(json.dumps(proof, indent=2) + "\n")


def heads(
    out: Annotated[Path, typer.Option(help="folder that gets TENANT.json each")],
    directory: DirectoryOption = DEFAULT_DIRECTORY,
    as_json: JsonOption = False,
) -> None:
    """Writes each tenant's last signed head, to keep elsewhere or to put into an evidence pack (`--ledgers`)."""
    from attestation.ledger.store import tenants  # noqa: PLC0415 - heavy libraries load when asked for

    found = tenants(directory)
    if not found:
        raise CommandError(f"{directory}: no ledger here")
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    for tenant in found:
        ledger = _read(directory, tenant)
        if ledger.heads:
            path = out / f"{tenant}.json"
            path.write_text(json.dumps(ledger.heads[-1].model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
            written[tenant] = str(path)
    typer.echo(json.dumps(written) if as_json else "\n".join(written.values()))


def _read(directory: Path, tenant: str) -> Ledger:
    from attestation.errors import AttestationError  # noqa: PLC0415 - heavy libraries load when asked for
    from attestation.ledger.store import read  # noqa: PLC0415

    try:
        return read(directory, tenant)
    except AttestationError as error:
        raise CommandError(str(error)) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from error
