"""Bodies and metadata of the double's Cloud Storage objects: one file each, named by SHA-256 of bucket and name."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

import google_crc32c


@dataclass(frozen=True)
class Stored:
    """One live object."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    content_type: str
    created: float
    crc32c: str
    md5: str
    size: int
    metadata: dict[str, str] = field(default_factory=dict)


class ObjectStore:
    """Live objects below `folder`; older generations are not kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = RLock()
        self._objects: dict[tuple[str, str], Stored] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in folder.glob("*.json"):
            stored = Stored(**json.loads(path.read_text(encoding="utf-8")))
            self._objects[stored.bucket, stored.name] = stored

    def find(self, bucket: str, name: str) -> Stored | None:
        """The object, or None."""
        return self._objects.get((bucket, name))

    def body(self, stored: Stored) -> bytes:
        """The object's content."""
        return self._path(stored.bucket, stored.name, "body").read_bytes()

    def names(self, bucket: str, prefix: str) -> list[Stored]:
        """The objects of a bucket whose names start so, by name."""
        with self._lock:
            held = list(self._objects.values())
        found = [one for one in held if one.bucket == bucket and one.name.startswith(prefix)]
        return sorted(found, key=lambda one: one.name.encode())

    def put(self, bucket: str, name: str, body: bytes, content_type: str, metadata: dict[str, str]) -> Stored:
        """Writes an object; it replaces one of the same name. Body first, then what makes it visible."""
        with self._lock:
            before = self._objects.get((bucket, name))
            stored = Stored(
                bucket=bucket,
                name=name,
                generation=max(time.time_ns() // 1000, before.generation + 1 if before else 0),
                metageneration=1,
                content_type=content_type,
                created=time.time(),
                crc32c=crc32c(body),
                md5=base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
                size=len(body),
                metadata=metadata,
            )
            _replace(self._path(bucket, name, "body"), body)
            self._keep(stored)
            return stored

    def describe(self, stored: Stored, metadata: dict[str, str]) -> Stored:
        """Replaces an object's own metadata."""
        values = asdict(stored) | {"metadata": metadata, "metageneration": stored.metageneration + 1}
        changed = Stored(**values)
        with self._lock:
            self._keep(changed)
        return changed

    def delete(self, stored: Stored) -> None:
        """Removes an object."""
        with self._lock:
            self._objects.pop((stored.bucket, stored.name), None)
            for kind in ("json", "body"):
                self._path(stored.bucket, stored.name, kind).unlink(missing_ok=True)

    def _keep(self, stored: Stored) -> None:
        _replace(self._path(stored.bucket, stored.name, "json"), json.dumps(asdict(stored)).encode())
        self._objects[stored.bucket, stored.name] = stored

    def _path(self, bucket: str, name: str, kind: str) -> Path:
        return self._folder / f"{hashlib.sha256(f'{bucket}/{name}'.encode()).hexdigest()}.{kind}"


def crc32c(body: bytes) -> str:
    """The checksum as Cloud Storage writes it: base64 of four bytes, big-endian."""
    return base64.b64encode(google_crc32c.value(body).to_bytes(4)).decode()


def _replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(path.suffix + ".new")
    new.write_bytes(content)
    new.replace(path)


def shown(stored: Stored, host: str) -> dict[str, Any]:
    """The object as the JSON API shows it."""
    when = (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stored.created)) + f".{int(stored.created * 1000) % 1000:03d}Z"
    )
    from urllib.parse import quote  # noqa: PLC0415 - one use

    path = f"b/{stored.bucket}/o/{quote(stored.name, safe='')}"
    return {
        "kind": "storage#object",
        "id": f"{stored.bucket}/{stored.name}/{stored.generation}",
        "selfLink": f"{host}/storage/v1/{path}",
        "mediaLink": f"{host}/download/storage/v1/{path}?generation={stored.generation}&alt=media",
        "name": stored.name,
        "bucket": stored.bucket,
        "generation": str(stored.generation),
        "metageneration": str(stored.metageneration),
        "contentType": stored.content_type,
        "storageClass": "STANDARD",
        "size": str(stored.size),
        "md5Hash": stored.md5,
        "crc32c": stored.crc32c,
        "etag": base64.b64encode(str(stored.generation).encode()).decode(),
        "timeCreated": when,
        "updated": when,
        **({"metadata": stored.metadata} if stored.metadata else {}),
    }
