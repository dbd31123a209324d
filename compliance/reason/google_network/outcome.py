"""What became of a packet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compliance.reason.iam.truth import Truth


@dataclass(frozen=True, slots=True)
class Fate:
    """Whether a packet arrives; `hops` where it may, `obstacle` (kind, id, reason) where it does not or may not."""

    truth: Truth
    hops: tuple[dict[str, Any], ...] = ()
    obstacle: tuple[str, str, str] = ("", "", "")


def hop(kind: str, id_: str, detail: str, by: str = "") -> dict[str, Any]:
    """A hop of a witness."""
    return {"kind": kind, "id": id_, "detail": detail} | ({"by": by} if by else {})
