"""The comparison: the clean state, the three leaks, and a control that the other scanners are made to find."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.scanners import cloud, terraform
from benchmarks.scanners.cloud import Placed
from benchmarks.scanners.tenants import Tenant
from benchmarks.scanners.tools import SCANNERS, Answer, Scanner, ScannerError, State
from benchmarks.scanners.verdict import judge

LEAKS = {
    "V1 data": "the bucket policy of t000 grants s3:GetObject to the role of t001",
    "V2 key": "a KMS grant lets the role of t001 decrypt with the key of t000",
    "V3 network": "an active peering of the VPCs of t000 and t001, routes to the other's /24 both ways",
}
CONTROL = "the bucket policy of the last tenant lets anyone read: shows whether the scanner sees the state at all"
PATHS = {"V1 data": "data", "V2 key": "key", "V3 network": "network"}
NOT_INSTALLED = "not installed, not measured"
Say = Callable[[str], None]


def compare(tenants: int, say: Say) -> dict[str, Any]:
    """One document: what was planted, and for each scanner what it found and used.

    Args:
        tenants: how many share the account, 3 to 250.
        say: takes lines about the progress.
    """
    population = [Tenant(number) for number in range(tenants)]
    programs: dict[str, Path | str | None] = {}
    for scanner in SCANNERS:
        try:
            programs[scanner.name] = scanner.program()
        except ScannerError as error:
            programs[scanner.name] = str(error)
    answers: dict[str, dict[str, Answer | str]] = {scanner.name: {} for scanner in SCANNERS}
    with tempfile.TemporaryDirectory() as name, cloud.moto_server() as endpoint:
        folder = Path(name)
        placed = cloud.deploy(endpoint, population)
        made = terraform.clean(population)
        leaking: dict[str, dict[str, Sequence[str]]] = {}
        for state in ("clean", "leaks", "control"):
            if state == "leaks":
                leaking |= _plant(endpoint, made, population, placed)
            elif state == "control":
                last = population[-1]
                leaking["control"] = {
                    "live": cloud.plant_public(endpoint, last),
                    "terraform": terraform.plant_public(made, last),
                }
            written = terraform.write(made, folder / state / "terraform")
            for scanner in SCANNERS:
                program = programs[scanner.name]
                if not isinstance(program, Path):
                    continue
                say(f"{state}: {scanner.name}")
                place = State(endpoint, tenants, folder / state / "terraform", written, folder / state / "out")
                answers[scanner.name][state] = _ask(scanner, program, place)
    return {
        "tenants": tenants,
        "planted": LEAKS,
        "control": CONTROL,
        "scanners": [
            {"name": scanner.name} | _judged(scanner, programs[scanner.name], answers[scanner.name], leaking)
            for scanner in SCANNERS
        ],
    }


def _plant(
    endpoint: str, made: terraform.Resources, tenants: Sequence[Tenant], placed: dict[str, Placed]
) -> dict[str, dict[str, Sequence[str]]]:
    victim, attacker = tenants[:2]
    here, there = placed[victim.id], placed[attacker.id]
    return {
        "V1 data": {
            "live": cloud.plant_data(endpoint, victim, attacker),
            "terraform": terraform.plant_data(made, victim, attacker),
        },
        "V2 key": {
            "live": cloud.plant_key(endpoint, here, attacker),
            "terraform": terraform.plant_key(made, victim, attacker),
        },
        "V3 network": {
            "live": cloud.plant_network(endpoint, (victim, here), (attacker, there)),
            "terraform": terraform.plant_network(made, victim, attacker),
        },
    }


def _ask(scanner: Scanner, program: Path, state: State) -> Answer | str:
    try:
        return scanner.scan(program, state)
    except ScannerError as error:
        return str(error)


def _judged(
    scanner: Scanner,
    program: Path | str | None,
    answers: dict[str, Answer | str],
    leaking: dict[str, dict[str, Sequence[str]]],
) -> dict[str, Any]:
    if program is None:
        return {"status": NOT_INSTALLED}
    broken = program if isinstance(program, str) else next((a for a in answers.values() if isinstance(a, str)), None)
    if broken is not None or isinstance(program, str):
        return {"status": f"did not run, not measured: {broken}"}
    clean, leaks, control = (answers[state] for state in ("clean", "leaks", "control"))
    assert isinstance(clean, Answer)
    assert isinstance(leaks, Answer)
    assert isinstance(control, Answer)
    verdicts = {}
    for leak in LEAKS:
        after = leaks.findings
        if scanner.name == "bulkhead":
            wanted = ("t001", "t000", PATHS[leak])
            after = tuple(each for each in after if each.pair == wanted and each.witness)
        verdicts[leak] = judge(leaking[leak][scanner.subjects], clean.findings, after, leaks.passed)
    return {
        "status": "measured",
        "version": scanner.version(program),
        "leaks": verdicts,
        "found": sum(verdict["found"] for verdict in verdicts.values()),
        "control_found": judge(leaking["control"][scanner.subjects], leaks.findings, control.findings)["found"],
        "findings_on_clean_state": len(clean.findings),
        "of_them_about_access": sum(finding.about_access for finding in clean.findings),
        "looked_at": {"clean": clean.looked_at, "leaks": leaks.looked_at},
        "seconds": leaks.used.seconds,
        "memory_mib": leaks.used.memory_mib,
    }
