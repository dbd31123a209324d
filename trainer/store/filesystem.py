"""Objects in any file system that fsspec knows; on a local disk, written beside and renamed into place."""

from __future__ import annotations

import os
import shutil
import uuid
from typing import Any, BinaryIO

import fsspec

from trainer.errors import Reason, TrainerError
from trainer.store.objects import check_name, reopened

_FAILURES = (OSError, ValueError)


class FilesystemStore:
    """The objects below one fsspec URL."""

    def __init__(self, url: str) -> None:
        try:
            filesystem, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise TrainerError(Reason.BAD_JOB, f"{url}: no file system for this URL: {error}") from error
        self.url = url.rstrip("/")
        self._fs: Any = filesystem
        self._root = root.rstrip("/")
        self._local = filesystem.protocol in ("file", "local") or "file" in filesystem.protocol

    def put(self, name: str, data: bytes, *, exclusive: bool = False) -> None:
        """See `ObjectStore.put`."""
        if exclusive and not self._local and self.exists(name):
            raise TrainerError(Reason.STORE, f"{self.url}/{name} exists already; it is never replaced")
        self._write(name, lambda out: out.write(data), exclusive=exclusive)

    def upload(self, name: str, file: BinaryIO) -> None:
        """See `ObjectStore.upload`."""
        with reopened(file) as source:
            self._write(name, lambda out: shutil.copyfileobj(source, out, 1 << 20), exclusive=False)

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        try:
            data: bytes = self._fs.cat_file(self._path(name))
        except _FAILURES as error:
            raise self._failed("read", name, error) from error
        return data

    def download(self, name: str, file: BinaryIO) -> None:
        """See `ObjectStore.download`."""
        try:
            with self._fs.open(self._path(name), "rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
        except _FAILURES as error:
            raise self._failed("read", name, error) from error

    def exists(self, name: str) -> bool:
        """See `ObjectStore.exists`."""
        try:
            return bool(self._fs.exists(self._path(name)))
        except _FAILURES as error:
            raise self._failed("look up", name, error) from error

    def names(self, prefix: str) -> list[str]:
        """See `ObjectStore.names`."""
        try:
            found = self._fs.find(self._root) if self._fs.exists(self._root) else []
        except _FAILURES as error:
            raise self._failed("list", prefix, error) from error
        relative = (path[len(self._root) + 1 :] for path in found)
        return sorted(name for name in relative if name.startswith(prefix) and "/.partial-" not in f"/{name}")

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        try:
            if self._fs.exists(self._path(name)):
                self._fs.rm_file(self._path(name))
        except _FAILURES as error:
            raise self._failed("delete", name, error) from error

    def _write(self, name: str, fill: Any, *, exclusive: bool) -> None:
        path = self._path(name)
        folder, _, last = path.rpartition("/")
        target = f"{folder}/.partial-{uuid.uuid4().hex}-{last}" if self._local else path
        try:
            self._fs.makedirs(folder, exist_ok=True)
            with self._fs.open(target, "wb") as out:
                fill(out)
                if self._local:
                    out.flush()
                    os.fsync(out.fileno())
            if self._local:
                _publish(target, path, exclusive=exclusive)
        except _FAILURES as error:
            if self._local and os.path.lexists(target):
                os.unlink(target)  # noqa: PTH108 - fsspec speaks strings
            raise self._failed("write", name, error) from error

    def _path(self, name: str) -> str:
        return f"{self._root}/{check_name(name)}"

    def _failed(self, action: str, name: str, error: Exception) -> TrainerError:
        return TrainerError(Reason.STORE, f"cannot {action} {self.url}/{name}: {error}")


def _publish(temporary: str, path: str, *, exclusive: bool) -> None:
    """Gives the finished file its name in one step; a link, unlike a rename, refuses to replace."""
    if exclusive:
        os.link(temporary, path)
        os.unlink(temporary)  # noqa: PTH108
    else:
        os.replace(temporary, path)  # noqa: PTH105
