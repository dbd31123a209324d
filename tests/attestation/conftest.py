"""Where the real evidence is, and what is said when it is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attestation.vectors import VECTORS

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_NEED_VECTORS = ["test_vectors.py", "test_vectors_tampered.py"]
collect_ignore = [] if VECTORS.is_dir() else _NEED_VECTORS


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Says at the end of every run when the real evidence took no part: those tests neither passed nor failed."""
    if not VECTORS.is_dir():
        names = " and ".join(_NEED_VECTORS)
        terminalreporter.write_line(
            f"attestation: no real evidence at {VECTORS} (BULKHEAD_VECTORS names another place): {names} were NOT run"
        )
