"""Changes a copy of an image as an attacker with the disk would, to see that the change does not stay unnoticed.

Each attack is a function from a copy of the disk to nothing; `ATTACKS` says what must happen to each.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from images import gpt, tpm
from images.errors import ImageError
from images.measure.pe import parse, section

UKI = "EFI/BOOT/BOOTX64.EFI"
SUPERBLOCK = 1024
"""Where erofs keeps its superblock: read before anything else."""
CLOSED, OPEN = b"debugfs=off", b"debugfs=on "
"""Of one length, so that the image's sections stay where they are."""
VOLUME_NAME = 64
"""Offset of the volume name in the superblock: a byte that nothing but verity checks."""


@dataclass(frozen=True)
class Attack:
    """A change and what must come of it."""

    change: Callable[[Path], None]
    what: str
    boots: bool
    """False: the machine must not come up. True: it comes up and its evidence must be refused."""


def copy(disk: Path, target: Path) -> Path:
    """A sparse copy of a disk.

    Raises:
        ImageError: no space, or no such disk.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    tpm.run([tpm.program("cp"), "--sparse=always", "--reflink=auto", str(disk), str(target)])
    return target


def esp(disk: Path) -> str:
    """The system partition as mtools names it."""
    return f"{disk}@@{gpt.partition(disk, gpt.ESP).offset}"


def mtools(command: list[str]) -> None:
    """Runs one of mtools without its questions.

    Raises:
        ImageError: it failed.
    """
    tpm.run([tpm.program(command[0]), *command[1:]], {"MTOOLS_SKIP_CHECK": "1"})


def unsign(image: bytes) -> bytes:
    """A PE file without its certificate table.

    Raises:
        ImageError: it is not signed.
    """
    entry = parse(image).OPTIONAL_HEADER.DATA_DIRECTORY[4]
    if not entry.Size:
        raise ImageError("the image carries no signature")
    at = entry.get_file_offset()
    return (image[:at] + bytes(8) + image[at + 8 :])[: entry.VirtualAddress]


def change_kernel(disk: Path, change: Callable[[Path], None]) -> None:
    """Takes the unified kernel image out of the system partition, changes it, puts it back.

    Raises:
        ImageError: it is not there, or the change cannot be made.
    """
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "uki"
        mtools(["mcopy", "-i", esp(disk), f"::/{UKI}", str(file)])
        change(file)
        mtools(["mcopy", "-o", "-i", esp(disk), str(file), f"::/{UKI}"])


def remove_signature(file: Path) -> None:
    """Takes the signature off an image.

    Raises:
        ImageError: it carries none.
    """
    file.write_bytes(unsign(file.read_bytes()))


def unsigned_kernel(disk: Path) -> None:
    """Takes the signature off the unified kernel image."""
    change_kernel(disk, remove_signature)


def debugging(image: bytes) -> bytes:
    """An unsigned image whose command line opens the kernel's debug file system; everything else stays in its place.

    Raises:
        ImageError: the command line does not close it, or occurs more than once.
    """
    line = section(image, ".cmdline")
    if image.count(line) != 1 or CLOSED not in line:
        raise ImageError(f"the command line does not say {CLOSED.decode()} once: {line!r}")
    return image.replace(line, line.replace(CLOSED, OPEN))


def debug_build(disk: Path, key: Path, certificate: Path) -> None:
    """Makes the image a debug build, signed by the platform's own key: the kernel's debug file system is open.

    What somebody in the platform's team could leave behind. Firmware starts it: only the measurements tell.

    Raises:
        ImageError: the command line has no such word, or signing failed.
    """

    def change(file: Path) -> None:
        file.write_bytes(debugging(unsign(file.read_bytes())))
        tpm.run(
            [tpm.program("sbsign"), "--key", str(key), "--cert", str(certificate), "--output", str(file), str(file)]
        )

    change_kernel(disk, change)


def credential_file(disk: Path) -> None:
    """Puts a credential beside the image, where systemd-stub picks it up: a root password for the asking."""
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "passwd.hashed-password.root.cred"
        file.write_text("$6$tampered$")
        mtools(["mmd", "-i", esp(disk), f"::/{UKI}.extra.d"])
        mtools(["mcopy", "-i", esp(disk), str(file), f"::/{UKI}.extra.d/{file.name}"])


def root_byte(disk: Path) -> None:
    """Flips one bit in the root file system, in a field that the file system itself does not look at."""
    at = gpt.partition(disk, gpt.ROOT).offset + SUPERBLOCK + VOLUME_NAME
    with disk.open("r+b") as file:
        file.seek(at)
        (old,) = struct.unpack("B", file.read(1))
        file.seek(at)
        file.write(bytes([old ^ 1]))


ATTACKS = {
    "unsigned-kernel": Attack(
        unsigned_kernel, "Secure Boot must refuse a kernel image without our signature", boots=False
    ),
    "credential-file": Attack(credential_file, "PCR 12 must tell that a file lies beside the image", boots=True),
    "root-byte": Attack(root_byte, "dm-verity must stop a root file system with one bit changed", boots=False),
}


def apply(name: str, disk: Path, target: Path) -> Path:
    """A copy of `disk` at `target` with the attack made on it.

    Raises:
        ImageError: unknown attack, or a tool failed.
    """
    if name not in ATTACKS:
        raise ImageError(f"--tamper {name}: known are {', '.join(ATTACKS)}")
    changed = copy(disk, target)
    try:
        ATTACKS[name].change(changed)
    except (OSError, subprocess.SubprocessError) as error:
        raise ImageError(f"{name}: {error}") from error
    return changed
