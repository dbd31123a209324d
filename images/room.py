"""Whether the disk has room for a build, asked before minutes are spent on it."""

from __future__ import annotations

import shutil
from pathlib import Path

from images.errors import ImageError
from images.workspace import Workspace

GIB = 1 << 30
FROM_NOTHING = {"cpu": 8 * GIB, "gpu": 32 * GIB, "oci": 8 * GIB}
"""Bytes that a build takes at its peak, all of the workspace with it.

Of `cpu` 6.7 GiB were measured, 4 of which stay. `gpu` was not built: unpacked, its driver and CUDA's libraries make
the tree four times as large.
"""


def demand(workspace: Workspace, profile: str) -> None:
    """Refuses a build that would fill the disk; what an earlier one left there counts as room, since it is used again.

    Raises:
        ImageError: there is not enough room.
    """
    place = workspace.root
    while not place.exists():
        place = place.parent
    free, taken, needed = shutil.disk_usage(place).free, held(workspace.root), FROM_NOTHING[profile]
    if free + taken < needed:
        raise ImageError(
            f"{workspace.root}: building the {profile} image takes about {needed / GIB:.0f} GiB there, and"
            f" {free / GIB:.1f} GiB are free: free some, or make this path a link to a directory on a larger disk"
        )


def held(directory: Path) -> int:
    """Bytes of disk that a directory's files take; files with holes count as what they take."""
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:  # another build at work
            continue
    return total
