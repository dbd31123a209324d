"""Ciphertext that the agent has fetched: unnamed files below its scratch directory, the least used ones dropped."""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final, cast

from trainer.store.objects import ObjectStore

CACHE_BYTES: Final = 4 << 30
CACHE_FILES: Final = 128

Check = Callable[[BinaryIO, str], None]
"""Given an open file and the object's name for messages; raises when it is not the object that was asked for."""


class CiphertextCache:
    """Objects of one store as open files. At most `CACHE_FILES` and about `CACHE_BYTES` are kept."""

    def __init__(self, store: ObjectStore, scratch: Path) -> None:
        self._store, self._scratch = store, scratch
        self._files: OrderedDict[str, BinaryIO] = OrderedDict()

    def fetch(self, name: str, check: Check) -> BinaryIO:
        """The object as an open file, which stays the cache's. What `check` refuses is not kept."""
        if name in self._files:
            self._files.move_to_end(name)
            return self._files[name]
        with ExitStack() as stack:
            # Unnamed and unlinked: ciphertext only, and gone with the process.
            file = cast("BinaryIO", stack.enter_context(tempfile.TemporaryFile(dir=self._scratch)))
            self._store.download(name, file)
            file.flush()
            check(file, f"{self._store.url}/{name}")
            stack.pop_all()
        self._files[name] = file
        while len(self._files) > 1 and (len(self._files) > CACHE_FILES or self._bytes() > CACHE_BYTES):
            self._files.popitem(last=False)[1].close()
        return file

    def close(self) -> None:
        """Lets go of everything."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _bytes(self) -> int:
        return sum(os.fstat(file.fileno()).st_size for file in self._files.values())


def reopened_read_only(file: BinaryIO) -> int:
    """A descriptor of the same file that can only be read; the caller closes it."""
    return os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
