"""The tools tree: a small Debian 13 with mkosi 25, made by debootstrap, entered through a private mount namespace.

Debian 12's mkosi is 14 and cannot build what is needed here. Every mount is made inside a namespace of its own, so it
is gone when the command ends, however it ends; nothing is ever mounted where another process could see it.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from images.errors import ImageError
from images.mirror import RELEASE, Mirror
from images.workspace import CHECKOUT, Workspace

LIST = Path(__file__).with_name("tools-packages.txt")
"""The tree's packages, one per line."""
BASE = ("apt", "ca-certificates", "debian-archive-keyring")
"""What debootstrap installs besides the minimal set, so that apt can install the rest."""
COMPLETE = "complete"
"""File in the tree that is written last: a tree without it was interrupted and is made again."""
SOURCE, STATE = "/src", "/state"
"""Where the checkout and the workspace are seen inside the tree."""

SIGNER = """#!/bin/sh
exec faketime -f "$(date -u -d @%d '+%%Y-%%m-%%d %%H:%%M:%%S')" /usr/lib/systemd/systemd-sbsign "$@"
"""
"""Stands before systemd-sbsign on the tree's PATH: signatures carry a time, and version 257 takes the clock's."""

ENTER = """
set -eu
tree=$1; source=$2; state=$3; shift 3
mount --bind "$tree" "$tree"
cd "$tree"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs tmp
mount --bind "$source" src
mount --bind "$state" state
[ ! -e /etc/resolv.conf ] || { touch etc/resolv.conf; mount --bind /etc/resolv.conf etc/resolv.conf; }
exec chroot . /usr/bin/env -i PATH=/usr/bin:/usr/sbin HOME=/root LANG=C.UTF-8 TZ=UTC "$@"
"""


def names(path: Path) -> list[str]:
    """The lines of a list, without comments and blank lines."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def make(workspace: Workspace, mirror: Mirror) -> Path:
    """Makes the tools tree unless it is there and complete; returns its path.

    Raises:
        ImageError: not root, debootstrap missing or failed.
    """
    tree = workspace.tools
    wanted = " ".join(names(LIST))
    marker = tree / COMPLETE
    if marker.is_file() and marker.read_text() == wanted:
        return tree
    if os.geteuid() != 0:
        raise ImageError("making the tools tree needs root (debootstrap makes device nodes and owners): run it as root")
    if shutil.which("debootstrap") is None:
        raise ImageError("debootstrap is not installed: scripts/setup installs what images/apt-packages.txt lists")
    if tree.exists():
        shutil.rmtree(tree)
    workspace.debs.mkdir(parents=True, exist_ok=True)
    command = [
        *("debootstrap", "--variant=minbase", f"--cache-dir={workspace.debs}"),
        *(f"--include={','.join(BASE)}", RELEASE, str(tree), mirror.archive),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"debootstrap failed with {done.returncode}: {(done.stdout + done.stderr).strip()[-600:]}")
    for name in (SOURCE, STATE):
        (tree / name.lstrip("/")).mkdir(exist_ok=True)
    install(workspace, mirror)
    marker.write_text(wanted)
    return tree


def install(workspace: Workspace, mirror: Mirror) -> None:
    """Installs the list with apt: debootstrap does not know virtual packages and alternatives.

    Raises:
        ImageError: apt failed.
    """
    apt = workspace.tools / "etc" / "apt"
    (apt / "sources.list").unlink(missing_ok=True)
    for name, text in {
        "sources.list.d/debian.sources": mirror.sources(),
        "apt.conf.d/90bulkhead": mirror.apt_configuration(),
    }.items():
        (apt / name).parent.mkdir(parents=True, exist_ok=True)
        (apt / name).write_text(text)
    (workspace.debs / "partial").mkdir(parents=True, exist_ok=True)
    cache = f"Dir::Cache::archives={inside(workspace.debs, workspace)}"
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(workspace, ["apt-get", "update", "-q"], environment=quiet)
    command = [
        "apt-get",
        "install",
        "-q",
        "-y",
        "--no-install-recommends",
        "-o",
        cache,
        "-o",
        "APT::Sandbox::User=root",
    ]
    run(workspace, [*command, *names(LIST)], environment=quiet)


def fix_signing_time(workspace: Workspace, epoch: int) -> None:
    """Makes the tree's signer write `epoch` as the time of every signature, so that two builds sign alike."""
    wrapper = workspace.tools / "usr" / "bin" / "systemd-sbsign"
    wrapper.write_text(SIGNER % epoch)
    wrapper.chmod(0o755)


def inside(path: Path, workspace: Workspace) -> str:
    """A path of the checkout or the workspace as it is seen inside the tree.

    Raises:
        ImageError: it lies in neither.
    """
    for base, seen in ((workspace.root, STATE), (CHECKOUT, SOURCE)):
        if path.resolve().is_relative_to(base.resolve()):
            return str(Path(seen) / path.resolve().relative_to(base.resolve()))
    raise ImageError(f"{path} lies outside the checkout and {workspace.root}: tools cannot see it")


def run(
    workspace: Workspace,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> str:
    """Runs a command inside the tools tree; returns its standard output.

    Args:
        workspace: whose tools tree.
        command: the program and its arguments, with paths as seen inside.
        environment: added to an otherwise empty environment.
        log: where both outputs are written instead of being returned.

    Raises:
        ImageError: it failed; the message ends with what it said last.
    """
    settings = [f"{name}={value}" for name, value in (environment or {}).items()]
    entered = [
        *("setpriv", "--pdeathsig", "KILL"),
        "unshare",
        "--mount",
        "--propagation=private",
        "--pid",
        "--fork",
        "--kill-child",
        "--",
        "sh",
        "-c",
        ENTER,
        "enter",
    ]
    entered += [str(workspace.tools), str(CHECKOUT), str(workspace.root), *settings, *command]
    if log is None:
        done = subprocess.run(entered, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
    else:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as file:
            done = subprocess.run(entered, stdout=file, stderr=subprocess.STDOUT, text=True, check=False)
        said = log.read_text()
    if done.returncode != 0:
        where = f" (whole log: {log})" if log else ""
        if os.strerror(errno.ENOSPC) in said:
            raise ImageError(f"{command[0]} found no room left on the disk of {workspace.root}{where}: free some")
        raise ImageError(f"{command[0]} ended with {done.returncode} in the tools tree{where}: …{said.strip()[-1500:]}")
    return done.stdout or ""
