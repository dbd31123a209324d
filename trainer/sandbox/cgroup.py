"""Limits for the worker and all that it starts together (cgroups(7)): memory, processes, processor time.

The limits of `setrlimit` hold for each process by itself. A group's hold for their sum, and the kernel counts what it
refused. Version 2 of the interface is used where the agent may write to it, version 1 where that is what the machine
has. Where neither is open to the agent the worker runs without, and its description says so and why.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from trainer.errors import Reason, TrainerError

CONTROLLERS: Final[tuple[str, ...]] = ("memory", "pids", "cpu")
_PERIOD: Final = 100_000
"""Microseconds over which processor time is counted."""
_LEAVING: Final = 30.0
"""Seconds that killed processes may take to disappear before their group is left behind."""
_NUMBERS: Final = count()


@dataclass(frozen=True)
class Group:
    """The folders of one group: one in version 2, one for each controller in version 1."""

    version: int
    folders: dict[str, Path]

    @property
    def joined(self) -> tuple[str, ...]:
        """The files to which the launcher writes itself, before it confines itself."""
        return tuple(str(path / "cgroup.procs") for path in sorted(set(self.folders.values())))

    def describe(self) -> dict[str, Any]:
        """For ledger and provenance."""
        return {"version": self.version, "controllers": sorted(self.folders)}

    def events(self) -> list[str]:
        """What the limits had to do, in words; nothing when they were not reached."""
        killed = self._counted("memory", "memory.events" if self.version == 2 else "memory.oom_control", "oom_kill")
        refused = self._counted("pids", "pids.events", "max")
        words = [f"{killed} of its processes killed at the memory limit"] if killed else []
        return words + ([f"{refused} more processes refused"] if refused else [])

    def _counted(self, controller: str, file: str, name: str) -> int:
        path = self.folders[controller] / file
        lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
        return next((int(value) for key, _, value in (line.partition(" ") for line in lines) if key == name), 0)


@dataclass(frozen=True)
class Machine:
    """Where this process stands in the machine's cgroups: the folder of each controller, by version."""

    unified: Path | None
    legacy: dict[str, Path]

    @classmethod
    def read(cls, process: Path = Path("/proc/self")) -> Machine:
        """From `cgroup` and `mountinfo` of proc(5)."""
        own: dict[str, str] = {}
        for line in (process / "cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            own |= dict.fromkeys(controllers.split(","), path)
        unified: Path | None = None
        legacy: dict[str, Path] = {}
        for line in (process / "mountinfo").read_text(encoding="utf-8").splitlines():
            before, _, after = line.partition(" - ")
            root, mounted = before.split()[3:5]
            kind, _, options = after.split()[:3]
            if kind == "cgroup2" and "" in own:
                unified = _below(Path(mounted), root, own[""])
            elif kind == "cgroup":
                names = set(options.split(",")) & own.keys()
                legacy |= {name: _below(Path(mounted), root, own[name]) for name in names}
        return cls(unified, legacy)


def _below(mounted: Path, root: str, path: str) -> Path:
    return mounted / path.removeprefix("" if root == "/" else root).lstrip("/")


@contextmanager
def limited(
    machine: Machine, memory_bytes: int, processes: int, cpus: float | None
) -> Iterator[tuple[Group | None, str]]:
    """A group with these limits, removed at the end; or None and why this machine gives none.

    Raises `TrainerError(SANDBOX)` when the group was made and a limit cannot be set.
    """
    try:
        group = _made(machine)
    except OSError as error:
        yield None, f"{error.strerror}: {error.filename}; start the agent in a unit with Delegate=yes"
        return
    if group is None:
        yield None, "no cgroup with the controllers memory and pids"
        return
    try:
        _set(group, memory_bytes, processes, cpus)
        yield group, ""
    finally:
        _removed(group)


def _made(machine: Machine) -> Group | None:
    name = f"bulkhead-{os.getpid()}-{next(_NUMBERS)}"
    if machine.unified is not None:
        parent = machine.unified
        if parent.name == "agent" and {"memory", "pids"} <= _words(parent.parent / "cgroup.subtree_control"):
            # This agent, or systemd for it (DelegateSubgroup=), went down a level before.
            parent = parent.parent
        if {"memory", "pids"} <= _words(parent / "cgroup.controllers"):
            _enable(parent)
            folder = parent / name
            folder.mkdir()
            return Group(2, dict.fromkeys(_words(parent / "cgroup.subtree_control"), folder))
    if not {"memory", "pids"} <= machine.legacy.keys():
        return None
    folders: dict[str, Path] = {kind: machine.legacy[kind] / name for kind in CONTROLLERS if kind in machine.legacy}
    for folder in dict.fromkeys(folders.values()):
        folder.mkdir()
    return Group(1, folders)


def _enable(parent: Path) -> None:
    """Gives the controllers to groups below `parent`, in which no process may then be (cgroups(7))."""
    control = parent / "cgroup.subtree_control"
    wanted = ({"memory", "pids", "cpu"} & _words(parent / "cgroup.controllers")) - _words(control)
    if not wanted:
        return
    text = " ".join(f"+{name}" for name in sorted(wanted))
    try:
        control.write_text(text, encoding="ascii")
    except OSError as error:
        alone = (parent / "cgroup.procs").read_text(encoding="ascii").split() == [str(os.getpid())]
        if error.errno != errno.EBUSY or not alone:
            raise
        (parent / "agent").mkdir(exist_ok=True)
        (parent / "agent" / "cgroup.procs").write_text("0", encoding="ascii")
        control.write_text(text, encoding="ascii")


def _set(group: Group, memory_bytes: int, processes: int, cpus: float | None) -> None:
    if group.version == 2:
        values = {("memory", "memory.max"): memory_bytes, ("memory", "memory.oom.group"): 1}
        optional = {("memory", "memory.swap.max"): "0"}
        processor = {("cpu", "cpu.max"): f"{int((cpus or 0) * _PERIOD)} {_PERIOD}"}
    else:
        values = {("memory", "memory.limit_in_bytes"): memory_bytes}
        optional = {("memory", "memory.memsw.limit_in_bytes"): str(memory_bytes)}
        processor = {
            ("cpu", "cpu.cfs_period_us"): str(_PERIOD),
            ("cpu", "cpu.cfs_quota_us"): str(int((cpus or 0) * _PERIOD)),
        }
    values[("pids", "pids.max")] = processes
    if cpus is not None and "cpu" not in group.folders:
        raise TrainerError(
            Reason.SANDBOX, "sandbox: limits.cpus is set, but this machine's cgroups give no cpu controller"
        )
    for (controller, file), value in (values | (processor if cpus is not None else {})).items():
        try:
            (group.folders[controller] / file).write_text(str(value), encoding="ascii")
        except OSError as error:
            raise TrainerError(
                Reason.SANDBOX, f"sandbox: {group.folders[controller] / file}: {error.strerror}"
            ) from error
    for (controller, file), value in optional.items():
        # Only kernels that account for swap have them.
        if (group.folders[controller] / file).exists():
            (group.folders[controller] / file).write_text(value, encoding="ascii")


def _removed(group: Group) -> None:
    """Removes the folders once the last process has gone; kills what is left where the kernel can do so at once."""
    for folder in sorted(set(group.folders.values())):
        if (folder / "cgroup.kill").exists():
            (folder / "cgroup.kill").write_text("1", encoding="ascii")
        deadline = time.monotonic() + _LEAVING
        while True:
            try:
                folder.rmdir()
                break
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise TrainerError(
                        Reason.SANDBOX, f"sandbox: {folder} cannot be removed: {error.strerror}"
                    ) from error
            time.sleep(0.02)


def _words(path: Path) -> set[str]:
    return set(path.read_text(encoding="ascii").split()) if path.exists() else set()
