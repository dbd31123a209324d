"""Values of expressions: known ones, those not known yet, and errors.

A known value is a Python one (text, number, boolean, bytes, list, dict, None, `datetime`, `timedelta`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Open:
    """A value that is not known.

    Attributes:
        prefix: what it certainly begins with, if it is text; None if not even the type is known.
        after: the time before which it certainly is not, if it is a time.
        excluding: texts that it certainly is not; one that ends in `*` excludes everything with that beginning.
    """

    prefix: str | None = None
    excluding: tuple[str, ...] = ()
    after: datetime | None = None

    def excludes(self, text: str) -> bool:
        """Whether the value is certainly not this text."""
        if self.prefix is not None and not text.startswith(self.prefix):
            return True
        return any(text.startswith(e[:-1]) if e.endswith("*") else text == e for e in self.excluding)


OPEN: Final = Open()


@dataclass(frozen=True, slots=True)
class Failure:
    """A run-time error of CEL: a missing field, a comparison of different types, and so on."""

    why: str


class OpenMap(Mapping[str, Any]):
    """An object of which only some fields are known; every other may hold anything or be missing."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        """Takes the fields that are known."""
        self.known = dict(known)

    def __getitem__(self, key: str) -> Any:
        return self.known.get(key, OPEN)

    def __iter__(self) -> Any:
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)

    def __contains__(self, key: object) -> bool:
        return key in self.known
