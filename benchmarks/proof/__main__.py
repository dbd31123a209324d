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
from tests.leaks import clean, google_clean
from tests.leaks.google_clean import GoogleState
from tests.leaks.google_planted import LEAKS as GOOGLE_LEAKS
from tests.leaks.google_planted import A as GA
from tests.leaks.google_planted import B as GB
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


def google_leaks() -> dict[str, Any]:
    """The same for leaks on Google Cloud, and false alarms on the clean states, mixed fleets among them."""
    found = 0
    for leak in GOOGLE_LEAKS:
        state = GoogleState(locks=leak.locked)
        leak.plant(state)
        proofs = prove(estate_of_facts(state.facts(), state.scope()))
        found += any(f.verdict == "violated" and f.witness for f in proofs.found(GA, GB, leak.path))
    alarms = 0
    for locks in (False, True):
        for aws in (None, clean.State(shared=False, locks=locks)):
            state = GoogleState(locks=locks, aws=aws)
            proofs = prove(estate_of_facts(state.facts(), state.scope()))
            alarms += sum(number for verdict, number in proofs.count().items() if verdict != "proved")
            alarms += len(proofs.outside)
    return {"planted": len(GOOGLE_LEAKS), "found": found, "false_alarms": alarms}


def google_scale(tenants: int) -> dict[str, Any]:
    """As `scale`, for tenants on Google Cloud."""
    names = tuple(f"tenant{number:04d}" for number in range(tenants))
    google_clean.NUMBERS = {t: (str(1_000_000_000 + n), str(2_000_000_000 + n)) for n, t in enumerate(names)}
    state = GoogleState(tenants=names)
    facts, scope = state.facts(), state.scope()
    started = time.perf_counter()
    estate = estate_of_facts(facts, scope)
    read = time.perf_counter()
    proofs = prove(estate)
    done = time.perf_counter()
    return {
        "cloud": "gcp",
        "tenants": tenants,
        "verdicts": proofs.count(),
        "obligations": len(proofs.obligations),
        "read_s": round(read - started, 2),
        "prove_s": round(done - read, 2),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """All figures, or with a number of tenants (and `gcp`) only its own."""
    if len(sys.argv) > 1:
        measure = google_scale if "gcp" in sys.argv else scale
        sys.stdout.write(json.dumps(measure(int(sys.argv[1]))) + "\n")
        return
    rows = []
    for cloud in ((), ("gcp",)):
        for size in SIZES:
            command = [sys.executable, "-m", "benchmarks.proof", str(size), *cloud]
            rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    figures = {"leaks": leaks(), "google_leaks": google_leaks(), "scale": rows}
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
