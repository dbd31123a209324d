"""Scans of one account of 350 resources: ours, Cloud Custodian's and Prowler's, on the same cloud in one run.

What each reads differs, and so does how much it judges; `requests` counts what each asked of the cloud.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.scan.account import KINDS, RESOURCES, fill
from benchmarks.scanners import tools
from benchmarks.scanners.cloud import moto_server
from benchmarks.scanners.measure import Run, run
from benchmarks.scanners.tenants import REGION
from benchmarks.scanners.tools import ScannerError, State

_TYPES = ("s3", "kms-key", "iam-role", "vpc", "subnet", "security-group", "vpc-endpoint")
_WITH_POLICY = ("s3", "kms-key", "vpc-endpoint")
Say = Callable[[str], None]


def beside(runs: int, say: Say) -> dict[str, Any]:
    """One document: each scanner's times and memory, and the machine's load while it was measured."""
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name, moto_server() as endpoint:
        folder = Path(name)
        say(f"making {RESOURCES} resources")
        fill(endpoint)
        ours = []
        for number in range(runs + 1):
            say(f"bulkhead, run {number} of {runs}")
            ours.append(_ours(endpoint, folder / f"bundle-{number}"))
        state = State(endpoint, 0, folder, RESOURCES, folder / "out")
        others = [_other("Cloud Custodian", _custodian, state, say), _other("Prowler", _prowler, state, say)]
    # The first run makes the cloud load what it serves from; it is reported and not counted.
    counted = ours[1:]
    return {
        "resources": {"number": RESOURCES, "kinds": list(KINDS)},
        "load": {"before": round(before, 1), "after": round(os.getloadavg()[0], 1), "processors": os.cpu_count()},
        "bulkhead": {
            "first_run": ours[0],
            "runs": counted,
            "median": {name: round(statistics.median(one[name] for one in counted), 2) for name in counted[0]},
        },
        "others": others,
    }


def _ours(endpoint: str, folder: Path) -> dict[str, Any]:
    used = run(
        [sys.executable, "-m", "benchmarks.scan.ours", endpoint, folder],
        {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    if used.code:
        raise ScannerError(f"our scan ended with {used.code}: {used.errors.strip()[-600:]}")
    said: dict[str, Any] = json.loads(used.output)
    return {**said, "with_start_s": used.seconds}


def _other(name: str, ask: Callable[[State], tuple[Run, int] | None], state: State, say: Say) -> dict[str, Any]:
    say(name)
    try:
        answer = ask(state)
    except ScannerError as error:
        return {"name": name, "status": f"did not run, not measured: {error}"}
    if answer is None:
        return {"name": name, "status": "not installed, not measured"}
    used, findings = answer
    return {
        "name": name,
        "status": "measured",
        "with_start_s": used.seconds,
        "memory_mib": used.memory_mib,
        "findings": findings,
    }


def _custodian(state: State) -> tuple[Run, int] | None:
    program = next(one for one in tools.SCANNERS if one.name == "Cloud Custodian").program()
    if program is None:
        return None
    policies = [{"name": kind, "resource": f"aws.{kind}"} for kind in _TYPES] + [
        {"name": f"{kind}-open", "resource": f"aws.{kind}", "filters": ["cross-account"]} for kind in _WITH_POLICY
    ]
    state.out.mkdir(parents=True, exist_ok=True)
    file = state.out / "policies.json"
    file.write_text(json.dumps({"policies": policies}), encoding="utf-8")
    folder = state.out / "custodian"
    used = run([program, "run", "--region", REGION, "--cache-period", "0", "-s", folder, file], state.environment)
    found = 0
    for policy in policies:
        path = folder / str(policy["name"]) / "resources.json"
        if used.code or not path.exists():
            raise ScannerError(f"it did not run {policy['name']}; exit code {used.code}: {used.errors.strip()[-400:]}")
        if "filters" in policy:
            found += len(json.loads(path.read_text(encoding="utf-8")))
    return used, found


def _prowler(state: State) -> tuple[Run, int] | None:
    program = next(one for one in tools.SCANNERS if one.name == "Prowler").program()
    if program is None:
        return None
    folder = state.out / "prowler"
    command: list[str | Path] = [program, "aws", "--services", "s3", "kms", "iam", "vpc", "--region", REGION]
    command += ["--output-formats", "json-ocsf", "--output-directory", folder, "--output-filename", "said"]
    used = run([*command, "--no-banner"], state.environment)
    path = folder / "said.ocsf.json"
    if used.code not in (0, 3) or not path.exists():
        raise ScannerError(f"it wrote no findings; exit code {used.code}: {(used.errors or used.output)[-400:]}")
    failed, _, _ = tools.read_ocsf(json.loads(path.read_text(encoding="utf-8")))
    return used, len(failed)
