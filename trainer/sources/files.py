"""One file of a source, read as a stream: fsspec's paths (files, `s3://`, …), and `gs://` by Google's own library."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

import fsspec
from botocore.exceptions import BotoCoreError

from trainer.errors import Reason, TrainerError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER = 8 << 20
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"


@contextmanager
def open_binary(path: str) -> Iterator[BinaryIO]:
    """The file at `path`, open for reading.

    Credentials are those that the cloud's own library finds: environment, profile, metadata server. Raises
    `TrainerError` (bad-source) for a path that cannot be opened, and while it is read for what is no `OSError`.
    """
    try:
        opened = _open_google(path) if path.startswith("gs://") else fsspec.open(path, "rb")
    except (OSError, ValueError, ImportError) as error:
        # A protocol that fsspec does not know, or one whose library is not installed.
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: cannot be opened: {error}") from error
    try:
        with opened as file:
            yield cast("BinaryIO", file)
    except BotoCoreError as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: cannot be read: {error}") from error


class _GoogleObject(io.RawIOBase):
    """One generation of an object of Cloud Storage, by ranges; what fails is an `OSError`."""

    def __init__(self, path: str) -> None:
        super().__init__()
        import google.auth  # noqa: PLC0415 - takes a second to import, and only gs:// needs it
        from google.auth import exceptions as auth_errors  # noqa: PLC0415

        from trainer.google.endpoints import from_environment  # noqa: PLC0415
        from trainer.store.gcs import FAILURES, storage_client  # noqa: PLC0415

        self._failures: tuple[type[Exception], ...] = FAILURES
        parts = urlsplit(path)
        try:
            find: Any = google.auth.default
            credentials, _ = find(scopes=[_SCOPE])
            bucket: Any = storage_client(credentials, from_environment().storage).bucket(parts.netloc)
            found = bucket.get_blob(parts.path.lstrip("/"))
        except (*FAILURES, auth_errors.GoogleAuthError, ValueError) as error:
            raise OSError(str(error)) from error
        if found is None:
            raise FileNotFoundError(f"no such object: {path}")
        self._size: int = found.size
        # Pinned, so that an object that is replaced meanwhile is gone and not half another.
        self._blob: Any = bucket.blob(found.name, generation=found.generation)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        count = min(len(target), self._size - self._at)
        if count <= 0:
            return 0
        try:
            data = self._blob.download_as_bytes(start=self._at, end=self._at + count - 1, raw_download=True)
        except self._failures as error:
            raise OSError(str(error)) from error
        if len(data) != count:
            raise OSError(f"{len(data)} bytes came of {count} from byte {self._at}")
        target[:count] = data
        self._at += count
        return count


def _open_google(path: str) -> io.BufferedReader:
    return io.BufferedReader(_GoogleObject(path), _BUFFER)
