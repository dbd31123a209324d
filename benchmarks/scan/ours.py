"""Our own side: one scan from start to results, in a process of its own.

`python -m benchmarks.scan.ours ENDPOINT FOLDER` prints its times (seconds), its peak memory (MiB) and its counts.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

BEGAN = time.perf_counter()


def measured(endpoint: str, folder: Path) -> dict[str, Any]:
    """Scans the account of the endpoint into a bundle in `folder`, judges it, and says what that took."""
    from benchmarks.scan.memory import peak_kib  # noqa: PLC0415
    from benchmarks.scanners.cloud import KEYS  # noqa: PLC0415 -- importing is a part of what is measured
    from benchmarks.scanners.ours import scope_of  # noqa: PLC0415
    from benchmarks.scanners.tenants import ACCOUNT, REGION, Tenant  # noqa: PLC0415
    from compliance.collect.access import Entry, Keys  # noqa: PLC0415
    from compliance.collect.scan import Account, Plan, scan  # noqa: PLC0415
    from compliance.facts.bundle import open_bundle  # noqa: PLC0415
    from compliance.facts.scope import scope_to_json  # noqa: PLC0415
    from compliance.rules.judge import judge  # noqa: PLC0415

    imported = time.perf_counter()
    first: list[float] = []

    def note(_fact: Any) -> None:
        if not first:
            first.append(time.perf_counter())

    keys = Keys(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"])
    scope = scope_of([Tenant(0)])
    scope = replace(scope, judged=(scope.tenants[0].id,), audit_account="000000000000")
    account = Account(Entry(ACCOUNT, (), keys), (REGION,))
    scan(Plan((account,), scope_to_json(scope), endpoint, keys), folder, progress=note)
    collected = time.perf_counter()
    bundle = open_bundle(folder)
    judgement = judge(bundle)
    done = time.perf_counter()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "import_s": round(imported - BEGAN, 2),
        "first_fact_s": round(first[0] - BEGAN, 2),
        "collect_s": round(collected - imported, 2),
        "judge_s": round(done - collected, 2),
        "all_s": round(done - BEGAN, 2),
        "processor_s": round(used.ru_utime + used.ru_stime, 2),
        "memory_mib": peak_kib() // 1024,
        "facts": bundle.manifest["facts"]["count"],
        "results": len(judgement.results),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(sys.argv[1], Path(sys.argv[2]))) + "\n")
