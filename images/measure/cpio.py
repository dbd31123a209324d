"""The cpio archives (newc) that systemd-stub makes of sections and credential files; their bytes are measured."""

from __future__ import annotations

from collections.abc import Mapping

REGULAR, DIRECTORY = 0o100000, 0o040000
TRAILER = "TRAILER!!!"


def entry(name: str, mode: int, inode: int, content: bytes = b"", *, links: int = 1, upper: bool = False) -> bytes:
    """One entry: thirteen 8-digit hexadecimal words after the magic (Linux, driver-api/early-userspace)."""
    words = (inode, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    digits = "".join(f"{word:08X}" if upper else f"{word:08x}" for word in words)
    head = b"070701" + digits.encode() + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def archive(directory: str, directory_mode: int, files: Mapping[str, bytes], file_mode: int) -> bytes:
    """An archive of files in one directory, parents first; inodes count from 1 and every time is 0."""
    parts = directory.split("/")
    modes = [0o555] * (len(parts) - 1) + [directory_mode]
    pieces = [entry("/".join(parts[: depth + 1]), DIRECTORY | mode, depth + 1) for depth, mode in enumerate(modes)]
    for number, (name, content) in enumerate(sorted(files.items()), start=len(parts) + 1):
        pieces.append(entry(f"{directory}/{name}", REGULAR | file_mode, number, content))
    return b"".join(pieces) + entry(TRAILER, 0, 0, upper=True)
