"""A worker that its service manager confines: the launcher believes the kernel, not the unit's file."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer.agent import unit
from trainer.agent.unit import attached_worker
from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec
from trainer.protocol.channel import Channel
from trainer.sandbox import inherited

JOB = JobSpec.model_validate(
    {
        "tenant": "acme",
        "run": "r",
        "data": [{"data_set": "d", "version": "v1", "url": "file:///d", "columns": ["c"]}],
        "recipe": {"name": "tabular"},
    }
)
CONFINED = {
    **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0000000000000000"),
    "NoNewPrivs": "1",
    "Seccomp": "2",
    "Threads": "1",
}
ELSEWHERE = dict.fromkeys(inherited.NAMESPACES, "other:[1]")

UNIT = r"""
import ctypes, os, sys
from trainer.sandbox import kernel
left = set(sys.argv[1].split(","))
uid, gid = os.geteuid(), os.getegid()
if "namespaces" not in left:
    kernel.unshare(
        kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWPID | kernel.CLONE_NEWUSER
    )
    for name, text in (("setgroups", "deny"), ("uid_map", f"61234 {uid} 1"), ("gid_map", f"61234 {gid} 1")):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)
    if os.fork():
        _, status = os.wait()
        os._exit(os.waitstatus_to_exitcode(status))
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("proc", "/proc", "proc", 0)
    if "devices" not in left:
        held = {name: os.open("/dev/" + name, os.O_PATH) for name in ("null", "zero", "full", "urandom")}
        kernel.mount("tmpfs", "/dev", "tmpfs", 0)
        for name, descriptor in held.items():
            open("/dev/" + name, "w").close()
            kernel.mount(f"/proc/self/fd/{descriptor}", "/dev/" + name, None, kernel.MS_BIND)
            os.close(descriptor)
        os.mkdir("/dev/shm")
    if "root" not in left:
        kernel.mount("/", "/mnt", None, kernel.MS_BIND | kernel.MS_REC)
        kernel.mount(None, "/mnt", None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY)
        os.chroot("/mnt")
        os.chdir("/")
if "capabilities" not in left:
    kernel.drop_bounding_set()
    kernel.drop_capabilities()
if "privileges" not in left:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
if "filter" not in left:
    from trainer.sandbox import seccomp
    allow = (seccomp._Filter * 1)(seccomp._Filter(0x06, 0, 0, seccomp.ALLOW))
    program = seccomp._Program(1, allow)
    kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.cast(ctypes.byref(program), ctypes.c_void_p))
