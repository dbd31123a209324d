"""Running Terraform (or OpenTofu) on one synthesised stack."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.errors import CommandError, Exit

ERRORS_SHOWN = 5


@dataclass(frozen=True)
class Changes:
    """How many resources a plan would add, change and destroy."""

    add: int
    change: int
    destroy: int

    @property
    def any(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.add or self.change or self.destroy)

    def __str__(self) -> str:
        return f"+{self.add} ~{self.change} -{self.destroy}" if self.any else "no changes"


@dataclass(frozen=True)
class Terraform:
    """Terraform in one stack's folder."""

    program: Path
    config: Path
    stack: str
    directory: Path
    log: Path
    environment: Mapping[str, str]

    def _run(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        """Runs a sub-command; all that it prints goes to the stack's log. Raises `CommandError` with its errors."""
        environment = {
            **os.environ,
            **self.environment,
            "TF_CLI_CONFIG_FILE": str(self.config),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }
        done = subprocess.run(
            [self.program, *arguments], cwd=self.directory, env=environment, capture_output=True, text=True, check=False
        )
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {self.program.name} {' '.join(arguments)}\n")
            log.write("" if capture else done.stdout)
            log.write(done.stderr)
        if done.returncode != 0:
            raise TerraformError(self.stack, arguments[0], messages(done.stdout) or [done.stderr.strip()], self.log)
        return done

    def init(self) -> None:
        """Finds the providers. Quick when they are there already."""
        self._run("init", "-no-color", "-upgrade=false")

    def find_providers(self) -> None:
        """Finds the providers and nothing else: the place of the state is not asked for. Changes nothing."""
        self._run("init", "-no-color", "-upgrade=false", "-backend=false")

    def plan(self, file: Path, *, destroy: bool = False) -> Changes:
        """Writes a plan to `file` and returns what it would change."""
        extra = ("-destroy",) if destroy else ()
        return changes_in(self._run("plan", "-json", f"-out={file}", *extra).stdout)

    def show(self, plan: Path) -> dict[str, Any]:
        """The plan as Terraform's JSON document (`terraform show -json`)."""
        shown: dict[str, Any] = json.loads(self._run("show", "-json", str(plan), capture=True).stdout)
        return shown

    def apply(self, plan: Path) -> None:
        """Carries out a plan that was written before: exactly that, or an error."""
        self._run("apply", "-json", str(plan))

    def adopt(self, address: str, resource_id: str) -> None:
        """Takes a resource that exists already into the state, as a deploy that was killed half-way leaves them."""
        self._run("import", "-no-color", address, resource_id)


class TerraformError(CommandError):
    """Terraform refused; `errors` holds its own words."""

    def __init__(self, stack: str, what: str, errors: list[str], log: Path) -> None:
        self.stack, self.errors = stack, errors
        shown = "\n".join(f"  {error}" for error in errors[:ERRORS_SHOWN])
        more = len(errors) - ERRORS_SHOWN
        hidden = f"\n  and {more} more" if more > 0 else ""
        super().__init__(f"{stack}: terraform {what} failed:\n{shown}{hidden}\n  The whole log: {log}", Exit.FINDINGS)


def messages(output: str) -> list[str]:
    """The error messages in Terraform's machine-readable output (one JSON object a line)."""
    found = []
    for line in output.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        diagnostic = event.get("diagnostic", {})
        if diagnostic.get("severity") == "error":
            detail = " ".join(diagnostic.get("detail", "").split())
            address = diagnostic.get("address", "")
            found.append(": ".join(part for part in (address, diagnostic.get("summary", ""), detail) if part))
    return found


def changes_in(output: str) -> Changes:
    """The summary in the output of `terraform plan -json`. Raises `CommandError` where there is none."""
    for line in reversed(output.splitlines()):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("type") == "change_summary":
            found = event["changes"]
            return Changes(found["add"], found["change"], found["remove"])
    msg = "terraform plan said nothing of changes, so nothing is known of them"
    raise CommandError(msg, Exit.INDETERMINATE)
