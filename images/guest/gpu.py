"""Refuses to go on unless every GPU is in confidential mode, without developer tools, on a recent enough driver.

Checking that the GPU is genuine is not checking that it is confidential, so each property is asked for by its name
and must answer with exactly the good word. An image for a cloud without confidential GPUs says `bulkhead.gpu=plain`
on its measured command line, and then only the driver is checked.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

MINIMUM_DRIVER = (570, 86, 15)
CHECKS = {
    "confidential mode": (["conf-compute", "-f"], re.compile(r"^CC status: ON$", re.MULTILINE)),
    "developer tools mode": (["conf-compute", "-d"], re.compile(r"^DevTools Mode: OFF$", re.MULTILINE)),
}
"""nvidia-smi's question and the one good answer."""


class GpuError(Exception):
    """A GPU is not in the state that this image demands; the message says what was asked and what came back."""


def ask(arguments: list[str]) -> str:
    """What nvidia-smi answers.

    Raises:
        GpuError: it could not be run, or failed.
    """
    try:
        done = subprocess.run(["nvidia-smi", *arguments], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GpuError(f"nvidia-smi {' '.join(arguments)}: {error}") from error
    if done.returncode != 0:
        raise GpuError(f"nvidia-smi {' '.join(arguments)} ended with {done.returncode}: {done.stdout.strip()[-200:]}")
    return done.stdout


def driver_versions(answer: str) -> list[tuple[int, ...]]:
    """The driver version of each GPU.

    Raises:
        GpuError: a line is not a version, or there is no GPU.
    """
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    wrong = [line for line in lines if not re.fullmatch(r"\d+(\.\d+){1,3}", line)]
    if wrong or not lines:
        raise GpuError(f"nvidia-smi lists no driver version per GPU: {answer.strip()[:200]!r}")
    return [tuple(int(part) for part in line.split(".")) for line in lines]


def demand(*, confidential: bool) -> None:
    """Asks everything.

    Raises:
        GpuError: the first answer that is not good.
    """
    for version in driver_versions(ask(["--query-gpu=driver_version", "--format=csv,noheader"])):
        if version < MINIMUM_DRIVER:
            raise GpuError(f"driver {'.'.join(map(str, version))} is older than {'.'.join(map(str, MINIMUM_DRIVER))}")
    if not confidential:
        return
    for what, (question, good) in CHECKS.items():
        answer = ask(question)
        if not good.search(answer):
            raise GpuError(f"{what}: nvidia-smi {' '.join(question)} answered {answer.strip()[:200]!r}")


def confidential_demanded(command_line: str) -> bool:
    """Whether the image was built for confidential GPUs: unless its command line says plain."""
    return "bulkhead.gpu=plain" not in command_line.split()


def main() -> int:
    """0 when every GPU is as demanded."""
    try:
        demand(confidential=confidential_demanded(Path("/proc/cmdline").read_text()))
    except GpuError as error:
        sys.stderr.write(f"gpu: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
