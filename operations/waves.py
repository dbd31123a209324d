"""Doing something to many stacks: what does not depend on one another runs at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from operations.errors import CommandError, Exit

Result = TypeVar("Result")


def run(after: Mapping[str, Sequence[str]], work: Callable[[str], Result], *, parallel: int = 6) -> dict[str, Result]:
    """Calls `work(name)` for every name, each after the names in `after[name]`, `parallel` at a time.

    A failure stops what depends on it and nothing else; what runs already is finished. Raises one `CommandError` that
    joins every failure and says what was not tried. Names in `after` that are not keys count as done.
    """
    results: dict[str, Result] = {}
    failures: dict[str, CommandError] = {}
    waiting = dict(after)
    running: dict[Future[Result], str] = {}
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        while waiting or running:
            ready = [
                name for name, needs in waiting.items() if all(need not in after or need in results for need in needs)
            ]
            for name in ready:
                del waiting[name]
                running[pool.submit(work, name)] = name
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                name = running.pop(future)
                try:
                    results[name] = future.result()
                except CommandError as error:
                    failures[name] = error
    if failures:
        words = "\n".join(str(error) for error in failures.values())
        held = f"\nNot tried because of that: {', '.join(waiting)}" if waiting else ""
        raise CommandError(f"{words}{held}", next(iter(failures.values())).code)
    if waiting:
        raise CommandError(f"stacks that wait for one another: {', '.join(waiting)}", Exit.BAD_INPUT)
    return results


def _met(needs: Sequence[str], after: Mapping[str, Sequence[str]], results: Mapping[str, object]) -> bool:
    return all(need not in after or need in results for need in needs)
