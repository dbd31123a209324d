"""Prints, as JSON, path -> mode, owner, time, and digest or link target of an erofs file system within a disk.

Runs in the tools tree, where erofs-utils is, with the standard library alone: `python3 listing.py DISK OFFSET SCRATCH`.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def describe(path: Path) -> str:
    """One entry's metadata and content, as text that differs when the entry does."""
    state = path.lstat()
    content = ""
    if path.is_symlink():
        content = str(path.readlink())
    elif path.is_file():
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{state.st_mode:o} {state.st_uid}:{state.st_gid} {int(state.st_mtime)} {content}".rstrip()


def main(disk: str, offset: str, scratch: str) -> int:
    """Prints the listing; 0 unless the image cannot be unpacked."""
    with tempfile.TemporaryDirectory(dir=scratch) as root:
        unpack = ["fsck.erofs", f"--extract={root}", "--overwrite", "--preserve", f"--offset={offset}", disk]
        done = subprocess.run(unpack, stdout=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            return done.returncode
        entries = {str(path.relative_to(root)): describe(path) for path in sorted(Path(root).rglob("*"))}
    json.dump(entries, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
