"""Finding a partition in a raw disk image (UEFI 2.10, section 5.3: GUID Partition Table)."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from pathlib import Path

from images.errors import ImageError

SECTOR = 512
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
ROOT = uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
"""Root of x86-64 (UAPI Group, Discoverable Partitions Specification)."""
ROOT_VERITY = uuid.UUID("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5")


@dataclass(frozen=True)
class Partition:
    """Where a partition lies, in bytes."""

    kind: uuid.UUID
    offset: int
    size: int


def partitions(disk: Path) -> list[Partition]:
    """The partitions of a disk with 512-byte sectors.

    Raises:
        ImageError: there is no partition table.
    """
    with disk.open("rb") as file:
        file.seek(SECTOR)
        header = file.read(92)
        if header[:8] != b"EFI PART" or len(header) < 92:
            raise ImageError(f"{disk}: no GUID partition table")
        start, count, size = struct.unpack_from("<QII", header, 72)
        if size < 128 or count > 1024:
            raise ImageError(f"{disk}: partition table with {count} entries of {size} bytes")
        file.seek(start * SECTOR)
        entries = [file.read(size) for _ in range(count)]
    found = []
    for entry in entries:
        kind = uuid.UUID(bytes_le=entry[:16].ljust(16, b"\0"))
        if kind.int and len(entry) == size:
            first, last = struct.unpack_from("<QQ", entry, 32)
            found.append(Partition(kind, first * SECTOR, (last - first + 1) * SECTOR))
    return found


def partition(disk: Path, kind: uuid.UUID) -> Partition:
    """The one partition of a type.

    Raises:
        ImageError: none or several.
    """
    found = [entry for entry in partitions(disk) if entry.kind == kind]
    if len(found) != 1:
        raise ImageError(f"{disk}: {len(found)} partitions of type {kind}, expected one")
    return found[0]
