"""`python -m benchmarks.trainer [--json] [--quick] [--write FILE]`: the benchmarks of the trainer's data path.

Prints the table, or puts it into a document between its two marks (docs/benchmarks.md). Status 1: a target was missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.trainer import checkpoints, gpu, rotation, shards, steps, tables, tunnel
from benchmarks.trainer.measure import Row, machine

BEGIN: Final = "<!-- benchmarks.trainer: begin -->\n"
END: Final = "<!-- benchmarks.trainer: end -->\n"


def main(arguments: list[str]) -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trainer")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and only the small checkpoint")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between its marks in this document")
    chosen = parser.parse_args(arguments)
    rounds = 3 if chosen.quick else 7
    before = machine()
    rows: list[Row] = []
    for what, measure in (
        ("shards", lambda: shards.run(rounds)),
        ("tables", lambda: tables.run(rounds)),
        ("checkpoints", lambda: checkpoints.run(3 if chosen.quick else 5, (200,) if chosen.quick else (200, 2000))),
        ("training steps", lambda: steps.run(rounds)),
        ("rotation", lambda: rotation.run(rounds)),
        ("two nodes", lambda: tunnel.run(rounds)),
        ("GPU", lambda: gpu.run(rounds)),
    ):
        sys.stderr.write(f"{what} …\n")
        rows += measure()
    if chosen.json:
        sys.stdout.write(json.dumps({"machine": before, "rows": [row.document() for row in rows]}, indent=2) + "\n")
    elif chosen.write:
        insert(chosen.write, report(before, machine()["load"], rows, arguments))
    else:
        sys.stdout.write(report(before, machine()["load"], rows, arguments))
    return 1 if any(row.met is False for row in rows) else 0


def report(found: dict[str, object], load_after: object, rows: list[Row], arguments: list[str]) -> str:
    """The machine and the table as Markdown."""
    options = " ".join(word for word in arguments if word.startswith("--") and word != "--write")
    lines = [f"`python -m benchmarks.trainer{f' {options}' if options else ''}` on {time.strftime('%Y-%m-%d')}.", ""]
    lines += [f"- {name}: {', '.join(value) if isinstance(value, list) else value}" for name, value in found.items()]
    lines += [f"- load at the end: {load_after}", ""]
    lines += ["| what | median | range | ratio | target | met |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [_line(row) for row in rows if row.unit]
    lines += ["", *(f"Not measured: {row.what}." for row in rows if not row.unit)]
    return "\n".join(lines).rstrip() + "\n"


def insert(path: Path, text: str) -> None:
    """Replaces what stands between the marks; `ValueError` for a document without them."""
    whole = path.read_text(encoding="utf-8")
    head, begin, rest = whole.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        msg = f"{path}: has not the two lines {BEGIN.strip()} and {END.strip()}; add them where the table belongs"
        raise ValueError(msg)
    path.write_text(head + begin + text + end + tail, encoding="utf-8")


def _line(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    amount = f"{row.value:,.3g} {row.unit}" if row.value < 1000 else f"{row.value:,.0f} {row.unit}"
    return (
        f"| {row.what.strip()} | {amount} | {_short(row.low)} – {_short(row.high)} | {ratio} | {row.target} | {met} |"
    )


def _short(value: float) -> str:
    return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
