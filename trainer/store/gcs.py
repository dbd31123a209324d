"""Objects in Google Cloud Storage. Buckets encrypt with their own key as well; what is stored is ciphertext already."""

from __future__ import annotations

import os
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from requests import exceptions as http_errors

from trainer.errors import Reason, TrainerError
from trainer.store.objects import check_name, reopened

FAILURES = (
    google_errors.GoogleAPIError,
    auth_errors.GoogleAuthError,
    http_errors.RequestException,
    InvalidResponse,
    DataCorruption,
)
"""Everything by which the library says that an object could not be read or written."""
PROJECT = "-"
"""The library wants a project; only listing buckets would use it."""
NEVER_THERE = 0
"""The generation of an object that does not exist: as a precondition, "create, never replace"."""


def storage_client(credentials: Any, endpoint: str | None) -> Client:
    """The library's client; `endpoint` replaces Google's address."""
    # It would ask for each bucket's settings, to label its traces with; a trainer may not read those and need not.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    options = {"api_endpoint": endpoint} if endpoint else None
    return Client(project=PROJECT, credentials=credentials, client_options=options)


class GcsStore:
    """The objects below `gs://bucket/prefix`."""

    def __init__(self, url: str, client: Client) -> None:
        parts = urlsplit(url)
        if parts.scheme != "gs" or not parts.netloc:
            raise TrainerError(Reason.BAD_JOB, f"{url}: expected gs://bucket/prefix")
        self.url = url.rstrip("/")
        self._prefix = parts.path.strip("/")
        self._client = client
        self._bucket: Any = client.bucket(parts.netloc)

    def put(self, name: str, data: bytes, *, exclusive: bool = False) -> None:
        """See `ObjectStore.put`; exclusivity is Cloud Storage's own (generation 0 must match)."""
        condition = {"if_generation_match": NEVER_THERE} if exclusive else {}
        try:
            self._blob(name).upload_from_string(
                data, content_type="application/octet-stream", checksum="crc32c", **condition
            )
        except FAILURES as error:
            raise self._failed("write", name, error) from error

    def upload(self, name: str, file: BinaryIO) -> None:
        """See `ObjectStore.upload`; large files go as a resumable upload, which becomes visible as a whole."""
        try:
            with reopened(file) as copy:
                self._blob(name).upload_from_file(copy, content_type="application/octet-stream", checksum="crc32c")
        except FAILURES as error:
            raise self._failed("write", name, error) from error

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`; the library compares the CRC32C of what arrives."""
        try:
            data: bytes = self._blob(name).download_as_bytes(checksum="crc32c")
        except FAILURES as error:
            raise self._failed("read", name, error) from error
        return data

    def download(self, name: str, file: BinaryIO) -> None:
        """See `ObjectStore.download`."""
        try:
            self._blob(name).download_to_file(file, checksum="crc32c")
        except FAILURES as error:
            raise self._failed("read", name, error) from error

    def exists(self, name: str) -> bool:
        """See `ObjectStore.exists`; only "not found" means no, every other refusal is an error."""
        try:
            return bool(self._blob(name).exists())
        except FAILURES as error:
            raise self._failed("look up", name, error) from error

    def names(self, prefix: str) -> list[str]:
        """See `ObjectStore.names`."""
        base = f"{self._prefix}/" if self._prefix else ""
        try:
            found = [blob.name for blob in self._client.list_blobs(self._bucket, prefix=base + prefix)]
        except FAILURES as error:
            raise self._failed("list", prefix, error) from error
        return sorted(name[len(base) :] for name in found)

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        try:
            self._blob(name).delete()
        except google_errors.NotFound:
            return
        except FAILURES as error:
            raise self._failed("delete", name, error) from error

    def _blob(self, name: str) -> Any:
        check_name(name)
        return self._bucket.blob(f"{self._prefix}/{name}" if self._prefix else name)

    def _failed(self, action: str, name: str, error: Exception) -> TrainerError:
        return TrainerError(Reason.STORE, f"cannot {action} {self.url}/{name}: {error}")
