"""Bodies of uploads: media, multipart/related, and resumable in pieces.

Cloud Storage JSON API "Simple uploads", "Multipart uploads", "Resumable uploads".
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from typing import Any

from localcloud.gcp.access import Caller
from localcloud.gcp.errors import Code, GoogleError
from localcloud.message import Message

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
MAX_SESSIONS = 256


@dataclass
class Session:
    """A resumable upload under way."""

    bucket: str
    resource: dict[str, Any]
    query: dict[str, str]
    content_type: str
    caller: Caller
    body: bytearray = field(default_factory=bytearray)


def related(message: Message) -> tuple[dict[str, Any], str, bytes]:
    """Metadata, content type and body of a multipart upload (RFC 2387). Raises `GoogleError`."""
    found = re.search(r'boundary="?([^";]+)"?', message.header("content-type"))
    if found is None:
        raise bad("a multipart upload needs a boundary")
    mark = b"--" + found[1].encode("latin-1")
    parts = message.body.split(mark)
    if len(parts) != 4 or parts[3].strip() != b"--":
        raise bad("a multipart upload has exactly two parts")
    described, content = (_part(part) for part in parts[1:3])
    return as_object(described[1]), content[0].get("content-type", "application/octet-stream"), content[1]


def _part(raw: bytes) -> tuple[dict[str, str], bytes]:
    raw = raw.removeprefix(b"\r\n").removesuffix(b"\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    headers = BytesHeaderParser().parsebytes(head)
    return {name.lower(): str(value) for name, value in headers.items()}, body


def as_object(data: bytes) -> dict[str, Any]:
    """A JSON object, or an empty one for an empty body. Raises `GoogleError`."""
    try:
        found = json.loads(data) if data.strip() else {}
    except ValueError as error:
        raise bad(f"the metadata is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise bad("the metadata is not a JSON object")
    return found


def bad(message: str) -> GoogleError:
    """A request that the API does not understand."""
    return GoogleError(Code.INVALID_ARGUMENT, message, reason="invalid")


class Sessions:
    """Resumable uploads by their secret id, which is what authorises the pieces."""

    def __init__(self) -> None:
        self._held: dict[str, Session] = {}

    def start(self, session: Session) -> str:
        """Remembers a session; its id."""
        while len(self._held) >= MAX_SESSIONS:
            self._held.pop(next(iter(self._held)))
        key = secrets.token_urlsafe(24)
        self._held[key] = session
        return key

    def take(self, key: str, message: Message) -> tuple[Session, bool]:
        """The session after the piece in `message`, and whether it is complete now. Raises `GoogleError`."""
        session = self._held.get(key)
        if session is None:
            raise GoogleError(Code.NOT_FOUND, "the upload does not exist or is over", reason="notFound")
        stated = message.header("content-range")
        if not stated:
            session.body[:] = message.body
            return self._ended(key, session)
        found = _RANGE.fullmatch(stated)
        if found is None:
            raise bad(f"Content-Range {stated!r} is not understood")
        first, last, total = found.groups()
        if first is not None:
            if int(last) - int(first) + 1 != len(message.body) or int(first) > len(session.body):
                raise bad(f"Content-Range {stated!r} does not fit {len(message.body)} bytes after {len(session.body)}")
            session.body[int(first) :] = message.body
        if total != "*" and len(session.body) == int(total):
            return self._ended(key, session)
        return session, False

    def _ended(self, key: str, session: Session) -> tuple[Session, bool]:
        self._held.pop(key, None)
        return session, True
