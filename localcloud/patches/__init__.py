"""Gaps of moto 5.2 that stop Terraform or make an answer differ from AWS's: one small file each, with the reason."""

from __future__ import annotations

import importlib
import pkgutil


def apply() -> list[str]:
    """Apply every patch of this package once; the names of those applied."""
    applied = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        importlib.import_module(f"{__name__}.{module.name}").apply()
        applied.append(module.name)
    return applied
