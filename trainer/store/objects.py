"""The few operations on objects that the trainer needs, and which implementation serves a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from trainer.errors import Reason, TrainerError

if TYPE_CHECKING:
    import boto3


class ObjectStore(Protocol):
    """Objects under one URL; names are relative to it. Every failure is a `TrainerError` naming the object."""

    url: str

    def put(self, name: str, data: bytes, *, exclusive: bool = False) -> None:
        """Writes one small object atomically; with `exclusive` refuses to replace an existing one."""
        ...

    def upload(self, name: str, file: BinaryIO) -> None:
        """Writes one object from an open file, atomically: readers see all of it or nothing."""
        ...

    def get(self, name: str) -> bytes:
        """The whole of one small object; `TrainerError(STORE)` when it is missing."""
        ...

    def download(self, name: str, file: BinaryIO) -> None:
        """Writes one object's bytes to an open file."""
        ...

    def exists(self, name: str) -> bool:
        """Whether the object is there."""
        ...

    def names(self, prefix: str) -> list[str]:
        """The names that start with `prefix`, sorted."""
        ...

    def delete(self, name: str) -> None:
        """Removes one object; a missing one is no error."""
        ...


def open_store(url: str, session: boto3.Session | None = None, endpoint: str | None = None) -> ObjectStore:
    """The store for `s3://bucket/prefix`, or for any other URL that fsspec knows (`file://`, `memory://`)."""
    if url.startswith("s3://"):
        from trainer.store.s3 import S3Store  # noqa: PLC0415 - boto3 takes a second to import; only S3 needs it

        return S3Store(url, session, endpoint)
    if url.startswith("gs://"):
        raise TrainerError(Reason.BAD_JOB, f"{url}: Google Cloud's buckets are opened by `gcp_backends`")
    from trainer.store.filesystem import FilesystemStore  # noqa: PLC0415

    return FilesystemStore(url)


def reopened(file: BinaryIO) -> BinaryIO:
    """The same file with an offset of its own, at the start: the given one may be shared with another process."""
    return open(f"/proc/self/fd/{file.fileno()}", "rb")  # noqa: PTH123 - a descriptor; the caller closes it


def check_name(name: str) -> str:
    """`name`, unless it could leave its prefix."""
    if not name or name.startswith("/") or "\\" in name or any(part in {"", ".", ".."} for part in name.split("/")):
        raise TrainerError(Reason.STORE, f"object name {name!r} is not allowed: it must stay below its prefix")
    return name
