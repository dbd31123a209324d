"""The scanners: where each is found, how it is asked, and what its answer says.

A scanner that answers nothing that can be read raises `ScannerError`; it is never counted as having found nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scanners.cloud import KEYS
from benchmarks.scanners.measure import Run, run
from benchmarks.scanners.tenants import REGION
from benchmarks.scanners.verdict import Finding


class ScannerError(Exception):
    """A scanner gave no answer; the message says what it printed."""


@dataclass(frozen=True)
class State:
    """What is scanned: the endpoint, the same as Terraform in `terraform`, and a folder for what the scanner writes."""

    endpoint: str
    tenants: int
    terraform: Path
    resources: int
    out: Path

    @property
    def environment(self) -> dict[str, str]:
        """What leads a program that uses boto3 to the endpoint and nowhere else."""
        none = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_PROFILE": ""}
        kept = {name: value for name, value in none.items() if value}
        return (
            KEYS | kept | {"AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}
        )


@dataclass(frozen=True)
class Answer:
    """What a scanner said, what it looked at, what it used, and, where it says so, which checks passed."""

    findings: tuple[Finding, ...]
    looked_at: dict[str, Any]
    used: Run
    passed: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Scanner:
    """A scanner; `program` answers None if it is not installed, and `subjects` says which names it knows."""

    name: str
    subjects: str
    program: Callable[[], Path | None]
    version: Callable[[Path], str]
    scan: Callable[[Path, State], Answer]


def _beside_python(name: str) -> Path | None:
    """A program of this environment, or on PATH."""
    own = Path(sys.executable).parent / name
    found = own if own.exists() else shutil.which(name)
    return Path(found) if found else None


def _installed(name: str, variable: str) -> Path | None:
    """A program that an environment variable names (its file, or the virtual environment it is in), or on PATH."""
    named = os.environ.get(variable)
    if not named:
        found = shutil.which(name)
        return Path(found) if found else None
    for path in (Path(named) / "bin" / name, Path(named)):
        if path.is_file():
            return path
    msg = f"{variable}={named} holds no {name}: name its file, or the virtual environment that it is installed in"
    raise ScannerError(msg)


def _version(*arguments: str) -> Callable[[Path], str]:
    def ask(program: Path) -> str:
        said = run([program, *arguments])
        found = re.search(r"\d+(\.\d+)+", said.output or said.errors)
        return found.group() if found else "unknown"

    return ask


def _parsed(text: str, what: str, used: Run) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        said = (used.errors or used.output).strip()[-600:]
        msg = f"{what} is not JSON ({error}); exit code {used.code}: {said}"
        raise ScannerError(msg) from error


def _ours(program: Path, state: State) -> Answer:
    used = run(
        [program, "-m", "benchmarks.scanners.ours", state.endpoint, str(state.tenants), state.out / "bundle"],
        {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    said = _parsed(used.output, "our answer", used)
    findings = tuple(
        Finding(
            check=f"{pair['verdict']}: {pair['path']}",
            text="; ".join(pair["reasons"]),
            subjects=(pair["resource"], json.dumps(pair["witness"])),
            pair=(pair["from"], pair["to"], pair["path"]),
            witness=bool(pair["witness"]),
        )
        for pair in said["alarms"]
    )
    looked = {key: said[key] for key in ("considered", "verdicts", "unread")}
    return Answer(findings, looked, used)


def _checkov(program: Path, state: State) -> Answer:
    # With a framework named, checkov reads no *.tf.json and reports success. Without passed checks (`--quiet`) it does
    # not say which resources it looked at: its own `resource_count` is 0 for JSON.
    used = run([program, "-d", state.terraform, "--compact", "--skip-download", "-o", "json"])
    said = _parsed(used.output, "checkov's answer", used)
    reports = [r for r in (said if isinstance(said, list) else [said]) if r.get("check_type") == "terraform_json"]
    unparsed = sum(report["summary"]["parsing_errors"] for report in reports)
    passed, failed = (
        tuple(
            Finding(found["check_id"], str(found["check_name"]), (str(found["resource"]),))
            for report in reports
            for found in report["results"][kind]
        )
        for kind in ("passed_checks", "failed_checks")
    )
    checked = {finding.subjects[0].rpartition(".")[2] for finding in (*passed, *failed)}
    if not checked or unparsed:
        msg = f"checkov checked {len(checked)} resources of {state.resources}; {unparsed} files did not parse"
        raise ScannerError(msg)
    looked = {"resources": state.resources, "with_a_check": len(checked), "passed": len(passed), "failed": len(failed)}
    return Answer(failed, looked, used, passed)


_POLICIES = {"s3": "aws.s3", "kms-key": "aws.kms-key", "peering-connection": "aws.peering-connection"}


def _custodian(program: Path, state: State) -> Answer:
    policies = [
        {
            "name": f"{name}-{kind}",
            "resource": resource,
            "filters": ["cross-account"] if kind == "cross-account" else [],
        }
        for name, resource in _POLICIES.items()
        # The second of each counts what there was to look at.
        for kind in ("cross-account", "all")
    ]
    state.out.mkdir(parents=True, exist_ok=True)
    file = state.out / "policies.json"
    file.write_text(json.dumps({"policies": policies}), encoding="utf-8")
    command: list[str | Path] = [
        program,
        "run",
        "--region",
        REGION,
        "--cache-period",
        "0",
        "-s",
        state.out / "custodian",
        file,
    ]
    used = run(command, state.environment)
    findings: list[Finding] = []
    looked: dict[str, Any] = {}
    for policy in policies:
        path = state.out / "custodian" / str(policy["name"]) / "resources.json"
        if used.code or not path.exists():
            msg = f"Cloud Custodian did not run {policy['name']}; exit code {used.code}: {used.errors.strip()[-600:]}"
            raise ScannerError(msg)
        matched = _parsed(path.read_text(encoding="utf-8"), str(path), used)
        if policy["filters"]:
            findings += [_matched(str(policy["name"]), each) for each in matched]
        else:
            looked[str(policy["resource"])] = len(matched)
    return Answer(tuple(findings), looked, used)


def _matched(policy: str, resource: dict[str, Any]) -> Finding:
    keys = ("Name", "KeyId", "VpcPeeringConnectionId")
    why = {key: value for key, value in resource.items() if key.startswith("c7n:") or "Violation" in key}
    return Finding(policy, json.dumps(why, default=str), tuple(str(resource[key]) for key in keys if key in resource))


def _prowler(program: Path, state: State) -> Answer:
    folder = state.out / "prowler"
    command: list[str | Path] = [
        program,
        "aws",
        "--services",
        "s3",
        "kms",
        "vpc",
        "--region",
        REGION,
        "--output-formats",
        "json-ocsf",
    ]
    command += ["--output-directory", folder, "--output-filename", "said", "--no-banner"]
    used = run(command, state.environment)
    path = folder / "said.ocsf.json"
    # Prowler exits 3 if a check failed.
    if used.code not in (0, 3) or not path.exists():
        msg = f"Prowler wrote no findings; exit code {used.code}: {(used.errors or used.output).strip()[-600:]}"
        raise ScannerError(msg)
    failed, passed, statuses = read_ocsf(_parsed(path.read_text(encoding="utf-8"), str(path), used))
    return Answer(failed, statuses, used, passed)


def read_ocsf(
    document: list[dict[str, Any]],
) -> tuple[tuple[Finding, ...], tuple[Finding, ...], dict[str, int]]:
    """The failures and the passes in Prowler's OCSF report, and how many lines of each status there are.

    Raises:
        ScannerError: there is no line at all.
    """
    found: dict[str, list[Finding]] = {}
    for line in document:
        subjects = tuple(str(r[key]) for r in line["resources"] for key in ("uid", "name") if r.get(key))
        finding = Finding(line["metadata"]["event_code"], str(line["status_detail"]), subjects)
        found.setdefault(str(line["status_code"]), []).append(finding)
    if not found:
        raise ScannerError("Prowler's report has no line: it looked at nothing")
    statuses = {status: len(lines) for status, lines in found.items()}
    return tuple(found.get("FAIL", ())), tuple(found.get("PASS", ())), statuses


SCANNERS = (
    Scanner("bulkhead", "live", lambda: Path(sys.executable), lambda _program: "this repository", _ours),
    Scanner("checkov", "terraform", lambda: _beside_python("checkov"), _version("--version"), _checkov),
    Scanner(
        "Cloud Custodian", "live", lambda: _installed("custodian", "BULKHEAD_C7N"), _version("version"), _custodian
    ),
    Scanner("Prowler", "live", lambda: _installed("prowler", "BULKHEAD_PROWLER"), _version("--version"), _prowler),
)
