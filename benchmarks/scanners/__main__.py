"""Comparison with public scanners: three cross-tenant leaks in one shared account, who finds them, and at what cost.

`python -m benchmarks.scanners [--tenants 10] [--markdown FILE]` prints one JSON document; with `--markdown`, the table
is also written to a file (`-` for the end of stderr). checkov is taken from this environment, Cloud Custodian and
Prowler from PATH or from the virtual environments that BULKHEAD_C7N and BULKHEAD_PROWLER name; what is not installed is
not measured. `verdict.py` says when a leak counts as found.

Exit code: 0 if we found every leak and raised no alarm on the clean state, 1 if not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.scanners.comparison import LEAKS, compare


def table(document: dict[str, Any]) -> str:
    """The comparison as a table in Markdown."""
    header = ["scanner", *LEAKS, "control", "alarms on the clean state", "wall time", "peak memory"]
    rows = [header, ["---"] * len(header)]
    for scanner in document["scanners"]:
        if scanner["status"] != "measured":
            rows.append([scanner["name"], scanner["status"].split(":")[0], *[""] * (len(header) - 2)])
            continue
        found = ["**found**" if scanner["leaks"][leak]["found"] else "missed" for leak in LEAKS]
        alarms = f"{scanner['findings_on_clean_state']}, {scanner['of_them_about_access']} about access"
        control = "found" if scanner["control_found"] else "missed"
        cost = [f"{scanner['seconds']:.1f} s", f"{scanner['memory_mib']} MiB"]
        rows.append([f"{scanner['name']} ({scanner['version']})", *found, control, alarms, *cost])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    notes = [f"- {leak}: {text}" for leak, text in document["planted"].items()]
    head = f"{document['tenants']} tenants (bucket, key, VPC, role each) in one shared account."
    return "\n".join([head, "", *lines, "", *notes, f"- control: {document['control']}", ""])


def main() -> None:
    """The document on stdout, progress on stderr."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scanners", description="Compares with public scanners.")
    parser.add_argument("--tenants", type=int, default=10, choices=range(3, 251), metavar="3..250")
    parser.add_argument("--markdown", metavar="FILE", help="where the table goes; - for the end of stderr")
    options = parser.parse_args()
    document = compare(options.tenants, lambda line: print(line, file=sys.stderr, flush=True))
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    if options.markdown == "-":
        sys.stderr.write(table(document))
    elif options.markdown:
        Path(options.markdown).write_text(table(document), encoding="utf-8")
    ours = next(scanner for scanner in document["scanners"] if scanner["name"] == "bulkhead")
    clean = ours["status"] == "measured" and ours["found"] == len(LEAKS) and not ours["findings_on_clean_state"]
    raise SystemExit(0 if clean else 1)


if __name__ == "__main__":
    main()