os.execv(sys.executable, [sys.executable, "-m", "trainer.sandbox.inherited", sys.argv[2]])
"""
"""What systemd does for the worker's unit, by the kernel's own means; the first argument leaves parts of it out."""


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    path = str(tmp_path / "worker.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(path)
        sock.listen(1)
        yield path, sock


def start(path: str, left_out: str = "") -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", UNIT, left_out, path], env=environment | {"OMP_NUM_THREADS": "1"})


def test_a_confined_unit_becomes_the_worker(listener: tuple[str, socket.socket]) -> None:
    path, sock = listener
    with start(path) as process:
        with attached_worker(f"fd:{sock.fileno()}", JOB) as (worker, connection):
            assert worker.confinement["kind"] == "unit"
            assert {"ipc", "mnt", "net", "pid", "user"} <= set(worker.confinement["namespaces"])
            assert worker.confinement["landlock_abi"] >= 1
            fields = inherited.status(Path(f"/proc/{worker.pid}/status").read_text())
            assert (fields["Seccomp"], int(fields["Seccomp_filters"])) == ("2", 2)
            # A worker: it takes no message for a job that is none.
            Channel(connection).send({"kind": "no-such-message"})
            assert Channel(connection).receive() is None
        assert process.wait(60) != 0


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("namespaces", "it shares the agent's net namespace"),
        ("devices", "it sees the device"),
        ("root", "its root is writable"),
        ("capabilities", "CapBnd is"),
        ("privileges,filter", "it may gain privileges"),
        ("filter", "it has no seccomp filter"),
    ],
)
def test_a_unit_that_leaves_something_open_is_refused(
    listener: tuple[str, socket.socket], left_out: str, said: str
) -> None:
    path, sock = listener
    with start(path, left_out) as process:
        with (
            pytest.raises(TrainerError, match=said) as refused,
            attached_worker(f"fd:{sock.fileno()}", JOB),
        ):
            pytest.fail("a worker that is not confined was taken")
        assert refused.value.reason == Reason.SANDBOX
        assert process.wait(60) == 125


@pytest.mark.parametrize("name", ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
def test_any_capability_is_a_weakness(name: str) -> None:
    assert any(name in line for line in inherited.weaknesses(CONFINED | {name: "0000000000000001"}, ELSEWHERE))
    assert not any(name in line for line in inherited.weaknesses(CONFINED, ELSEWHERE))
    without = {key: value for key, value in CONFINED.items() if key != name}
    assert any(name in line for line in inherited.weaknesses(without, ELSEWHERE))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("NoNewPrivs", "0", "gain privileges"), ("Seccomp", "0", "no seccomp"), ("Threads", "3", "3 threads")],
)
def test_what_the_kernel_says_is_what_counts(field: str, value: str, said: str) -> None:
    assert any(said in line for line in inherited.weaknesses(CONFINED | {field: value}, ELSEWHERE))
    assert not any(said in line for line in inherited.weaknesses(CONFINED, ELSEWHERE))


def test_a_namespace_that_the_agent_does_not_name_counts_as_shared() -> None:
    partial = {kind: value for kind, value in ELSEWHERE.items() if kind != "net"}
    assert "it shares the agent's net namespace" in inherited.weaknesses(CONFINED, partial)


@pytest.mark.parametrize("setting", ["", "fd:", "fd:x", "unix:/run/x", "3"])
def test_a_setting_that_names_no_descriptor_is_refused(setting: str) -> None:
    with pytest.raises(TrainerError, match="expected fd:<number>"), attached_worker(setting, JOB):
        pytest.fail("there is nothing to attach to")


def test_an_agent_that_never_comes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="no agent listens"):
        inherited.connect(str(tmp_path / "none"), patience=0.0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [({"confined": "yes"}, "did not say"), ({}, "did not say"), ({"refused": "it runs as root"}, "it runs as root")],
)
def test_only_a_description_counts_as_confined(
    listener: tuple[str, socket.socket], answer: dict[str, Any], said: str
) -> None:
    path, sock = listener

    def pretend() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as worker:
            worker.connect(path)
            Channel(worker).receive()
            Channel(worker).send(answer)
            worker.recv(1)

    thread = threading.Thread(target=pretend)
    thread.start()
    with pytest.raises(TrainerError, match=said), attached_worker(f"fd:{sock.fileno()}", JOB):
        pytest.fail("a worker that does not say what confines it was taken")
    thread.join(60)


def test_a_worker_that_goes_on_talking_is_an_error(listener: tuple[str, socket.socket]) -> None:
    left, right = socket.socketpair()
    with left, right:
        right.sendall(struct.pack(">I", 0))
        with pytest.raises(TrainerError, match="went on talking"):
            unit.WorkerUnit(1, {}, left).finish()
    left, right = socket.socketpair()
    with left:
        right.close()
        unit.WorkerUnit(1, {}, left).finish()


def test_the_agent_runs_without_torch() -> None:
    """It has no use for it, and importing it costs a node's start as much as the rest together."""
    code = "import sys, trainer.agent.session, trainer.backends; sys.exit('torch' in sys.modules)"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_sizes_in_manifests_are_those_of_torch() -> None:
    from trainer.checkpoint.dtypes import DTYPES
    from trainer.checkpoint.manifest import ITEM_BYTES

    assert {name: dtype.itemsize for name, dtype in DTYPES.items()} == ITEM_BYTES
