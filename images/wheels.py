"""Python wheels inside the image, each pinned by hash: those newer than Debian's, and torch with CUDA for GPUs."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

from images.errors import ImageError
from images.workspace import CHECKOUT, Workspace

NEWER = ("cryptography", "cffi", "cbor2")
"""Newer than in Debian 13, where the trainer's needs (cryptography >= 47, `decrypt_into`) are not met."""
GPU_LOCK = Path(__file__).with_name("gpu-wheels.lock")
"""Torch with CUDA and what it needs, pinned by hash; made by `image build --profile gpu --update-lock`."""
PYTHON = "313"
"""Debian 13's Python, for which wheels are chosen."""
PLATFORMS = ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def fetch(workspace: Workspace, profile: str, *, update_lock: bool = False) -> list[Path]:
    """A profile's wheels, fetched once, each with a pinned hash.

    Raises:
        ImageError: a wheel is not pinned, or cannot be had.
    """
    lock = (CHECKOUT / "requirements.lock").read_text()
    wheels = download(workspace.wheels / "common", lock_entries(NEWER, lock))
    if profile != "gpu":
        return wheels
    if update_lock:
        pin_torch(workspace, lock)
    if not GPU_LOCK.is_file():
        raise ImageError(f"{GPU_LOCK} does not exist: build the gpu profile once with --update-lock and commit it")
    return wheels + download(workspace.wheels / "gpu", GPU_LOCK.read_text())


def lock_entries(names: tuple[str, ...], lock: str) -> str:
    """The entries of `names` in a hash-pinned requirements file, as a requirements file of their own.

    Raises:
        ImageError: a name is not pinned there.
    """
    entries = {entry.split("==")[0].lower(): entry for entry in re.split(r"\n(?=[A-Za-z0-9])", lock) if "==" in entry}
    missing = [name for name in names if name not in entries]
    if missing:
        raise ImageError(f"requirements.lock does not pin {', '.join(missing)}: run scripts/lock")
    return "\n".join(entries[name].strip() for name in names) + "\n"


def download(directory: Path, wanted: str) -> list[Path]:
    """The wheels that a hash-pinned requirements file names.

    Raises:
        ImageError: pip could not find one for the image's Python with one of its hashes.
    """
    directory.mkdir(parents=True, exist_ok=True)
    requirements = directory / "requirements.txt"
    present = sorted(directory.glob("*.whl"))
    if requirements.is_file() and requirements.read_text() == wanted and len(present) == wanted.count("=="):
        return present
    for stale in present:
        stale.unlink()
    requirements.write_text(wanted)
    try:
        pip(["--no-deps", "--require-hashes", "-r", str(requirements)], directory)
    except ImageError:
        requirements.unlink()
        raise
    return sorted(directory.glob("*.whl"))


def pip(arguments: list[str], directory: Path) -> None:
    """Runs `pip download` for the image's Python.

    Raises:
        ImageError: it failed.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", str(directory)]
    command += ["--python-version", PYTHON, "--implementation", "cp", "--abi", f"cp{PYTHON}", "--abi", "abi3"]
    command += ["--abi", "none", *(f"--platform={tag}" for tag in PLATFORMS), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"pip could not fetch the image's wheels: {done.stderr.strip()[-600:]}")


def pin_torch(workspace: Workspace, lock: str) -> None:
    """Resolves torch with its CUDA libraries, in the version of requirements.lock, and writes the lock.

    Raises:
        ImageError: pip could not resolve it.
    """
    version = lock_entries(("torch",), lock).split(" ")[0]
    directory = workspace.wheels / "gpu-resolving"
    directory.mkdir(parents=True, exist_ok=True)
    pip([version], directory)
    lines = ["# torch with CUDA for the gpu image; made by `bulkhead image build --profile gpu --update-lock`."]
    for wheel in sorted(directory.glob("*.whl")):
        name, number = wheel.name.split("-")[:2]
        lines.append(f"{name}=={number} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}")
    GPU_LOCK.write_text("\n".join(lines) + "\n")
