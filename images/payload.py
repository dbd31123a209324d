"""What is laid over the image besides Debian packages: our own code and a few newer Python wheels."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from images.wheels import fetch
from images.workspace import CHECKOUT, Workspace

CODE = {"trainer": "trainer", "attestation": "attestation", "images/guest": "guest"}
"""Our packages inside the image: source directory -> name there. Nothing else of ours goes in."""
HOME = Path("usr/lib/bulkhead")


def stage(workspace: Workspace, profile: str, *, update_lock: bool = False) -> Path:
    """Lays the payload out afresh; returns the directory that mkosi copies over the image.

    Raises:
        ImageError: a wheel is not pinned or cannot be had.
    """
    root = workspace.payload(profile)
    if root.exists():
        shutil.rmtree(root)
    home = root / HOME
    home.mkdir(parents=True)
    for source, name in CODE.items():
        for file in sorted((CHECKOUT / source).rglob("*.py")):
            copy(file, home / name / file.relative_to(CHECKOUT / source))
    for wheel in fetch(workspace, profile, update_lock=update_lock):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(home / "site")
    for path in sorted(root.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".so" else 0o644)
    return root


def wheels(overlay: Path) -> dict[str, str]:
    """Version by name of the wheels that were laid out, from their own metadata's directories."""
    names = (path.name.removesuffix(".dist-info") for path in (overlay / HOME / "site").glob("*.dist-info"))
    return dict(sorted(name.split("-", 1) for name in names))


def copy(source: Path, target: Path) -> None:
    """Copies one file's bytes, making directories."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
