"""Long work, shown: a live line while a step runs on a terminal, and one plain line per step when it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.status import Status


@dataclass
class Step:
    """One step while it runs."""

    title: str
    _status: Status | None
    summary: str = ""

    def doing(self, what: str) -> None:
        """Says what the step is at. Only a terminal shows it."""
        if self._status is not None:
            self._status.update(f"[bold]{escape(self.title)}[/bold] [dim]{escape(what)}[/dim]")

    def done(self, summary: str) -> None:
        """Says in a few words what came out; shown on the step's line."""
        self.summary = summary


@dataclass
class Steps:
    """A numbered run of steps on one console."""

    total: int
    console: Console = field(default_factory=lambda: Console(stderr=True))
    taken: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Runs the body as the next step and prints its line, with the time that it took, also when it fails."""
        number = f"{len(self.taken) + 1:>2}/{self.total}"
        started = time.monotonic()
        live = self.console.is_terminal
        status = self.console.status(f"[bold]{escape(title)}[/bold]") if live else None
        step = Step(title, status)
        if status is not None:
            status.start()
        mark = "[red]✗[/red]"
        try:
            yield step
            mark = "[green]✓[/green]"
        finally:
            if status is not None:
                status.stop()
            seconds = time.monotonic() - started
            self.taken.append((title, seconds))
            summary = f" [dim]{escape(step.summary)}[/dim]" if step.summary else ""
            line = f"{mark} [dim]{number}[/dim] {escape(title):<44}{seconds:7.1f} s {summary}"
            self.console.print(line, highlight=False, soft_wrap=True)
