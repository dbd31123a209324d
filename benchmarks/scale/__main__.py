"""Simulated scans of 10,000 accounts.

`python -m benchmarks.scale` prints one JSON document, with `--markdown` a table.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.scale.calls import LARGE, SMALL, calls_of, organisation_calls
from benchmarks.scale.simulate import PLATFORMS, account_seconds, fleet_seconds

ACCOUNTS = 10_000
UNITS = 40
LATENCY = 0.06


def simulated(accounts: int = ACCOUNTS) -> list[dict[str, Any]]:
    """One row per platform and size of account, with whole quotas and with a quarter of them left."""
    rows = []
    for name, size in (("small", SMALL), ("large", LARGE)):
        calls = calls_of(size)
        for left in (1.0, 0.25):
            one, waited = account_seconds(calls, LATENCY, left)
            for platform in PLATFORMS:
                found = fleet_seconds(
                    accounts,
                    calls,
                    platform,
                    latency=LATENCY,
                    rates=left,
                    organisation=organisation_calls(accounts, UNITS),
                )
                rows.append(
                    {
                        "accounts": accounts,
                        "size": name,
                        "quota_left": left,
                        "platform": platform.name,
                        "calls_in_each": sum(calls.values()),
                        "seconds_in_each": round(one, 1),
                        "narrowest": [api for api, _ in waited.most_common(1)],
                        "minutes": round(found.seconds / 60, 1),
                        "million_calls": round(sum(found.calls.values()) / 1e6, 2),
                        "sts_peak_per_second": found.assume_peak,
                        "workers": found.workers,
                        "over_limit": found.over_limit,
                    }
                )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a table in Markdown."""
    names = ("size", "quota_left", "platform", "calls_in_each", "seconds_in_each", "narrowest", "minutes",
             "million_calls", "sts_peak_per_second", "over_limit")  # fmt: skip
    lines = [" | ".join(name.replace("_", " ") for name in names), " | ".join("---" for _ in names)]
    for row in rows:
        cells = [", ".join(row[name]) or "none" if isinstance(row[name], list) else str(row[name]) for name in names]
        lines.append(" | ".join(cells))
    return "".join(f"| {line} |\n" for line in lines)


def main() -> None:
    """The rows on stdout."""
    rows = simulated()
    text = table(rows) if "--markdown" in sys.argv[1:] else json.dumps(rows, indent=2) + "\n"
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
