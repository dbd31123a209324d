"""Gaps of moto 5.2 that stop Terraform or make an answer differ from AWS's: one small file each, with the reason."""

from __future__ import annotations

import functools
import importlib
import pkgutil


@functools.cache
def apply() -> tuple[str, ...]:
    """Apply every patch of this package, once per process; the names of those applied."""
    applied = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        importlib.import_module(f"{__name__}.{module.name}").apply()
        applied.append(module.name)
    return tuple(applied)
