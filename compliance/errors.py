"""The one exception of `compliance`."""

from __future__ import annotations


class ComplianceError(Exception):
    """Input that cannot be judged.

    Attributes:
        place: where the problem is, as a path into the document (`resourcePolicy.Statement[0].Effect`) or a file name.
        reason: what is wrong there and what would be right.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason
