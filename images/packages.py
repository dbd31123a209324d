"""The pinned packages: what is demanded of apt before a build and of the image after it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from images.errors import ImageError

LOCK = Path(__file__).with_name("packages.lock")
DEFAULT_EPOCH = 1_767_225_600
"""2026-01-01T00:00:00Z: the time stamp of everything in an image whose lock names no other."""
CONTENTS = "packages.json"
"""What was installed, beside a build's outputs: `{"initrd"|"node"|"python": {package: version}}`."""
PARTS = ("initrd", "node")
"""Where Debian's packages are; the lock pins them."""
_KERNEL = re.compile(r"linux-image-[0-9]")
WHEELS = "python"
"""The wheels, which other files pin by hash."""
Contents = Mapping[str, Mapping[str, str]]


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


def lock_sha256() -> str:
    """Lower-case hex SHA-256 of the lock as it is now, `unknown` where there is none."""
    try:
        return hashlib.sha256(LOCK.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "unknown"


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


def read_manifests(manifests: Mapping[str, Path]) -> Contents:
    """What an image's parts (`initrd`, `node`) hold, from the manifests that mkosi wrote.

    Raises:
        ImageError: one is missing or empty.
    """
    return {part: manifest_packages(path) for part, path in manifests.items()}


def write_contents(directory: Path, found: Contents) -> None:
    """Keeps beside a build's outputs what it holds: the bill of materials is made of this, never of the lock."""
    (directory / CONTENTS).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def read_contents(directory: Path) -> Contents:
    """What the build in a directory holds.

    Raises:
        ImageError: the build did not say, or not in full.
    """
    path = directory / CONTENTS
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError) as error:
        raise ImageError(f"{path}: not what a build writes ({error}): build again") from error
    if not isinstance(found, dict) or found.keys() != {*PARTS, WHEELS} or not all(map(_versions, found.values())):
        raise ImageError(f"{path}: expected versions by package for {', '.join(PARTS)} and {WHEELS}: build again")
    return found


def _versions(part: object) -> bool:
    return isinstance(part, dict) and bool(part) and all(isinstance(version, str) for version in part.values())


def pin(profile: str, found: Contents) -> None:
    """Writes a profile's part of the lock from an image."""
    lock = read_lock()
    lock["profiles"][profile] = found
    LOCK.write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n")


def drift(profile: str, found: Contents) -> tuple[str, ...]:
    """One sentence per package of an image that is not as the lock pins it; empty when all are.

    Raises:
        ImageError: the lock pins nothing for the profile.
    """
    pinned = read_lock()["profiles"].get(profile)
    if pinned is None:
        raise ImageError(
            f"{LOCK} pins nothing for profile {profile}: build it once with --update-lock and commit the lock"
        )
    parts = sorted((pinned.keys() | found.keys()) - {WHEELS})
    return tuple(f"{part}: {line}" for part in parts for line in differences(pinned.get(part, {}), found.get(part, {})))


def demand(profile: str, found: Contents, *, newer: bool = False) -> tuple[str, ...]:
    """Compares an image with the lock; returns what differs and was let through.

    Args:
        profile: whose pins.
        found: what the image holds.
        newer: let through what Debian has published since the lock was made: newer versions, and packages that came or
            went with them. An older version never passes: a mirror that offers one is stale, or rolled back. Kernels
            have their versions in their names; each new one is compared with every pinned one.

    Raises:
        ImageError: they differ otherwise; the message lists the packages.
    """
    wrong = drift(profile, found)
    if not wrong:
        return ()
    if not newer:
        raise ImageError(
            f"the image does not hold the pinned packages ({len(wrong)} differ): {'; '.join(wrong[:8])}. "
            "The mirror has others, or a tree of an earlier build was reused: build with --fresh. If they differ then "
            "too, build with --update-lock and review the change of images/packages.lock, or with --accept-newer (not "
            "for oci) for an image that is tried and never published, or let apt's sources on this machine name a "
            "snapshot of the archive and of the security archive from the lock's time"
        )
    pinned = read_lock()["profiles"][profile]
    older = [f"{part}: {line}" for part in pinned for line in _older(pinned[part], found.get(part, {}))]
    if older:
        raise ImageError(
            f"the image holds older packages than are pinned: {'; '.join(older[:8])}. "
            "The mirror is behind the one that the lock was made with: use another"
        )
    return wrong


def _older(pinned: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """One sentence per package that is older than what is pinned under its name, or a kernel older than the pinned."""
    lines = [
        f"{name}: pinned {pinned[name]}, image has {version}"
        for name, version in sorted(found.items())
        if name in pinned and is_older(version, pinned[name])
    ]
    kernels = {name: version for name, version in pinned.items() if _KERNEL.match(name)}
    return lines + [
        f"{old}: pinned {kernels[old]}, image has {name} {version}"
        for name, version in sorted(found.items())
        if name not in pinned and _KERNEL.match(name)
        for old in sorted(kernels)
        if is_older(version, kernels[old])
    ]


def is_older(version: str, than: str) -> bool:
    """Whether a Debian package's version sorts before another.

    Raises:
        ImageError: dpkg is missing, or one is not a version.
    """
    command = ["dpkg", "--compare-versions", version, "lt", than]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ImageError("dpkg is missing, so versions cannot be compared: build on a Debian machine") from error
    # dpkg only warns of what is no version, and goes on.
    if done.returncode not in (0, 1) or done.stderr:
        raise ImageError(f"{version!r} and {than!r} cannot be compared: {done.stderr.strip() or done.returncode}")
    return done.returncode == 0
