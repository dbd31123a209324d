"""`bulkhead attest`: is this evidence genuine, is it accepted, and if not, what differs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compliance.report.neutral import printable
from operations.errors import CommandError, Exit

if TYPE_CHECKING:
    from attestation.result import Verdict
    from attestation.verify import Inputs

_MAX_FILE = 16 * 1024 * 1024

KindOption = Annotated[str, typer.Option("--kind", help="tpm, nitro, tdx, snp, nvidia or gcp-token")]
EvidenceOption = Annotated[
    list[Path],
    typer.Option("--evidence", help="the evidence file; for tpm also a folder, or several files, of tpm2-tools"),
]
CollateralOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--collateral", help="TDX: Intel's collateral (JSON); NVIDIA: RIM files, may be repeated; tokens: JWKS"
    ),
]
CertificatesOption = Annotated[
    list[Path] | None, typer.Option("--certificates", help="certificates (PEM, DER), keys or a JWKS; may be repeated")
]
LogOption = Annotated[Path | None, typer.Option("--event-log", help="TCG or CC event log to replay")]
RootOption = Annotated[list[Path] | None, typer.Option("--root", help="trust these roots, not the vendor's pinned one")]
NonceOption = Annotated[str | None, typer.Option("--nonce", help="the nonce that was asked for, hex")]
AtOption = Annotated[str | None, typer.Option("--at", help="judge as of this time (RFC 3339)")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="appraisal policy (YAML)")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]


def register(app: typer.Typer) -> None:
    """Adds the group to the command."""
    group = typer.Typer(help="Verify and appraise attestation evidence, offline.", no_args_is_help=True)
    group.command("verify")(verify)
    group.command("explain")(explain)
    group.command("compile")(compile_policy)
    app.add_typer(group, name="attest")


def verify(
    kind: KindOption,
    evidence: EvidenceOption,
    collateral: CollateralOption = None,
    certificates: CertificatesOption = None,
    event_log: LogOption = None,
    root: RootOption = None,
    nonce: NonceOption = None,
    at: AtOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Claims, checks and verdict of one piece of evidence. Exit: 0 accepted, 1 rejected, 2 malformed."""
    with _malformed(kind, as_json):
        verdict = _judge(kind, _inputs(kind, evidence, collateral, certificates, event_log, root, nonce, at), policy)
    if as_json:
        sys.stdout.write(json.dumps(verdict.as_json(), indent=2, default=str) + "\n")
    else:
        _print(verdict)
    raise typer.Exit(int(Exit.CLEAN if verdict.accepted else Exit.FINDINGS))


def explain(
    kind: KindOption,
    evidence: EvidenceOption,
    collateral: CollateralOption = None,
    certificates: CertificatesOption = None,
    event_log: LogOption = None,
    root: RootOption = None,
    nonce: NonceOption = None,
    at: AtOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """The same judgement in sentences: what differs, which register, which event, which file."""
    from attestation.explain import explain as sentences  # noqa: PLC0415 - heavy libraries load when asked for

    with _malformed(kind, as_json):
        verdict = _judge(kind, _inputs(kind, evidence, collateral, certificates, event_log, root, nonce, at), policy)
    lines = sentences(verdict)
    if as_json:
        sys.stdout.write(
            json.dumps({"kind": kind, "verdict": verdict.as_json()["verdict"], "explanation": lines}) + "\n"
        )
    else:
        sys.stdout.write("\n".join(map(printable, lines)) + "\n")
    raise typer.Exit(int(Exit.CLEAN if verdict.accepted else Exit.FINDINGS))


def compile_policy(
    policy: Annotated[Path, typer.Option("--policy", help="release policy (YAML)")],
    target: Annotated[str, typer.Option("--target", help="aws, gcp or offline")],
) -> None:
    """One release policy as a KMS key policy, as a workload identity provider with bindings, or as offline policies."""
    from attestation.errors import AttestationError  # noqa: PLC0415 - heavy libraries load when asked for
    from attestation.release.forms import compile_form  # noqa: PLC0415
    from attestation.release.policy import load_release_policy  # noqa: PLC0415

    try:
        document = compile_form(load_release_policy(_read(policy, "--policy"), str(policy)), target)
    except AttestationError as error:
        raise CommandError(str(error)) from error
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _read(path: Path, option: str) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_FILE + 1)
    except OSError as error:
        raise CommandError(f"{option} {path}: {error.strerror or error}") from error
    if len(data) > _MAX_FILE:
        raise CommandError(f"{option} {path}: larger than {_MAX_FILE} bytes")
    return data


