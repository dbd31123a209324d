"""`bulkhead image`: the measured image, from its sources to a verified boot and a registered machine image."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from operations.errors import CommandError, Exit

if TYPE_CHECKING:
    from images.boot import Boot
    from images.verify import Outcome

T = TypeVar("T")
ProfileOption = Annotated[str, typer.Option("--profile", help="cpu, gpu, or oci for the container image")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
EvidenceArgument = Annotated[Path, typer.Argument(help="the file that `image boot --save` wrote")]


def register(app: typer.Typer) -> None:
    """Adds the group to the command."""
    from operations.virtual.demo import demo  # noqa: PLC0415 - it builds on other groups of the command

    group = typer.Typer(help="Build, measure, boot, verify and publish the measured image.", no_args_is_help=True)
    for command in (build, measure, boot, verify, reproduce, publish, check, demo):
        group.command(command.__name__)(command)
    app.add_typer(group, name="image")


def say(text: str) -> None:
    """A line of progress, on stderr."""
    sys.stderr.write(f"image: {text}\n")
    sys.stderr.flush()


def attempt(action: Callable[[], T], code: Exit = Exit.BAD_INPUT) -> T:
    """Runs an action of the `images` package; its error becomes the command's."""
    from images.errors import ImageError  # noqa: PLC0415

    try:
        return action()
    except ImageError as error:
        raise CommandError(str(error), code) from error


