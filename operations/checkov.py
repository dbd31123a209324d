"""checkov on the synthesised configuration, with every exception, to its checks and to our rules, in one file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from attestation.documents import load_yaml
from attestation.errors import AttestationError
from operations.errors import CommandError, Exit

EXCEPTIONS = Path("checkov-exceptions.yaml")


class Exemption(BaseModel):
    """One line of the exceptions file: a check of checkov's or a rule of ours, and the resources it is excused for.

    With `profile` the line holds for that profile only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str = Field(pattern=r"^(CKV2?_[A-Z]+_[0-9]+|[a-z]+\.[a-z0-9-]+)$")
    resource: str
    reason: str = Field(min_length=20)
    profile: Literal["local", "cloud"] | None = None

    def covers(self, failure: Failure) -> bool:
        """Whether the failure is the one that this line is about."""
        return self.check == failure.check and fnmatchcase(failure.resource, self.resource)

    @property
    def of_checkov(self) -> bool:
        """Whether the line is about a check of checkov's."""
        return self.check.startswith("CKV")


@dataclass(frozen=True)
class Failure:
    """A failed check. `stack` is the folder of the configuration."""

    check: str
    title: str
    resource: str
    stack: str

    def __str__(self) -> str:
        return f"{self.stack}: {self.resource}: {self.check} {self.title}"


@dataclass(frozen=True)
class Scan:
    """What checkov said: how many checks passed, which failures are excused, which are not, which lines are stale."""

    passed: int
    excused: tuple[tuple[Failure, Exemption], ...]
    failed: tuple[Failure, ...]
    stale: tuple[Exemption, ...]


def read_exemptions(path: Path = EXCEPTIONS) -> list[Exemption]:
    """The exceptions file. Raises `CommandError` naming the line's number and what is wrong with it."""
    try:
        document = load_yaml(path.read_text(encoding="utf-8"), str(path))
        return TypeAdapter(list[Exemption]).validate_python(document or [])
    except (OSError, UnicodeDecodeError, AttestationError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise CommandError(msg) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        msg = f"{path}: entry {place}: {first['msg']}. Each entry has check, resource and a reason in words"
        raise CommandError(msg) from error


def run(folder: Path, exemptions: list[Exemption]) -> Scan:
    """Runs checkov on `folder`. Raises `CommandError` (indeterminate) where it read nothing or could not parse."""
    program = Path(sys.executable).parent / "checkov"
    command = [str(program), "-d", str(folder), "--compact", "--quiet", "-o", "json"]
    # No --framework: with one named, checkov reads no *.tf.json and reports success.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        documents = json.loads(done.stdout)
    except ValueError as error:
        said = (done.stderr or done.stdout).strip()[-400:]
        msg = f"checkov gave no report on {folder}: {said}"
        raise CommandError(msg, Exit.INDETERMINATE) from error
    documents = documents if isinstance(documents, list) else [documents]
    reports = [document for document in documents if document.get("check_type") == "terraform_json"]
    passed = sum(report["summary"]["passed"] for report in reports)
    unread = sum(report["summary"]["parsing_errors"] for report in reports)
    types = _types(folder)
    failures = [
        Failure(found["check_id"], found["check_name"], _address(found, types), Path(found["file_path"]).parent.name)
        for report in reports
        for found in report["results"]["failed_checks"]
    ]
    if unread or not passed + len(failures):
        msg = f"checkov read nothing in {folder} or could not parse {unread} files, so it proves nothing"
        raise CommandError(msg, Exit.INDETERMINATE)
    return judge(passed, failures, [line for line in exemptions if line.of_checkov])


def _types(folder: Path) -> dict[tuple[str, str], str]:
    """Stack and resource name to resource type, from the configuration itself."""
    return {
        (path.parent.name, name): kind
        for path in folder.glob("*/cdk.tf.json")
        for kind, named in json.loads(path.read_text(encoding="utf-8")).get("resource", {}).items()
        for name in named
    }


def _address(found: Mapping[str, Any], types: Mapping[tuple[str, str], str]) -> str:
    """The resource's address. Some of checkov's runners for JSON lose its type and say `resource.<name>`."""
    kind, _, name = str(found["resource"]).partition(".")
    if kind != "resource":
        return str(found["resource"])
    stack = Path(found["file_path"]).parent.name
    return f"{types.get((stack, name), kind)}.{name}"


def judge(passed: int, failures: list[Failure], exemptions: list[Exemption]) -> Scan:
    """Sorts failures into excused and not, and finds the lines that excuse nothing."""
    excused, failed = [], []
    for failure in failures:
        reason = next((line for line in exemptions if line.covers(failure)), None)
        if reason is None:
            failed.append(failure)
        else:
            excused.append((failure, reason))
    used = {line for _, line in excused}
    return Scan(passed, tuple(excused), tuple(failed), tuple(line for line in exemptions if line not in used))


def gate(scan: Scan) -> None:
    """Raises `CommandError` where a failure is not excused."""
    if scan.failed:
        lines = "\n".join(f"  {failure}" for failure in scan.failed)
        msg = f"checkov objects, and {EXCEPTIONS} has no reason why it should not:\n{lines}"
        raise CommandError(msg, Exit.FINDINGS)
