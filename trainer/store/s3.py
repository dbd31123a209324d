"""Objects in S3 through boto3. Buckets encrypt with their own key as well; what is stored is ciphertext already."""

from __future__ import annotations

from typing import Any, BinaryIO
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from s3transfer.exceptions import CancelledError, RetriesExceededError

from trainer.errors import Reason, TrainerError
from trainer.store.objects import check_name, reopened

_FAILURES = (ClientError, BotoCoreError, Boto3Error, RetriesExceededError, CancelledError)
"""A download that breaks off raises s3transfer's own errors, which are neither boto3's nor botocore's."""


class S3Store:
    """The objects below `s3://bucket/prefix`."""

    def __init__(self, url: str, session: boto3.Session | None = None, endpoint: str | None = None) -> None:
        parts = urlsplit(url)
        if not parts.netloc:
            raise TrainerError(Reason.BAD_JOB, f"{url}: expected s3://bucket/prefix")
        self.url = url.rstrip("/")
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/")
        self._client: Any = (session or boto3.Session()).client("s3", endpoint_url=endpoint)

    def put(self, name: str, data: bytes, *, exclusive: bool = False) -> None:
        """See `ObjectStore.put`; exclusivity is S3's own (`If-None-Match: *`)."""
        condition = {"IfNoneMatch": "*"} if exclusive else {}
        try:
            self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=data, **condition)
        except _FAILURES as error:
            raise self._failed("write", name, error) from error

    def upload(self, name: str, file: BinaryIO) -> None:
        """See `ObjectStore.upload`; large files go as a multipart upload, which becomes visible as a whole."""
        try:
            with reopened(file) as copy:
                self._client.upload_fileobj(copy, self._bucket, self._key(name))
        except _FAILURES as error:
            raise self._failed("write", name, error) from error

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        try:
            data: bytes = self._client.get_object(Bucket=self._bucket, Key=self._key(name))["Body"].read()
        except _FAILURES as error:
            raise self._failed("read", name, error) from error
        return data

    def download(self, name: str, file: BinaryIO) -> None:
        """See `ObjectStore.download`."""
        try:
            self._client.download_fileobj(self._bucket, self._key(name), file)
        except _FAILURES as error:
            raise self._failed("read", name, error) from error

    def exists(self, name: str) -> bool:
        """See `ObjectStore.exists`; only "not found" means no, every other refusal is an error."""
        try:
            self._client.head_object(Bucket=self._bucket, Key=self._key(name))
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
                return False
            raise self._failed("look up", name, error) from error
        except BotoCoreError as error:
            raise self._failed("look up", name, error) from error
        return True

    def names(self, prefix: str) -> list[str]:
        """See `ObjectStore.names`."""
        base = f"{self._prefix}/" if self._prefix else ""
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=base + prefix)
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        except _FAILURES as error:
            raise self._failed("list", prefix, error) from error
        return sorted(key[len(base) :] for key in keys)

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))
        except _FAILURES as error:
            raise self._failed("delete", name, error) from error

    def _key(self, name: str) -> str:
        check_name(name)
        return f"{self._prefix}/{name}" if self._prefix else name

    def _failed(self, action: str, name: str, error: Exception) -> TrainerError:
        return TrainerError(Reason.STORE, f"cannot {action} {self.url}/{name}: {error}")