def _inputs(
    kind: str,
    evidence: list[Path],
    collateral: list[Path] | None,
    certificates: list[Path] | None,
    event_log: Path | None,
    root: list[Path] | None,
    nonce: str | None,
    at: str | None,
) -> Inputs:
    from attestation.verify import Inputs  # noqa: PLC0415 - heavy libraries load when asked for

    given = tuple(_read(path, "--collateral") for path in collateral or ())
    if kind != "nvidia" and len(given) > 1:
        raise CommandError(f"--collateral: {len(given)} files given, the kind {kind} takes one")
    return Inputs(
        evidence=_evidence(kind, evidence),
        collateral=given[0] if given else None,
        manifests=given if kind == "nvidia" else (),
        certificates=tuple(_read(path, "--certificates") for path in certificates or ()),
        event_log=_read(event_log, "--event-log") if event_log else None,
        roots=tuple(_read(path, "--root") for path in root or ()),
        nonce=_nonce(nonce),
        at=_time(at),
    )


def _evidence(kind: str, paths: list[Path]) -> bytes:
    """The one file, or for a TPM the parts that lie in a folder or in several files."""
    from attestation.errors import AttestationError  # noqa: PLC0415 - heavy libraries load when asked for
    from attestation.kinds.tpm_parts import MOST_FILES, assemble  # noqa: PLC0415

    if len(paths) == 1 and not _is_folder(paths[0]):
        return _read(paths[0], "--evidence")
    if kind != "tpm":
        raise CommandError(f"--evidence: one file is expected for the kind {kind}, not a folder or several")
    files = sorted(file for path in paths for file in _files(path))
    if len(files) > MOST_FILES:
        raise CommandError(f"--evidence: {len(files)} files, at most {MOST_FILES} are parts of a quote; name them")
    try:
        return assemble({str(file): _read(file, "--evidence") for file in files})
    except AttestationError as error:
        raise CommandError(str(error)) from error


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file can have: reading it says so
        return False


def _files(path: Path) -> list[Path]:
    if not _is_folder(path):
        return [path]
    try:
        return [file for file in path.iterdir() if not file.is_dir()]
    except OSError as error:
        raise CommandError(f"--evidence {path}: {error.strerror or error}") from error


def _nonce(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        nonce = bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise CommandError(f"--nonce {text!r}: not hex: {error}") from error
    if not nonce:
        raise CommandError(f"--nonce {text!r}: empty; leave the option out to compare with none")
    return nonce


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--at {text!r}: not RFC 3339, for example 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@contextmanager
def _malformed(kind: str, as_json: bool) -> Iterator[None]:
    """Gives an input that cannot be read as the JSON document too, where one is asked for."""
    try:
        yield
    except CommandError as error:
        if as_json:
            sys.stdout.write(
                json.dumps({"kind": kind, "verdict": "malformed", "error": str(error), "checks": [], "claims": {}})
                + "\n"
            )
        raise


def _judge(kind: str, inputs: Inputs, policy: Path | None) -> Verdict:
    from attestation.errors import AttestationError  # noqa: PLC0415 - heavy libraries load when asked for
    from attestation.policy import AppraisalPolicy, load_policy  # noqa: PLC0415
    from attestation.verify import judge  # noqa: PLC0415

    try:
        accepted = load_policy(_read(policy, "--policy"), str(policy)) if policy else AppraisalPolicy()
        return judge(kind, inputs, accepted)
    except AttestationError as error:
        raise CommandError(str(error)) from error


def _print(verdict: Verdict) -> None:
    from rich.console import Console  # noqa: PLC0415 - only the table needs it
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(
        "check", "result", "expected", "actual", "detail", title=f"{verdict.kind}: {verdict.policy_name} policy"
    )
    for check in verdict.checks:
        cells = (check.name, check.status.value, _short(check.expected), _short(check.actual), check.detail)
        table.add_row(*(escape(printable(cell)) for cell in cells))
    console = Console()
    console.print(table)
    console.print("accepted" if verdict.accepted else "rejected", style="green" if verdict.accepted else "red")
    for reason in verdict.reasons:
        console.print(f"- {escape(printable(reason))}")


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 64 else text[:61] + "..."
