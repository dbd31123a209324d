"""Canonical JSON and digests of it.

The form is that of RFC 8785 for what an API answers: members sorted, no insignificant space, UTF-8, whole numbers
without a fraction. Whatever JSON cannot hold (times, bytes) is turned into strings first, by `jsonable`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from datetime import UTC, date, datetime
from typing import Any


def instant(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC with milliseconds, e.g. `2026-01-31T09:00:00.000Z`."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def jsonable(value: Any) -> Any:
    """The value with everything that JSON cannot hold replaced by strings; dictionaries and lists are copied.

    Times become `instant`, bytes become `{"$base64": …}` (or their text where they are UTF-8), streams are read.

    Raises:
        TypeError: for a type that no AWS API answers with.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return _text_or_base64(bytes(value))
    if hasattr(value, "read"):
        return _text_or_base64(value.read())
    msg = f"a value of type {type(value).__name__} has no place in JSON"
    raise TypeError(msg)


def canonical(value: Any) -> bytes:
    """The canonical JSON text of a JSON value, as UTF-8 without a byte-order mark or a final line feed."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def sha256(data: bytes) -> str:
    """`sha256:` and the digest in hexadecimal."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """The digest of a JSON value's canonical text."""
    return sha256(canonical(value))


def _number(value: float) -> int | float | str:
    if not math.isfinite(value):
        return str(value)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _text_or_base64(data: bytes) -> Any:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"$base64": base64.b64encode(data).decode("ascii")}
