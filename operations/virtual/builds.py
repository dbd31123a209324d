"""Tenant files that accept one build of the measured image, beside those of the checkout, which accept none."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from tenancy.fleet import PLATFORM_FILE

IMAGE = "trainer-cpu"
"""The platform's name of the image whose builds are listed."""


@dataclass(frozen=True)
class Build:
    """One measured build: its signed reference values, the key that signed them, and how far its roll-out has come."""

    reference: Path
    signed_by: Path
    stage: Literal["canary", "active", "retired"] = "active"
    reason: str = ""


def write_fleet(source: Path, target: Path, builds: tuple[Build, ...]) -> Path:
    """Copies the tenant files of `source` to `target` with `builds` as the image's releases; returns `target`."""
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    for file in sorted(source.glob("*.yaml")):
        (target / file.name).write_bytes(file.read_bytes())
    platform = target / PLATFORM_FILE
    document: dict[str, Any] = yaml.safe_load(platform.read_text(encoding="utf-8"))
    document["clouds"]["aws"]["images"][IMAGE]["releases"] = [_release(build, target) for build in builds]
    platform.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return target


def _release(build: Build, folder: Path) -> dict[str, str]:
    entry = {
        "reference": os.path.relpath(build.reference, folder),
        "signed_by": os.path.relpath(build.signed_by, folder),
        "stage": build.stage,
    }
    return entry | ({"reason": build.reason} if build.reason else {})
