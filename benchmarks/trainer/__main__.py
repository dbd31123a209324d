"""`python -m benchmarks.trainer [--json] [--quick]`: runs the benchmarks and prints the table of docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.trainer import checkpoints, rotation, shards, steps
from benchmarks.trainer.measure import Row, machine


def main(arguments: list[str]) -> int:
    """Prints the results; 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trainer")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and only the small checkpoint")
    chosen = parser.parse_args(arguments)
    rounds = 3 if chosen.quick else 7
    rows = shards.run(rounds)
    rows += checkpoints.run(3 if chosen.quick else 5, (200,) if chosen.quick else (200, 2000))
    rows += steps.run(rounds) + rotation.run(rounds)
    if chosen.json:
        sys.stdout.write(json.dumps({"machine": machine(), "rows": [row.document() for row in rows]}, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(f"- {name}: {value}" for name, value in machine().items()) + "\n\n")
        sys.stdout.write("| what | median | range | ratio | target | met |\n| --- | --- | --- | --- | --- | --- |\n")
        sys.stdout.writelines(f"{_line(row)}\n" for row in rows)
    return 1 if any(row.met is False for row in rows) else 0


def _line(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    amount = f"{row.value:,.3g} {row.unit}" if row.value < 1000 else f"{row.value:,.0f} {row.unit}"
    return f"| {row.what.strip()} | {amount} | {row.low:,.3g} – {row.high:,.3g} | {ratio} | {row.target} | {met} |"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
