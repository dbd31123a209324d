"""The agent's side: the command line and environment that start a worker confined."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trainer.errors import Reason, TrainerError
from trainer.sandbox import landlock, seccomp
from trainer.sandbox.cgroup import Group, Machine, limited
from trainer.sandbox.spec import SandboxSpec

ROOT = Path(__file__).resolve().parent.parent.parent
_FIRST_UID = 61184
"""Start of systemd's range for dynamic users, which no account has."""


@dataclass(frozen=True)
class Confined:
    """A command that runs confined, and what confines it, for the ledger and for provenance."""

    command: list[str]
    description: dict[str, Any]
    group: Group | None = None
    """Whose counters say which limits were reached."""


def unavailable() -> str | None:
    """Why the strict sandbox cannot be built on this machine, in one line; None where it can. Takes about a second."""
    with confine([sys.executable, "-c", ""], 1 << 30, 64, "cpu") as sandbox:
        run = subprocess.run(
            sandbox.command, check=False, env=worker_environment(), cwd="/", capture_output=True, text=True
        )
    if run.returncode == 0:
        return None
    return run.stderr.strip().splitlines()[-1] if run.stderr.strip() else f"exit status {run.returncode}"


def worker_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The worker's whole environment: nothing is inherited, least of all credentials; `more` is for its peers."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/tmp",  # noqa: S108 - the sandbox's own, in memory
        "USER": "worker",
        "TORCHINDUCTOR_CACHE_DIR": "/tmp/inductor",  # noqa: S108
    } | dict(more or {})


@contextmanager
def confine(
    command: list[str],
    memory_bytes: int,
    processes: int,
    device: str,
    network: int | None = None,
    cpus: float | None = None,
) -> Iterator[Confined]:
    """The command that runs `command` in the strict sandbox; `network` is an open namespace that holds its peers.

    Memory and processes are limited for each process, and for all together where the machine lets the agent make a
    control group; the description says whether. `cpus` needs one.
    """
    gpu = [str(path) for path in sorted(Path("/dev").glob("nvidia*")) if path.is_char_device()]
    devices = gpu if device.startswith("cuda") else []
    prefixes = {str(Path(sys.prefix).resolve()), str(Path(sys.base_prefix).resolve()), sys.prefix, sys.base_prefix}
    readable = tuple(sorted(path for path in prefixes if not path.startswith("/usr/") and path != "/usr"))
    with (
        TemporaryDirectory(prefix="bulkhead-root-") as base,
        limited(Machine.read(), memory_bytes, processes, cpus) as (group, why),
    ):
        if group is None and cpus is not None:
            raise TrainerError(Reason.SANDBOX, f"sandbox: limits.cpus is set, but there is no control group: {why}")
        spec = SandboxSpec(
            base=base,
            readable=(*readable, str(ROOT / "trainer")),
            devices=tuple(devices),
            memory_bytes=memory_bytes,
            address_space=not devices,
            # Where there is a group its limit is the one to be reached: it holds for all of the worker, and the kernel
            # counts what it refuses. The same number for the user would sometimes be reached first.
            processes=processes if group is None else 2 * processes,
            uid=_FIRST_UID + os.getpid() % 4000,
            network=network,
            groups=group.joined if group else (),
        )
        description = {
            "kind": "strict",
            "namespaces": ["cgroup", "ipc", "mount", "network", "pid", "uts"] + ([] if os.geteuid() == 0 else ["user"]),
            "landlock_abi": landlock.version(),
            "seccomp_instructions": len(seccomp.program(os.uname().machine, sockets=network is not None)),
            "memory_bytes": memory_bytes,
            "processes": processes,
            "cpus": cpus,
            "cgroup": group.describe() if group else {"missing": why},
            "network": "none" if network is None else "the job's own peers",
        }
        yield Confined([sys.executable, "-m", "trainer.sandbox", spec.encode(), *command], description, group)
