"""The real evidence of docs/attestation.md, beside the repository or where BULKHEAD_VECTORS says."""

from __future__ import annotations

import os
from pathlib import Path

VECTORS = Path(os.environ.get("BULKHEAD_VECTORS") or Path(__file__).resolve().parents[3] / "shared" / "vectors")


def vector(name: str) -> bytes:
    """The content of one file."""
    return (VECTORS / name).read_bytes()
