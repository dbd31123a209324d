"""Builds the image: tools tree, keys, payload, initrd, node; and writes down what came out."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from images import gpt, keys, mirror, packages, payload, room, tools
from images.errors import ImageError
from images.workspace import CHECKOUT, Workspace

MKOSI = CHECKOUT / "images" / "mkosi"
DESCRIPTION = "artefact.json"
UNKNOWN = "unknown"
MAKERS = (
    "requirements.lock",
    *(f"images/{n}" for n in ("packages.lock", "tools-packages.txt", "build.py", "payload.py")),
)
"""Files beside `MKOSI` and the payload's code that decide what an image holds."""
CHUNK = 1 << 20
Say = Callable[[str], None]


@dataclass(frozen=True)
class Artefact:
    """A built disk image, described by what a verifier needs (`artefact.json` beside it).

    Hashes are lower-case hex SHA-256; `root_hash` is dm-verity's.
    """

    profile: str
    directory: Path
    disk: str
    uki: str
    root_hash: str
    disk_sha256: str
    uki_sha256: str
    root_sha256: str
    source_date_epoch: int
    seconds: float
    inputs_sha256: str = ""
    """Digest of everything of ours that went in, as `inputs` gives it; empty for builds that did not note it."""
    source: str = UNKNOWN
    """Git revision that was built, as `revision` gives it. This and the next two are `unknown` where a build did not
    note them: what the checkout holds by the time the image is measured says nothing of it."""
    lock_sha256: str = UNKNOWN
    """Digest of `packages.lock` as the build left it."""
    mkosi: str = UNKNOWN
    """Version of mkosi that built it."""

    def path(self, name: str) -> Path:
        """The path of the artefact's file that an attribute names: `disk` or `uki`."""
        return self.directory / str(getattr(self, name))


def build(
    workspace: Workspace,
    profile: str,
    *,
    say: Say,
    incremental: bool = True,
    update_lock: bool = False,
    accept_newer: bool = False,
) -> Artefact:
    """Builds a profile's disk image.

    Args:
        workspace: caches and outputs.
        profile: `cpu` or `gpu`.
        say: called with a line for each step.
        incremental: reuse the tree of installed packages of an earlier build.
        update_lock: take what the mirror has and write images/packages.lock, instead of demanding what it pins.
        accept_newer: let pass what Debian has published since, and say so; such an image is not published.

    Raises:
        ImageError: a step failed, or the packages are not those that are pinned.
    """
    started = time.monotonic()
    source = revision()  # before the build, which may write the lock and takes minutes in which people edit
    prepare(workspace, profile, update_lock=update_lock, say=say)
    incremental = incremental and not update_lock  # an earlier tree holds what the mirror had then
    initrd = build_initrd(workspace, say=say, incremental=incremental)
    output = workspace.output(profile)
    if output.exists():
        shutil.rmtree(output)
    say("laying out our code and the pinned wheels")
    overlay = payload.stage(workspace, profile, update_lock=update_lock)
    say(f"building the {profile} image with mkosi")
    mkosi(
        workspace,
        "node",
        [
            f"--profile={profile}",
            f"--extra-tree={tools.inside(overlay, workspace)}:/",
            f"--initrd={tools.inside(initrd, workspace)}",
            f"--secure-boot-key={tools.inside(keys.db_key(workspace), workspace)}",
            f"--secure-boot-certificate={tools.inside(keys.db_certificate(workspace), workspace)}",
            *module_signing(workspace, profile),
        ],
        output=output,
        incremental=incremental,
    )
    manifests = {"initrd": initrd.parent / "initrd.manifest", "node": output / f"bulkhead-{profile}.manifest"}
    found = packages.read_manifests(manifests)
    packages.write_contents(output, {**found, packages.WHEELS: payload.wheels(overlay)})
    settle(profile, found, say=say, update_lock=update_lock, accept_newer=accept_newer)
    version = tools.run(workspace, ["mkosi", "--version"]).strip().removeprefix("mkosi ")
    return describe(profile, output, time.monotonic() - started, source=source, mkosi_version=version)


