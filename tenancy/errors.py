"""The one error of this package: every problem of the tenant files at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in one file. `line` counts from 1; 0 means that the file as a whole is meant."""

    file: str
    line: int
    field: str
    value: str
    message: str
    way_out: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        shown = f" = {self.value}" if self.value else ""
        return f"{place}: {self.field}{shown}: {self.message}. {self.way_out}"


class SpecError(Exception):
    """The tenant files cannot be used. `problems` is never empty and is sorted by file and line."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        count = len(self.problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the tenant files:\n{lines}")
