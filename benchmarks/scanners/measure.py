"""Runs a program and measures it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """What a program said and used: wall time in seconds, the largest resident set of any of its processes in MiB."""

    code: int
    output: str
    errors: str
    seconds: float
    memory_mib: int


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Run:
    """Runs a program to its end. `environment` is added to that of this process.

    Programs of Python keep their bytecode, as installed ones do, whatever this process was told.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
            stdout=output,
            stderr=errors,
            stdin=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said = []
        for file in (output, errors):
            file.seek(0)
            said.append(file.read().decode("utf-8", "replace"))
    return Run(process.returncode, said[0], said[1], round(seconds, 2), used.ru_maxrss // 1024)
