"""When facts were read: no request before that is asked about."""

from __future__ import annotations

from datetime import UTC, datetime


def times(text: str) -> list[datetime]:
    """The time that a fact tells, if it tells one in ISO 8601; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return []
    return [found if found.tzinfo is not None else found.replace(tzinfo=UTC)]
