"""Limits for a worker and all that it starts: what is written to the kernel, and that it holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import TrainerError
from trainer.sandbox import cgroup
from trainer.sandbox.cgroup import Group, Machine, limited
from trainer.sandbox.command import confine, worker_environment


def machine(root: Path, version: int, own: str = "/unit", controllers: str = "cpu memory pids") -> Machine:
    """A copy of what the kernel shows, in files: its rules are not copied, only its names."""
    (root / "proc").mkdir()
    if version == 2:
        folder = root / "fs" / own.lstrip("/")
        folder.mkdir(parents=True)
        (folder / "cgroup.controllers").write_text(controllers)
        (folder / "cgroup.subtree_control").write_text("")
        (folder / "cgroup.procs").write_text(f"{os.getpid()}\n")
        (root / "proc" / "cgroup").write_text(f"0::{own}\n")
        (root / "proc" / "mountinfo").write_text(f"30 23 0:26 / {root}/fs rw,nosuid - cgroup2 cgroup2 rw\n")
        return Machine.read(root / "proc")
    lines = []
    for number, name in enumerate(controllers.split()):
        (root / "fs" / name / own.lstrip("/")).mkdir(parents=True)
        lines.append(f"{30 + number} 23 0:26 / {root}/fs/{name} rw - cgroup cgroup rw,{name}\n")
    (root / "proc" / "cgroup").write_text("".join(f"1:{name}:{own}\n" for name in controllers.split()) + f"0::{own}\n")
    (root / "proc" / "mountinfo").write_text("".join(lines))
    return Machine.read(root / "proc")


@pytest.fixture
def no_removal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real files keep a folder from being removed, the kernel's do not."""
    monkeypatch.setattr(cgroup, "_removed", lambda _: None)


@pytest.mark.usefixtures("no_removal")
def test_version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = machine(tmp_path, 2)
    assert found.unified is not None
    parent = found.unified
    written: list[str] = []
    write = Path.write_text

    def kernel(path: Path, text: str, **more: Any) -> int:
        if path.name == "cgroup.subtree_control":
            written.append(text)
            text = text.replace("+", "")
        return write(path, text, **more)

    monkeypatch.setattr(Path, "write_text", kernel)
    with limited(found, 1 << 30, 64, 1.5) as (group, _):
        assert group is not None
        assert written == ["+cpu +memory +pids"]
        (folder,) = set(group.folders.values())
        assert folder.parent == parent
        values = {path.name: path.read_text() for path in folder.iterdir()}
        assert values == {
            "memory.max": str(1 << 30),
            "memory.oom.group": "1",
            "pids.max": "64",
            "cpu.max": "150000 100000",
        }
        assert group.joined == (str(folder / "cgroup.procs"),)
        (folder / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
        (folder / "pids.events").write_text("max 7\n")
        assert group.events() == ["2 of its processes killed at the memory limit", "7 more processes refused"]
        assert group.describe() == {"version": 2, "controllers": ["cpu", "memory", "pids"]}


@pytest.mark.usefixtures("no_removal")
def test_version_1(tmp_path: Path) -> None:
    with limited(machine(tmp_path, 1), 1 << 30, 64, None) as (group, _):
        assert group is not None
        assert (group.folders["memory"] / "memory.limit_in_bytes").read_text() == str(1 << 30)
        assert (group.folders["pids"] / "pids.max").read_text() == "64"
        assert len(group.joined) == 3
        assert group.events() == []
        (group.folders["memory"] / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 4\n")
        assert group.events() == ["4 of its processes killed at the memory limit"]


@pytest.mark.parametrize(("version", "controllers"), [(2, "cpu io"), (1, "cpu"), (1, "memory"), (2, "")])
def test_a_machine_without_the_controllers_says_so(version: int, controllers: str, tmp_path: Path) -> None:
    with limited(machine(tmp_path, version, controllers=controllers), 1 << 30, 64, None) as (group, why):
        assert group is None
        assert "no cgroup" in why


def test_a_group_that_may_not_be_made_says_so(tmp_path: Path) -> None:
    found = machine(tmp_path, 1)
    (found.legacy["pids"]).rmdir()
    with limited(found, 1 << 30, 64, None) as (group, why):
        assert group is None
        assert "Delegate=yes" in why


@pytest.mark.usefixtures("no_removal")
def test_processor_time_without_its_controller_is_refused(tmp_path: Path) -> None:
    found = machine(tmp_path, 1, controllers="memory pids")
    with pytest.raises(TrainerError, match="cpus"), limited(found, 1 << 30, 64, 2.0):
        pass


def test_the_mount_of_a_container_begins_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("0::/docker/abc/unit\n4:memory:/docker/abc\n")
    (tmp_path / "mountinfo").write_text(
        "1 0 0:1 /docker/abc /sys/fs/cgroup/unified rw - cgroup2 none rw\n"
        "2 0 0:1 /docker/abc /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory\n"
        "3 0 0:1 / /proc rw - proc proc rw\n"
    )
    found = Machine.read(tmp_path)
    assert found == Machine(Path("/sys/fs/cgroup/unified/unit"), {"memory": Path("/sys/fs/cgroup/memory")})


# --- on this machine ----------------------------------------------------------------------------------------------

EATERS = """
import os, sys, time
for _ in range(6):
    if os.fork() == 0:
        held = bytearray(300 << 20)
        for at in range(0, len(held), 4096):
            held[at] = 1
        time.sleep(30)
        os._exit(0)
died = sum(os.WIFSIGNALED(os.wait()[1]) for _ in range(6))
print("died", died)
"""
FORKS = """
import os, time
born = 0
try:
    while born < 200:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        born += 1
except OSError:
    pass
print("born", born, flush=True)
os._exit(0)
"""


def confined(program: str, memory: int, processes: int) -> tuple[str, Group | None, dict[str, Any], list[str]]:
    """What the program said, its group, what confined it, and what the limits did."""
    with confine([sys.executable, "-c", program], memory, processes, "cpu") as sandbox:
        run = subprocess.run(
            sandbox.command, check=False, env=worker_environment(), cwd="/", capture_output=True, text=True, timeout=120
        )
        events = sandbox.group.events() if sandbox.group else []
    said = run.stdout.strip() or f"status {run.returncode}"
    return said, sandbox.group, sandbox.description["cgroup"], events


def test_memory_is_limited_for_all_processes_together() -> None:
    """Each of six stays below the limit that it has by itself; together they are three times above the group's."""
    said, group, description, events = confined(EATERS, 600 << 20, 64)
    if group is None:
        assert description["missing"]
        assert said == "died 0", "without a group only each process is limited, and the description says so"
        return
    assert said.startswith(("died ", "status "))
    assert said != "died 0"
    assert any("killed at the memory limit" in words for words in events)
    assert not any(folder.exists() for folder in group.folders.values()), "the group is removed with its worker"


def test_processes_are_limited_with_or_without_a_group() -> None:
    said, group, _, events = confined(FORKS, 1 << 30, 40)
    assert said.startswith("born ")
    assert int(said.split()[1]) < 40
    assert group is None or any("processes refused" in words for words in events)
