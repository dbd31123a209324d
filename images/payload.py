"""What is laid over the image besides Debian packages: our own code and a few newer Python wheels."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from images.errors import ImageError
from images.workspace import CHECKOUT, Workspace

CODE = {"trainer": "trainer", "attestation": "attestation", "images/guest": "guest"}
"""Our packages inside the image: source directory -> name there. Nothing else of ours goes in."""
WHEELS = ("cryptography", "cffi", "cbor2")
"""Newer than in Debian 13, where the trainer's needs (cryptography >= 47, `decrypt_into`) are not met."""
PYTHON = "313"
"""Debian 13's Python, for which the wheels are chosen."""
HOME = Path("usr/lib/bulkhead")


def stage(workspace: Workspace, profile: str) -> Path:
    """Lays the payload out afresh; returns the directory that mkosi copies over the image.

    Raises:
        ImageError: a wheel cannot be had with the hash in requirements.lock.
    """
    root = workspace.payload(profile)
    if root.exists():
        shutil.rmtree(root)
    home = root / HOME
    home.mkdir(parents=True)
    for source, name in CODE.items():
        for file in sorted((CHECKOUT / source).rglob("*.py")):
            copy(file, home / name / file.relative_to(CHECKOUT / source))
    for wheel in wheels(workspace):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(home / "site")
    for path in sorted(root.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".so" else 0o644)
    return root


def copy(source: Path, target: Path) -> None:
    """Copies one file's bytes, making directories."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())


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


def wheels(workspace: Workspace) -> list[Path]:
    """The wheels, fetched once with the hashes of requirements.lock.

    Raises:
        ImageError: pip could not find one for the image's Python.
    """
    workspace.wheels.mkdir(parents=True, exist_ok=True)
    wanted = lock_entries(WHEELS, (CHECKOUT / "requirements.lock").read_text())
    requirements = workspace.wheels / "requirements.txt"
    present = sorted(workspace.wheels.glob("*.whl"))
    if requirements.is_file() and requirements.read_text() == wanted and len(present) == len(WHEELS):
        return present
    for stale in present:
        stale.unlink()
    requirements.write_text(wanted)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
    ]
    command += ["--python-version", PYTHON, "--implementation", "cp", "--abi", f"cp{PYTHON}", "--abi", "abi3"]
    command += [
        f"--platform={tag}"
        for tag in ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
    ]
    command += ["--dest", str(workspace.wheels), "-r", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        requirements.unlink()
        raise ImageError(f"pip could not fetch the image's wheels: {done.stderr.strip()[-600:]}")
    return sorted(workspace.wheels.glob("*.whl"))
