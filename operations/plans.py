"""Plans and synthesised stacks: reading them, and writing the stacks without any cloud."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.errors import CommandError

if TYPE_CHECKING:
    from tenancy.fleet import Fleet

_NOWHERE = "http://127.0.0.1:1"
"""Endpoint of stacks that are never deployed."""


def read_plans(folder: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """The documents in a folder and their files, by stack.

    A document is `<stack>.json` (`terraform show -json` of a plan) or `<stack>/cdk.tf.json` (synthesised).

    Raises:
        CommandError: there is none, or one cannot be read.
    """
    files = {path.parent.name: path for path in folder.glob("*/cdk.tf.json")}
    files |= {path.stem: path for path in folder.glob("*.json")}
    if not files:
        raise CommandError(f"{folder}: no <stack>.json and no <stack>/cdk.tf.json here; run `bulkhead plan` first")
    return {stack: read_plan(path) for stack, path in files.items()}, files


def read_plan(path: Path) -> Any:
    """One plan or synthesised stack. Raises `CommandError` where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: cannot be read: {error}") from error


def synthesised(fleet: Fleet, folder: Path) -> Path:
    """The stacks of the whole fleet, written below `folder` for judging only; no cloud needs to run."""
    os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE", "enabled")
    from modules.aws.errors import ConstructError  # noqa: PLC0415 - starts Node
    from stacks.app import synthesise  # noqa: PLC0415
    from stacks.errors import StackError  # noqa: PLC0415
    from tenancy.errors import SpecError  # noqa: PLC0415

    sys.stderr.write("synthesising the stacks\n")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        synthesise(fleet, "local", None, folder, _NOWHERE)
    except (StackError, ConstructError, SpecError) as error:
        raise CommandError(str(error)) from error
    return folder / "stacks"
