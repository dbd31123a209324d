"""Where the real evidence is, and what is said when it is not there."""

from __future__ import annotations

from tests.attestation.vectors import VECTORS

_NEED_VECTORS = ["test_vectors.py", "test_vectors_tampered.py"]
collect_ignore = [] if VECTORS.is_dir() else _NEED_VECTORS


def pytest_report_header() -> str:
    """Says, in the header of every run, whether the real evidence takes part."""
    if VECTORS.is_dir():
        return f"attestation: real evidence from {VECTORS}"
    return f"attestation: no real evidence at {VECTORS} (BULKHEAD_VECTORS names another place): {_NEED_VECTORS} not collected"
