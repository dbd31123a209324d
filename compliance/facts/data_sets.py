"""Data sets as tenant files describe them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSetScope:
    """A data set as its tenant file describes it; retention in days."""

    id: str
    sensitivity: str
    retention_days: int
