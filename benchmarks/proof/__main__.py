"""Benchmark of the isolation proof: leaks found, false alarms, and time and memory for 10, 100 and 1,000 tenants.

`python -m benchmarks.proof` prints one JSON document. Each size runs in a process of its own, so that its memory is its
own; every figure is measured in this run.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

from compliance.estate.from_facts import estate_of_facts
from compliance.prove.engine import prove
from tests.leaks import clean
from tests.leaks.planted import LEAKS, A, B

SIZES = (10, 100, 1000)


def scale(tenants: int) -> dict[str, Any]:
    """Seconds for reading the facts and for proving all pairs, and the largest resident set in MiB."""
    clean.TENANTS = tuple(f"tenant{number:04d}" for number in range(tenants))
    clean.ACCOUNTS = {tenant: str(200_000_000_000 + number) for number, tenant in enumerate(clean.TENANTS)}
    state = clean.State(shared=False)
    facts, scope = state.facts(), state.scope()
    started = time.perf_counter()
    estate = estate_of_facts(facts, scope)
    read = time.perf_counter()
    proofs = prove(estate)
    done = time.perf_counter()
    return {
        "tenants": tenants,
        "verdicts": proofs.count(),
        "obligations": len(proofs.obligations) + len(proofs.locks),
        "read_s": round(read - started, 2),
        "prove_s": round(done - read, 2),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def leaks() -> dict[str, Any]:
    """How many planted leaks are found with a witness, and how many alarms the clean states raise."""
    planted = found = 0
    for leak in LEAKS:
        for shared in (False, True):
            if leak.shared not in (None, shared):
                continue
            state = clean.State(shared=shared, locks=False)
            leak.plant(state)
            planted += 1
            proofs = prove(estate_of_facts(state.facts(), state.scope()))
            witnessed = [f for f in proofs.found(A, B, leak.path) if f.verdict == "violated" and f.witness]
            found += bool(witnessed)
    alarms = 0
    for shared in (False, True):
        for locks in (False, True):
            state = clean.State(shared=shared, locks=locks)
            counts = prove(estate_of_facts(state.facts(), state.scope())).count()
            alarms += sum(number for verdict, number in counts.items() if verdict != "proved")
    return {"planted": planted, "found": found, "false_alarms": alarms}


def main() -> None:
    """All figures, or with a number of tenants only its own."""
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(scale(int(sys.argv[1]))) + "\n")
        return
    rows = []
    for size in SIZES:
        command = [sys.executable, "-m", "benchmarks.proof", str(size)]
        rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    sys.stdout.write(json.dumps({"leaks": leaks(), "scale": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