def settle(profile: str, found: packages.Contents, *, say: Say, update_lock: bool, accept_newer: bool) -> None:
    """Writes the lock from what an image holds, or demands that it holds what the lock pins.

    Raises:
        ImageError: it does not.
    """
    if update_lock:
        packages.pin(profile, found)
        return
    for line in packages.demand(profile, found, newer=accept_newer):
        say(f"not as the lock pins it: {line}")


def module_signing(workspace: Workspace, profile: str) -> list[str]:
    """For the GPU image only: mounts the signing key where its kernel modules are built."""
    if profile != "gpu":
        return []
    return [f"--build-sources={tools.inside(keys.directory(workspace, 'db'), workspace)}:keys"]


def prepare(workspace: Workspace, profile: str, *, update_lock: bool, say: Say) -> None:
    """Tools tree, keys and apt configuration.

    Raises:
        ImageError: one could not be made, or the disk has no room for the build.
    """
    room.demand(workspace, profile)
    found = mirror.find()
    vendor = mirror.nvidia_sources() if profile == "gpu" else ""
    say(f"tools tree ({'there' if (workspace.tools / tools.COMPLETE).is_file() else 'about 80 s'})")
    tools.make(workspace, found)
    tools.fix_signing_time(workspace, packages.source_date_epoch())
    keys.make(workspace)
    apt = workspace.sandbox / "etc" / "apt"
    if workspace.sandbox.exists():
        shutil.rmtree(workspace.sandbox)
    for name, text in {
        "sources.list.d/mkosi.sources": found.sources() + vendor,
        "apt.conf.d/90bulkhead": found.apt_configuration(),
        "preferences.d/bulkhead": "" if update_lock else packages.pins(),
    }.items():
        (apt / name).parent.mkdir(parents=True, exist_ok=True)
        (apt / name).write_text(text)


def build_initrd(workspace: Workspace, *, say: Say, incremental: bool) -> Path:
    """The initrd without kernel modules, which mkosi adds per kernel.

    Raises:
        ImageError: mkosi failed.
    """
    output = workspace.output("initrd")
    if output.exists():
        shutil.rmtree(output)
    say("building the initrd")
    mkosi(workspace, "initrd", [], output=output, incremental=incremental)
    return output / "initrd.cpio.zst"


def mkosi(workspace: Workspace, tree: str, options: list[str], *, output: Path, incremental: bool) -> None:
    """One run of mkosi in the tools tree; its log lies beside the outputs, with the suffix `.log`.

    Raises:
        ImageError: it failed.
    """
    # mkosi names a cached tree after the image, not the profile: profiles would overwrite each other's.
    # Nor does it look at versions: a tree that was made under another lock is not this one's.
    cache = workspace.tree_cache / output.name / hashlib.sha256(packages.pins().encode()).hexdigest()[:16]
    for stale in (path for path in cache.parent.glob("*") if path != cache):
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    scratch = workspace.scratch / output.name
    if scratch.exists():
        shutil.rmtree(scratch)  # a build that was killed left its whole tree there
    for directory in (output, workspace.package_cache, cache, scratch):
        directory.mkdir(parents=True, exist_ok=True)

    def seen(path: Path) -> str:
        return tools.inside(path, workspace)

    epoch = packages.source_date_epoch()
    command = ["mkosi", f"--directory={seen(MKOSI / tree)}", "--force", f"--output-directory={seen(output)}"]
    command += [
        f"--package-cache-dir={seen(workspace.package_cache)}",
        f"--cache-directory={seen(cache)}",
    ]
    command += [f"--workspace-directory={seen(scratch)}", f"--sandbox-tree={seen(workspace.sandbox)}"]
    command += [f"--source-date-epoch={epoch}", f"--incremental={'yes' if incremental else 'no'}", *options, "build"]
    tools.run(workspace, command, environment={"SOURCE_DATE_EPOCH": str(epoch)}, log=output.with_suffix(".log"))


def revision() -> str:
    """The Git revision of the checkout, `+changes` when files differ from it, `unknown` outside a checkout."""
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return UNKNOWN
    return head.stdout.strip() + ("+changes" if changed.stdout.strip() else "")


