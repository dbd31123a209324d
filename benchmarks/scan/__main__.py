"""Scans of 350 resources beside public scanners, and fleets of 10 to 100 tenants.

`python -m benchmarks.scan [--runs 5]` prints one JSON document.
Cloud Custodian and Prowler are taken from PATH or from the virtual environments that
BULKHEAD_C7N and BULKHEAD_PROWLER name; what is not installed is not measured.
"""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks.scan.beside import beside
from benchmarks.scan.fleet import sizes


def main() -> None:
    """The document on stdout, progress on stderr."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan", description="Measures scans.")
    parser.add_argument("--runs", type=int, default=5, choices=range(1, 51), metavar="1..50")
    options = parser.parse_args()
    account = beside(options.runs, lambda line: print(line, file=sys.stderr, flush=True))
    print("fleets", file=sys.stderr, flush=True)
    sys.stdout.write(json.dumps({"account": account, "fleets": sizes()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