def emit(document: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    """The result: JSON on stdout, or lines for people."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n" if as_json else "".join(f"{line}\n" for line in lines))


def known(profile: str, allowed: tuple[str, ...]) -> None:
    """Refuses a profile that the command cannot handle."""
    if profile not in allowed:
        raise CommandError(f"--profile {profile}: this command takes {', '.join(allowed)}")


def build(
    profile: ProfileOption = "cpu",
    update_lock: Annotated[
        bool, typer.Option("--update-lock", help="take the mirror's packages and pin them in images/packages.lock")
    ] = False,
    accept_newer: Annotated[
        bool,
        typer.Option("--accept-newer", help="let pass what Debian has published since the lock; not to be published"),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="install every package anew, reuse no earlier tree")] = False,
    as_json: JsonOption = False,
) -> None:
    """Builds the image. Needs root and a Debian mirror; the tools tree is made on first use."""
    from images import build as builder  # noqa: PLC0415
    from images import oci  # noqa: PLC0415
    from images.workspace import PROFILES, Workspace  # noqa: PLC0415

    known(profile, PROFILES)
    if accept_newer and profile == "oci":
        raise CommandError("--accept-newer: a container image carries no mark of it; build with --update-lock instead")
    if update_lock and accept_newer:
        raise CommandError("--update-lock pins what --accept-newer lets pass: give one of them")
    workspace = Workspace()
    if profile == "oci":
        layout = attempt(lambda: oci.build(workspace, say=say, update_lock=update_lock, incremental=not fresh))
        emit(
            {"layout": str(layout.directory), "digest": layout.digest}, as_json, [f"{layout.directory}", layout.digest]
        )
        return
    artefact = attempt(
        lambda: builder.build(
            workspace, profile, say=say, incremental=not fresh, update_lock=update_lock, accept_newer=accept_newer
        )
    )
    document = json.loads((artefact.directory / builder.DESCRIPTION).read_text())
    lines = [f"{name:18} {value}" for name, value in document.items()]
    emit({"directory": str(artefact.directory), **document}, as_json, [str(artefact.directory), *lines])


def measure(profile: ProfileOption = "cpu", as_json: JsonOption = False) -> None:
    """Predicts PCR 4, 7, 9, 11 and 12 from the image's files and the enrolled keys, and signs the reference values."""
    from images import build as builder  # noqa: PLC0415
    from images import reference  # noqa: PLC0415
    from images.workspace import Workspace  # noqa: PLC0415

    known(profile, ("cpu", "gpu"))
    workspace = Workspace()
    values, path = attempt(lambda: reference.publish(workspace, builder.load(workspace, profile)))
    lines = [f"{values.image} version {values.version}, in force until {values.expires.date()}: {path}"]
    for index, register in sorted(values.registers.items()):
        lines += [f"PCR {index}", f"  sha256 {register.sha256}", f"  sha384 {register.sha384}"]
        lines += [f"    {extend.what}" for extend in register.extends]
    emit({"path": str(path), **values.model_dump(mode="json")}, as_json, lines)


def boot(
    profile: ProfileOption = "cpu",
    save: Annotated[Path | None, typer.Option("--save", help="write the boot's evidence here")] = None,
    limit: Annotated[float, typer.Option("--limit", help="seconds after which the machine is stopped")] = 900.0,
    tamper: Annotated[
        str | None, typer.Option("--tamper", help="boot a changed copy: unsigned-kernel, credential-file, root-byte")
    ] = None,
    machine: Annotated[str, typer.Option("--machine", help="name of the machine whose TPM is used")] = "default",
    as_json: JsonOption = False,
) -> None:
    """Boots the image in QEMU with Secure Boot and a software TPM; verifies what it attests. Exit 1: refused."""
    from images import boot as booter  # noqa: PLC0415
    from images import build as builder  # noqa: PLC0415
    from images import firmware, reference  # noqa: PLC0415
    from images import tamper as attacks  # noqa: PLC0415
    from images.verify import verify_boot  # noqa: PLC0415
    from images.workspace import Workspace  # noqa: PLC0415

    known(profile, ("cpu",))
    workspace = Workspace()
    artefact = attempt(lambda: builder.load(workspace, profile))
    values = attempt(lambda: reference.publish(workspace, artefact)[0])
    directory = workspace.root / "machines" / machine
    disk = artefact.path("disk")
    if tamper is not None:
        say(f"changing a copy of the disk: {tamper}")
        disk = attempt(lambda: attacks.apply(tamper, artefact.path("disk"), directory / "disk.raw"))
    where = booter.Machine(directory, disk, attempt(lambda: firmware.enrolled(workspace)))
    say(f"booting {disk.name} (software emulation: a minute or two)")
    result = attempt(lambda: booter.boot(where, limit=limit))
    for said in result.crashes:
        say(f"started again after: {said}")
    if save is not None:
        save.write_text(json.dumps(saved(result), indent=1) + "\n")
    evidence = result.evidence
    if evidence is None:
        raise CommandError(
            f"the machine gave no evidence in {result.seconds} s; its console ends:\n{result.why()}", Exit.FINDINGS
        )
    outcome = attempt(
        lambda: verify_boot(evidence, values, nonce=bytes.fromhex(result.nonce), attestation_key=result.ak_public)
    )
    report(outcome, as_json, {"times": dict(result.times), "seconds": result.seconds, "good": result.good})
    if not (outcome.accepted and result.good):
        raise typer.Exit(int(Exit.FINDINGS))


def saved(result: Boot) -> dict[str, Any]:
    """What `image verify` reads: the question, the registered key, the evidence."""
    return {"nonce": result.nonce, "attestation_key": result.ak_public.hex(), "evidence": result.evidence}


def report(outcome: Outcome, as_json: bool, more: dict[str, Any]) -> None:
    """A verdict for people or programs."""
    document = {**outcome.as_json(), **more}
    lines = [f"{outcome.image} version {outcome.version}: {document['verdict']}"]
    lines += [f"  {line}" for line in (*outcome.differences, *(() if outcome.accepted else outcome.reasons))]
    lines += [f"  not evaluated: {name}" for name in outcome.not_evaluated]
    lines += [f"  {name}: {seconds} s after power-on" for name, seconds in more.get("times", {}).items()]
    emit(document, as_json, lines)


def verify(
    evidence: EvidenceArgument,
    profile: ProfileOption = "cpu",
    reference_file: Annotated[
        Path | None, typer.Option("--reference", help="signed reference values; the newest of the profile unless given")
    ] = None,
    minimum_version: Annotated[
        int, typer.Option("--minimum-version", help="lowest version of reference values that is accepted")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Verifies a saved boot against signed reference values. Exit: 0 accepted, 1 refused, 2 malformed."""
    from attestation import reference as documents  # noqa: PLC0415
    from attestation.errors import AttestationError  # noqa: PLC0415
    from images import reference  # noqa: PLC0415
    from images.verify import verify_boot  # noqa: PLC0415
    from images.workspace import Workspace  # noqa: PLC0415

    workspace = Workspace()
    if reference_file is None:
        values = attempt(lambda: reference.latest(workspace, f"bulkhead-{profile}"))
    else:
        key = attempt(lambda: reference.signing_key(workspace)).public_key()
        try:
            values = documents.verify(reference_file.read_bytes(), (key,))
        except (AttestationError, OSError) as error:
            raise CommandError(f"{reference_file}: {error}") from error
    try:
        boot_file = json.loads(evidence.read_text())
        nonce, key_bytes = bytes.fromhex(boot_file["nonce"]), bytes.fromhex(boot_file["attestation_key"])
        statement = dict(boot_file["evidence"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{evidence}: not a saved boot ({type(error).__name__}: {error})") from error
    outcome = attempt(
        lambda: verify_boot(statement, values, nonce=nonce, attestation_key=key_bytes, minimum_version=minimum_version)
    )
    report(outcome, as_json, {})
    if not outcome.accepted:
        raise typer.Exit(int(Exit.FINDINGS))


def reproduce(profile: ProfileOption = "cpu", as_json: JsonOption = False) -> None:
    """Builds again from nothing but the pinned packages and compares with the build at hand. Exit 1: they differ."""
    from images import build as builder  # noqa: PLC0415
    from images import reproduce as reproducer  # noqa: PLC0415
    from images.workspace import Workspace  # noqa: PLC0415

    known(profile, ("cpu", "gpu"))
    workspace = Workspace()
    comparison = attempt(lambda: reproducer.reproduce(workspace, builder.load(workspace, profile), say=say))
    emit(comparison.as_json(), as_json, comparison.lines())
    if not comparison.identical:
        raise typer.Exit(int(Exit.FINDINGS))


def publish(
    cloud: Annotated[str, typer.Option("--cloud", help="aws or gcp")],
    profile: ProfileOption = "gpu",
    bucket: Annotated[str, typer.Option("--bucket", help="bucket that the disk is uploaded to")] = "bulkhead-images",
    region: Annotated[str, typer.Option("--region", help="region (AWS) or project (GCP)")] = "eu-central-1",
    out: Annotated[Path, typer.Option("--out", help="directory for the Terraform configuration")] = Path(
        "out/image-publish"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--no-dry-run", help="only write and validate the configuration")
    ] = True,
    pack: Annotated[bool, typer.Option("--pack", help="GCP: also pack the disk for the upload (minutes)")] = False,
    as_json: JsonOption = False,
) -> None:
    """Writes the Terraform configuration that registers the image: AMI (UEFI, TPM 2.0, our keys) or GCP image."""
    from images import build as builder  # noqa: PLC0415
    from images import publish as publisher  # noqa: PLC0415
    from images.workspace import CHECKOUT, Workspace  # noqa: PLC0415
    from operations.workspace import Workspace as Folders  # noqa: PLC0415

    known(profile, ("cpu", "gpu"))
    if not dry_run:
        raise CommandError(
            "only the dry run is done here: run `terraform apply` in the directory it writes, with your credentials"
        )
    workspace = Workspace()
    path = attempt(
        lambda: publisher.write(
            workspace, builder.load(workspace, profile), cloud=cloud, bucket=bucket, region=region, out=out
        )
    )
    if pack and cloud == "gcp":
        say("packing the disk")
        publisher.pack(builder.load(workspace, profile))
    program, configuration = Folders(CHECKOUT).terraform()
    attempt(lambda: publisher.validate(path.parent, program, configuration), Exit.INDETERMINATE)
    emit({"path": str(path), "valid": True}, as_json, [f"{path}: valid"])


def check(profile: ProfileOption = "gpu", as_json: JsonOption = False) -> None:
    """Checks the image's configuration without building: units, command line, partitions. Exit 1: findings."""
    from images import hardening  # noqa: PLC0415
    from images.workspace import PROFILES  # noqa: PLC0415

    known(profile, PROFILES)
    findings = attempt(lambda: hardening.check(profile))
    emit({"profile": profile, "findings": findings}, as_json, findings or [f"{profile}: nothing found"])
    if findings:
        raise typer.Exit(int(Exit.FINDINGS))
