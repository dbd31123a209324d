"""`bulkhead evidence`: packs that a stranger can check."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operations.cmd_report import From, Proofs, opened
from operations.errors import CommandError, Exit
from operations.fleets import AsJson

if TYPE_CHECKING:
    from compliance.evidence.cadence import Irregularity
    from compliance.evidence.dsse import Signer

group = typer.Typer(help="Evidence packs: signed, chained, checked offline.", no_args_is_help=True)
KEY = Path(".bulkhead/evidence/signer.pem")
OUT = Path("out/evidence")


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(group, name="evidence")


@group.command()
def pack(
    bundle: From,
    out: Annotated[Path, typer.Option(help="Folder of the chain of packs.")] = OUT,
    tenant: Annotated[str | None, typer.Option(help="A pack for this tenant, with nothing of any other.")] = None,
    key: Annotated[Path, typer.Option(help="Signing key, made if there is none.")] = KEY,
    kms_key: Annotated[str | None, typer.Option(help="Sign with this KMS key (ECC_NIST_P256) instead.")] = None,
    timestamp_url: Annotated[str | None, typer.Option(help="RFC 3161 timestamp authority.")] = None,
    ledgers: Annotated[Path | None, typer.Option(help="Folder of ledger heads, TENANT.json each.")] = None,
    references: Annotated[Path | None, typer.Option(help="Folder of reference sets of approved images.")] = None,
    proofs: Proofs = None,
    store: Annotated[str | None, typer.Option(help="Bucket with Object Lock that gets a copy.")] = None,
    as_json: AsJson = False,
) -> None:
    """Writes the next pack of a chain: facts, results, reports, manifest, signature."""
    from compliance.evidence.errors import EvidenceError  # noqa: PLC0415 -- quick start
    from compliance.evidence.pack import Extras, write_pack  # noqa: PLC0415
    from compliance.evidence.store import put_under_lock  # noqa: PLC0415
    from compliance.evidence.timestamping import stamp  # noqa: PLC0415

    found, made = opened(bundle, proofs)
    if tenant is not None and tenant not in made.scope.judged:
        msg = f"--tenant {tenant}: not judged in this bundle; there are {', '.join(made.scope.judged)}"
        raise CommandError(msg)
    chain = out / (tenant or "platform")
    try:
        sequence, previous = _next(chain)
        extras = Extras(
            ledgers=_files(ledgers),
            references=_files(references),
            proofs=made.proofs,
            previous=previous,
            sequence=sequence,
            redaction_key=_redaction_key(key) if tenant else b"",
        )
        moment = found.manifest["ended"].replace(":", "").replace("-", "").replace(".", "")
        written = write_pack(
            chain / f"{sequence:06d}-{moment}", found, made.judgement, _signer(key, kms_key), extras, tenant
        )
        if timestamp_url:
            stamp(written, timestamp_url)
        stored = put_under_lock(written, store, made.scope.audit_retention_days) if store else []
    except EvidenceError as error:
        raise CommandError(str(error)) from error
    if as_json:
        typer.echo(json.dumps({"pack": str(written), "sequence": sequence, "previous": previous, "stored": stored}))
    else:
        typer.echo(written)


@group.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="PACK", help="A pack's folder.")],
    key: Annotated[list[Path] | None, typer.Option(help="Public key of a trusted signer, PEM.")] = None,
    previous: Annotated[Path | None, typer.Option(help="The pack before this one.")] = None,
    tsa_root: Annotated[Path | None, typer.Option(help="Roots of the timestamp authority, PEM.")] = None,
    reperform: Annotated[bool, typer.Option("--reperform", help="Judge the bundle again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Verifies a pack: signature, digests, chain, timestamp. Exit 1 if anything was changed, naming the part."""
    from compliance.evidence.errors import EvidenceError  # noqa: PLC0415 -- quick start
    from compliance.evidence.reperform import reperform as judge_again  # noqa: PLC0415
    from compliance.evidence.standalone import verify as alone  # noqa: PLC0415
    from compliance.facts.errors import BundleError  # noqa: PLC0415
    from compliance.report.neutral import printable  # noqa: PLC0415

    keys = _trusted(key)
    try:
        outcome, _ = alone.verify(folder, keys, previous, tsa_root.read_bytes() if tsa_root else None)
    except (alone.NotAPack, OSError) as error:
        raise CommandError(str(error)) from error
    if reperform:
        try:
            again = judge_again(folder)
        except BundleError as error:
            outcome.changed("bundle", str(error))
        except (EvidenceError, OSError, ValueError, RecursionError) as error:
            outcome.changed("results.json", str(error))
        else:
            for sentence in again.differences:
                outcome.changed("results.json", sentence)
            for name in again.reports:
                outcome.changed(name, "is not what writing the results of this pack gives")
            if not (again.differences or again.reports):
                counted = f"{again.judged} of {again.stated} results"
                rest = "" if again.judged == again.stated else "; the others rest on facts that only the platform holds"
                outcome.ok("reperformed", f"judging the bundle again gives the same for {counted}{rest}")
    if as_json:
        typer.echo(json.dumps({"pack": str(folder), "code": outcome.code, "checks": outcome.lines}))
    else:
        for line in outcome.lines:
            typer.echo(printable(f"{line['status']:<8} {line['part']}: {line['message']}"))
    raise typer.Exit(outcome.code)


