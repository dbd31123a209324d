"""Timing: alternating rounds, medians and spread, and what the machine is."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cryptography
import torch
from cryptography.hazmat.backends.openssl import backend


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    value: float
    unit: str
    low: float
    high: float
    ratio: float | None = None
    """Against the plain counterpart of the same run."""
    target: str = ""
    met: bool | None = None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def seconds(
    actions: dict[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Seconds of each action in each round, the actions taking turns, so that load falls on all alike; one warm-up.

    By default seconds of processor time over all threads, which is what "per core" means and what other processes
    disturb least; `time.perf_counter` for what waits on files.
    """
    found: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(rounds + 1):
        for name, action in actions.items():
            started = clock()
            action()
            if number:
                found[name].append(clock() - started)
    return found


def rate(what: str, amount: float, unit: str, times: list[float], **more: Any) -> Row:
    """A row of `amount` per second."""
    values = sorted(amount / taken for taken in times)
    return Row(what, statistics.median(values), unit, values[0], values[-1], **more)


def not_measured(why: str) -> Row:
    """A row that says what is missing and why."""
    return Row(why, 0, "", 0, 0)


def ratio_of(numerator: list[float], denominator: list[float]) -> float:
    """The median of the rounds' own ratios: what loads the machine in a round loads both."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


def memory_folder() -> Path:
    """A folder in memory where there is one, so that no disk is measured."""
    shared = Path("/dev/shm")  # noqa: S108 - a fresh directory is made below it
    return shared if shared.is_dir() else Path(tempfile.gettempdir())


def wide_vectors() -> bool:
    """Whether the processor has the AVX-512 instructions for which OpenSSL has its quickest AES-GCM."""
    return {"avx512f", "vaes", "vpclmulqdq"} <= set(_processor().get("flags", "").split())


def _processor() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def machine() -> dict[str, Any]:
    """Processor, its flags that matter for AES-GCM, and the versions of what was measured."""
    fields = _processor()
    known = fields.get("flags", "").split()
    return {
        "processor": fields.get("model name", platform.machine()),
        "cores": os.cpu_count(),
        "flags": [flag for flag in ("aes", "vaes", "vpclmulqdq", "avx2", "avx512f") if flag in known],
        "load": round(os.getloadavg()[0], 2),
        "openssl": backend.openssl_version_text(),
        "cryptography": cryptography.__version__,
        "torch": torch.__version__,
        "chunk_bytes": 65536,
    }
