"""Exit codes of the command and the error that every group raises for bad input."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    CLEAN = 0
    """Done, and nothing found."""
    FINDINGS = 1
    """Findings, a refusal or a denial."""
    BAD_INPUT = 2
    """Bad input or usage: nothing was done."""
    INDETERMINATE = 3
    """Something needed could not be read, so nothing is claimed."""


class CommandError(Exception):
    """An error whose message is shown to the user as it stands.

    The message names what was wrong (file, field, value) and the way out; `code` becomes the exit status.
    """

    def __init__(self, message: str, code: Exit = Exit.BAD_INPUT) -> None:
        super().__init__(message)
        self.code = code