@group.command()
def chain(
    folder: Annotated[Path, typer.Argument(help="Folder of the packs of one chain.")],
    every: Annotated[float, typer.Option(help="Hours within which the next pack is due.")] = 24.0,
    until: Annotated[datetime | None, typer.Option(help="End of the period, UTC; now, if it is not given.")] = None,
    key: Annotated[list[Path] | None, typer.Option(help="Public key of a trusted signer, PEM.")] = None,
    as_json: AsJson = False,
) -> None:
    """Verifies every pack of a chain, their order and their cadence; a gap is an exception. Exit 1 if there is any."""
    from compliance.evidence.cadence import exceptions, links  # noqa: PLC0415 -- quick start
    from compliance.evidence.errors import EvidenceError  # noqa: PLC0415
    from compliance.report.neutral import printable  # noqa: PLC0415

    end = (until or datetime.now(UTC)).replace(tzinfo=UTC)
    try:
        found = links(folder)
        wrong = exceptions(found, timedelta(hours=every), end)
        trusted = _trusted(key)
        for link in found:
            wrong += _broken(link.folder, trusted)
    except EvidenceError as error:
        raise CommandError(str(error)) from error
    if not found:
        msg = f"{folder}: no pack is here"
        raise CommandError(msg)
    if not trusted:
        typer.echo("no key was given: nothing is known about who signed these packs", err=True)
    if as_json:
        listed: list[dict[str, Any]] = [{"sentence": one.sentence, "broken": one.broken} for one in wrong]
        typer.echo(json.dumps({"packs": len(found), "exceptions": listed}))
    else:
        typer.echo(f"{len(found)} packs")
        for one in wrong:
            typer.echo(printable(f"{'broken' if one.broken else 'gap'}: {one.sentence}"))
    raise typer.Exit(Exit.FINDINGS if wrong else Exit.CLEAN if trusted else Exit.INDETERMINATE)


@group.command()
def trail(
    folder: Annotated[Path, typer.Argument(help="A copy of the audit bucket (aws s3 sync), digests included.")],
    keys: Annotated[Path, typer.Option(help="Answer of `aws cloudtrail list-public-keys` for the time in question.")],
    as_json: AsJson = False,
) -> None:
    """Checks the trail's digest chain: signatures, hashes, links, gaps. Exit 1 if it is broken, 3 if it is open."""
    from compliance.evidence.errors import EvidenceError  # noqa: PLC0415 -- quick start
    from compliance.evidence.trail import Kind, check_trail  # noqa: PLC0415
    from compliance.report.neutral import printable  # noqa: PLC0415

    try:
        held = json.loads(keys.read_text(encoding="utf-8"))
        found = check_trail(folder, held)
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError(f"{keys}: cannot be read: {error}") from error
    except EvidenceError as error:
        raise CommandError(str(error)) from error
    if as_json:
        findings = [one.to_json() for one in found.findings]
        typer.echo(json.dumps({"digests": found.digests, "log_files": found.log_files, "findings": findings}))
    else:
        typer.echo(f"{found.digests} digests, {found.log_files} log files")
        for one in found.findings:
            typer.echo(printable(f"{one.kind:<8} {one.file}: {one.sentence}"))
    wrong = [one for one in found.findings if one.kind is not Kind.OPEN]
    raise typer.Exit(Exit.FINDINGS if wrong else Exit.INDETERMINATE if found.findings else Exit.CLEAN)


def _trusted(key: list[Path] | None) -> list[bytes]:
    """The given keys; without any, one's own."""
    own = KEY.with_suffix(".pub.pem")
    try:
        return [path.read_bytes() for path in key or ([own] if own.exists() else [])]
    except OSError as error:
        raise CommandError(f"--key: cannot be read: {error}") from error


def _broken(pack: Path, keys: list[bytes]) -> list[Irregularity]:
    """What of a pack is not as it was signed."""
    from compliance.evidence.cadence import Irregularity  # noqa: PLC0415 -- quick start
    from compliance.evidence.standalone import verify as alone  # noqa: PLC0415

    try:
        outcome, _ = alone.verify(pack, keys)
    except alone.NotAPack as error:
        return [Irregularity(f"{pack.name}: {error}", broken=True)]
    wrong = [line for line in outcome.lines if line["status"] == "changed"]
    return [Irregularity(f"{pack.name}: {line['part']}: {line['message']}", broken=True) for line in wrong]


def _next(folder: Path) -> tuple[int, str | None]:
    from compliance.evidence.cadence import links  # noqa: PLC0415 -- quick start

    held = links(folder) if folder.is_dir() else []
    return (held[-1].sequence + 1, held[-1].digest) if held else (1, None)


def _signer(key: Path, kms_key: str | None) -> Signer:
    from compliance.evidence.dsse import KmsSigner, local_signer  # noqa: PLC0415 -- quick start

    if kms_key is None:
        return local_signer(key)
    import boto3  # noqa: PLC0415

    return KmsSigner(boto3.client("kms"), kms_key)


def _redaction_key(key: Path) -> bytes:
    """The platform's own secret behind the pseudonyms; beside the signing key, made when first needed."""
    path = key.parent / "redaction.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.urandom(32))
    return path.read_bytes()


def _files(folder: Path | None) -> dict[str, bytes]:
    if folder is None:
        return {}
    if not folder.is_dir():
        msg = f"{folder}: no such folder"
        raise CommandError(msg)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
