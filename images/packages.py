"""The pinned packages: what is demanded of apt before a build and of the image after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from images.errors import ImageError

LOCK = Path(__file__).with_name("packages.lock")
DEFAULT_EPOCH = 1_767_225_600
"""2026-01-01T00:00:00Z: the time stamp of everything in an image whose lock names no other."""


def read_lock() -> dict[str, Any]:
    """The lock: `{"source_date_epoch": int, "profiles": {profile: {"initrd"|"node": {package: version}}}}`.

    Raises:
        ImageError: it is not readable as such.
    """
    try:
        lock = json.loads(LOCK.read_text())
    except FileNotFoundError:
        return {"source_date_epoch": DEFAULT_EPOCH, "profiles": {}}
    except ValueError as error:
        raise ImageError(f"{LOCK} is not JSON ({error}): restore it, or build with --update-lock") from error
    if (
        not isinstance(lock, dict)
        or not isinstance(lock.get("source_date_epoch"), int)
        or not isinstance(lock.get("profiles"), dict)
    ):
        raise ImageError(f"{LOCK} lacks source_date_epoch or profiles: restore it, or build with --update-lock")
    return lock


def source_date_epoch() -> int:
    """Seconds since 1970 that every time stamp in the image is clamped to."""
    return int(read_lock()["source_date_epoch"])


def pins() -> str:
    """Preferences for apt that select exactly the pinned versions, even older ones."""
    wanted: dict[str, str] = {}
    for profile in read_lock()["profiles"].values():
        for part in profile.values():
            wanted |= part
    return "".join(
        f"Package: {name}\nPin: version {version}\nPin-Priority: 1001\n\n" for name, version in sorted(wanted.items())
    )


def manifest_packages(path: Path) -> dict[str, str]:
    """Package -> version from a manifest that mkosi wrote.

    Raises:
        ImageError: it is missing or empty.
    """
    try:
        entries = json.loads(path.read_text())["packages"]
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise ImageError(f"{path}: no package manifest ({error}); the image cannot be accounted for") from error
    found = {str(entry["name"]): str(entry["version"]) for entry in entries}
    if not found:
        raise ImageError(f"{path}: the manifest lists no package")
    return dict(sorted(found.items()))


def differences(pinned: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """One sentence per package that is not as pinned."""
    return [
        f"{name}: pinned {pinned.get(name, 'absent')}, image has {found.get(name, 'absent')}"
        for name in sorted(pinned.keys() | found.keys())
        if pinned.get(name) != found.get(name)
    ]


def settle(profile: str, manifests: Mapping[str, Path], *, update: bool) -> None:
    """Compares an image with the lock, or, with `update`, writes the lock from the image.

    Raises:
        ImageError: they differ; the message lists the packages.
    """
    found = {part: manifest_packages(path) for part, path in manifests.items()}
    lock = read_lock()
    if update:
        lock["profiles"][profile] = found
        LOCK.write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n")
        return
    pinned = lock["profiles"].get(profile)
    if pinned is None:
        raise ImageError(
            f"{LOCK} pins nothing for profile {profile}: build it once with --update-lock and commit the lock"
        )
    wrong = [f"{part}: {line}" for part in found for line in differences(pinned.get(part, {}), found[part])]
    if wrong:
        raise ImageError(
            f"the image does not hold the pinned packages ({len(wrong)} differ): {'; '.join(wrong[:8])}. "
            "The mirror no longer has them: use a snapshot mirror, or build with --update-lock and review the change"
        )
