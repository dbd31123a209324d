"""Where the command keeps what it makes, all of it below the checkout, so that `make clean` finds everything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from operations.errors import CommandError


@dataclass(frozen=True)
class Workspace:
    """The folders of one checkout."""

    root: Path

    @property
    def hidden(self) -> Path:
        """State of the tools: local cloud, Terraform, prepared keys."""
        return self.root / ".bulkhead"

    @property
    def out(self) -> Path:
        """What people look at: the report, the plans, the models."""
        return self.root / "out"

    @property
    def synth(self) -> Path:
        """The synthesised Terraform configuration."""
        return self.out / "cdk"

    @property
    def state(self) -> Path:
        """Terraform's state in the local profile."""
        return self.hidden / "state"

    def terraform(self) -> tuple[Path, Path]:
        """The program and its CLI configuration, as set-up found them. Raises `CommandError` before set-up."""
        found = self.hidden / "terraform.json"
        try:
            described = json.loads(found.read_text(encoding="utf-8"))
            program, config = Path(described["program"]), Path(described["config"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"{found}: Terraform's settings cannot be read ({error}). Run `make setup`"
            raise CommandError(msg) from error
        for file in (program, config):
            if not file.is_file():
                msg = f"{found}: names {file}, which is not there. Run `make setup`"
                raise CommandError(msg)
        return program, config


def workspace() -> Workspace:
    """The workspace of the current folder. Raises `CommandError` outside a checkout."""
    root = Path.cwd()
    if not (root / "cdktf.json").exists():
        msg = f"{root}: there is no cdktf.json here. Run the command from the root of the checkout"
        raise CommandError(msg)
    return Workspace(root)