def describe(profile: str, output: Path, seconds: float, *, source: str, mkosi_version: str) -> Artefact:
    """Reads what mkosi left and writes `artefact.json`.

    Raises:
        ImageError: a file that must be there is not.
    """
    name = f"bulkhead-{profile}"
    uki = only(output, f"{name}.efi")
    disk = only(output, f"{name}.raw")
    root_hash = root_hash_of(uki)
    artefact = Artefact(
        profile=profile,
        directory=output,
        disk=disk.name,
        uki=uki.name,
        root_hash=root_hash,
        disk_sha256=sha256(disk),
        uki_sha256=sha256(uki),
        root_sha256=sha256(disk, gpt.partition(disk, gpt.ROOT)),
        source_date_epoch=packages.source_date_epoch(),
        seconds=round(seconds, 1),
        inputs_sha256=inputs(profile),
        source=source,
        lock_sha256=packages.lock_sha256(),
        mkosi=mkosi_version,
    )
    record = asdict(artefact)
    del record["directory"]
    (output / DESCRIPTION).write_text(json.dumps(record, indent=2) + "\n")
    return artefact


def load(workspace: Workspace, profile: str) -> Artefact:
    """The artefact of an earlier build.

    Raises:
        ImageError: the profile was not built, or its description is not readable.
    """
    path = workspace.output(profile) / DESCRIPTION
    try:
        record = json.loads(path.read_text())
        record.pop("root", None)  # builds until November 2026 kept the root file system beside the disk as well
        return Artefact(directory=path.parent, **record)
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist: run `bulkhead image build --profile {profile}` first") from error
    except (ValueError, TypeError) as error:
        raise ImageError(f"{path} is not what a build writes ({error}): build again") from error


def current(workspace: Workspace, profile: str) -> Artefact | None:
    """The artefact of an earlier build when it was made of just these sources; None when it must be built.

    Raises:
        ImageError: the earlier build's description is not readable.
    """
    if not (workspace.output(profile) / DESCRIPTION).is_file():
        return None
    found = load(workspace, profile)
    whole = all(found.path(name).is_file() for name in ("disk", "uki"))
    return found if whole and found.inputs_sha256 == inputs(profile) else None


def inputs(profile: str) -> str:
    """SHA-256 over what of this checkout goes into an image: our code, the configuration, the pins; names included."""
    files = [path for tree in (MKOSI, *(CHECKOUT / name for name in payload.CODE)) for path in tree.rglob("*")]
    files += [CHECKOUT / name for name in MAKERS]
    state = hashlib.sha256(profile.encode())
    for path in sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts):
        content = path.read_bytes()
        state.update(f"{path.relative_to(CHECKOUT)}\x00{len(content)}\x00".encode() + content)
    return state.hexdigest()


def root_hash_of(uki: Path) -> str:
    """The dm-verity root hash on a unified kernel image's command line.

    Raises:
        ImageError: there is none, so the root would not be checked at all.
    """
    from images.measure.pe import section  # noqa: PLC0415 - pefile is needed here only

    words = section(uki.read_bytes(), ".cmdline").rstrip(b"\0").decode().split()
    hashes = [word.removeprefix("roothash=") for word in words if word.startswith("roothash=")]
    if len(hashes) != 1:
        raise ImageError(f"{uki}: the command line holds {len(hashes)} root hashes, it must hold one")
    return hashes[0]


def only(directory: Path, pattern: str) -> Path:
    """The one file that matches.

    Raises:
        ImageError: none or several match.
    """
    found = sorted(directory.glob(pattern))
    if len(found) != 1:
        raise ImageError(f"{directory}: expected one {pattern}, found {[path.name for path in found]}")
    return found[0]


def sha256(path: Path, part: gpt.Partition | None = None) -> str:
    """Lower-case hex SHA-256 of a file, or of one partition of it, read in pieces.

    Raises:
        ImageError: the file ends within the partition.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(part.offset if part else 0)
        left = part.size if part else path.stat().st_size
        while piece := file.read(min(CHUNK, left)):
            digest.update(piece)
            left -= len(piece)
    if left:
        raise ImageError(f"{path}: ends {left} bytes before its partition of type {part.kind if part else 'none'} does")
    return digest.hexdigest()
