"""Hostile code inside the sandbox. Each attempt is also made outside it, where it succeeds: the attempts are real."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.support import cancer_job, seal_cancer
from trainer import agent
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec, Limits, RecipeSpec, TrainingSettings
from trainer.sandbox.command import confine, worker_environment

ATTEMPTS = {
    "tcp to a service of the machine": "socket.create_connection(('127.0.0.1', given['port']), 2)",
    "a raw socket call past Python": "check(libc.syscall(given['calls'][0], 2, 1, 0))",
    "an abstract UNIX socket of the machine": "socket.socket(socket.AF_UNIX).connect('\\0' + given['abstract'])",
    "a UNIX socket in the file system": "socket.socket(socket.AF_UNIX).connect(given['unix'])",
    "the machine's users": "open('/etc/passwd').read()",
    "the agent's home": "os.listdir(os.path.expanduser('~root'))",
    "a file of the agent": "open(given['secret']).read()",
    "the agent's environment": "open(f\"/proc/{given['agent']}/environ\").read()",
    "the agent's memory": "open(f\"/proc/{given['agent']}/mem\", 'rb').read(0)",
    "the agent as a process": "os.kill(given['agent'], 0)",
    "ptrace of the agent": "check(libc.ptrace(16, given['agent'], 0, 0)); libc.ptrace(17, given['agent'], 0, 0)",
    "a file where others see it": "open(given['drop'], 'w').write('x'); assert os.stat(given['drop']).st_uid == 0",
    "the trainer's own code": "open(given['code'], 'r+')",
    "a device of the machine": "os.open(given['device'], os.O_RDONLY | os.O_NONBLOCK)",
    "the kernel's symbols": "assert open('/proc/kallsyms').read(1)",
    "a mount": "f = given['folder'].encode(); check(libc.mount(b'none', f, b'tmpfs', 0, None)); libc.umount2(f, 2)",
    "a user namespace": "check(libc.unshare(0x10000000))",
    "clone into a user namespace": "clone_user()",
    "becoming root": "os.setuid(0)",
    "a capability": "os.chown(given['secret'], 0, 0)",
    "the kernel's log": "check(libc.klogctl(3, ctypes.create_string_buffer(64), 64))",
    "the kernel's keyring": "check(libc.syscall(given['calls'][1], 0, -3, 1))",
    "anonymous memory past the limits": "os.memfd_create('x')",
    "system settings": "open('/proc/sys/kernel/hostname').read()",
    "the interrupts of the machine": "assert open('/proc/interrupts').read()",
    "the machine's host name": "assert socket.gethostname() != 'worker'; socket.sethostname(socket.gethostname())",
}

PROGRAM = """
import ctypes, json, os, socket, sys
given = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def clone_user():
    child = libc.syscall(given['calls'][2], 0x10000000 | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    check(child)
    os.waitpid(child, 0)
try:
    {attempt}
except (OSError, AssertionError, ZeroDivisionError) as error:
    print("contained", type(error).__name__, error)
else:
    print("escaped")
"""


@dataclass(frozen=True)
class Surroundings:
    """What there is outside for an attempt to reach."""

    given: dict[str, Any]


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[Surroundings]:
    listener = socket.create_server(("127.0.0.1", 0))
    abstract = f"bulkhead-test-{os.getpid()}"
    hidden = socket.socket(socket.AF_UNIX)
    hidden.bind("\0" + abstract)
    hidden.listen()
    named = socket.socket(socket.AF_UNIX)
    named.bind(str(tmp_path / "socket"))
    named.listen()
    (tmp_path / "secret").write_text("credentials")
    code = tmp_path / "code.py"
    code.write_text("")
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    given = {
        "port": listener.getsockname()[1],
        "abstract": abstract,
        "unix": str(tmp_path / "socket"),
        "secret": str(tmp_path / "secret"),
        "agent": bystander.pid,
        "drop": str(tmp_path / "drop"),
        "code": str(Path(agent.__file__)),
        "device": a_device(),
        "calls": {"x86_64": (41, 250, 56), "aarch64": (198, 219, 220)}[os.uname().machine],
        "folder": str(tmp_path),
    }
    yield Surroundings(given)
    bystander.kill()
    bystander.wait()
    for opened in (listener, hidden, named):
        opened.close()


def a_device() -> str:
    """A device node that can be opened outside the sandbox."""
    for path in ("/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/mem", "/dev/kmsg", "/dev/net/tun", "/dev/ptmx"):
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            continue
        return path
    raise AssertionError("this machine has no device to try")


def attempt(code: str, given: dict[str, Any], *, confined: bool) -> str:
    command = [sys.executable, "-c", PROGRAM.replace("{attempt}", code), json.dumps(given)]
    if not confined:
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout.strip()
    with confine(command, 4 << 30, 64, "cpu") as sandbox:
        run = subprocess.run(
            sandbox.command, check=False, env=worker_environment(), cwd="/", capture_output=True, text=True, timeout=300
        )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.mark.parametrize("name", ATTEMPTS)
def test_contained(name: str, surroundings: Surroundings) -> None:
    if os.geteuid() == 0:
        assert attempt(ATTEMPTS[name], surroundings.given, confined=False) == "escaped", "the attempt itself is broken"
    assert attempt(ATTEMPTS[name], surroundings.given, confined=True).startswith("contained")


METADATA = """
import json, socket, subprocess, sys
from tests.trainer.test_hostile import attempt
from trainer.sandbox import kernel
kernel.unshare(kernel.CLONE_NEWNET)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "address", "add", "169.254.169.254/32", "dev", "lo"], check=True)
service = socket.create_server(("169.254.169.254", 80))
code = "socket.create_connection(('169.254.169.254', 80), 2)"
print(json.dumps([attempt(code, {}, confined=confined) for confined in (False, True)]))
"""


def test_the_metadata_service_is_out_of_reach() -> None:
    """At the address where clouds have it, in a network of the test's own: there outside the sandbox, not inside."""
    if os.geteuid() != 0:
        inside = attempt("socket.create_connection(('169.254.169.254', 80), 2)", {}, confined=True)
        assert inside.startswith("contained")
        return
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", METADATA], cwd=root, capture_output=True, text=True, timeout=600, check=False
    )
    assert run.returncode == 0, run.stderr
    outside, inside = json.loads(run.stdout)
    assert outside == "escaped"
    assert inside.startswith("contained")


# --- through the agent --------------------------------------------------------------------------------------------

BUNDLE = """
import json, os, socket, struct, sys, threading, time
from trainer.recipes import tabular
class Recipe(tabular.TabularRecipe):
    def build(self):
        agent = socket.socket(fileno=os.dup(int(sys.argv[1])))
        def say(document, descriptors=()):
            data = json.dumps(document).encode()
            socket.send_fds(agent, [struct.pack(">I", len(data)) + data], descriptors)
        {attack}
        return super().build()
"""

PAUSE = "; time.sleep(60)"
SPLIT = "[threading.Thread(target=lambda: [os.fork() for _ in iter(int, 1)]).start() for _ in range(4)]"
NOTHING = (
    "say({'type': 'commit', 'body': {'step': 9, 'files': [{'rank': 0, 'length': 1}], 'tensors': {}, 'values': {}}})"
)
POISON = """say({'type': 'commit', 'body': {'step': 9, 'files': [{'rank': 0, 'length': 1}], 'values': {}, 'tensors': {
            'w': {'dtype': 'F32', 'size': [9], 'chunks': [{'offsets': [0], 'sizes': [9], 'rank': 0, 'begin': 0}]}}}})"""
UNWRITTEN = "say({'type': 'begin-export'}); agent.recv(9999); say({'type': 'commit-export', 'step': 1, 'length': 5,"
UNWRITTEN += "'metrics': {}})"
ATTACKS: dict[str, tuple[str, Reason]] = {
    "garbage": ("agent.sendall(os.urandom(4096))" + PAUSE, Reason.PROTOCOL),
    "an endless frame": ("agent.sendall(b'\\xff' * 65536)" + PAUSE, Reason.PROTOCOL),
    "an unknown message": ("say({'type': 'give-me-the-run-key'})" + PAUSE, Reason.PROTOCOL),
    "another field": ("say({'type': 'done', 'step': 1, 'metrics': {}, 'x': 1})" + PAUSE, Reason.PROTOCOL),
    "descriptors": ("say({'type': 'begin-export'}, [0, 1])" + PAUSE, Reason.PROTOCOL),
    "words in place of a number's name": (
        "say({'type': 'progress', 'step': 1, 'values': {'17.99, 10.38, 122.8': 0.0}})" + PAUSE,
        Reason.PROTOCOL,
    ),
    "an undeclared column": (
        "say({'type': 'open-shard', 'data': 0, 'shard': 'g029-000000'})" + PAUSE,
        Reason.NOT_DECLARED,
    ),
    "another data set": ("say({'type': 'open-shard', 'data': 7, 'shard': 'g000-000000'})" + PAUSE, Reason.NOT_DECLARED),
    "a checkpoint that is not there": ("say({'type': 'open-checkpoint-file', 'rank': 0})" + PAUSE, Reason.PROTOCOL),
    "a commit of nothing": (NOTHING + PAUSE, Reason.PROTOCOL),
    "a poisoned description": (POISON + PAUSE, Reason.PROTOCOL),
    "an export that was not written": (UNWRITTEN + PAUSE, Reason.TRUNCATED),
    "a crash": ("os.kill(os.getpid(), 11); os.abort()", Reason.WORKER),
    "silence": ("time.sleep(600)", Reason.WORKER),
    "a frame that trickles": (
        "agent.sendall(struct.pack('>I', 1 << 20)); [(agent.sendall(b' '), time.sleep(0.2)) for _ in iter(int, 1)]",
        Reason.WORKER,
    ),
    "a fork bomb": (SPLIT + PAUSE, Reason.WORKER),
    "a memory bomb": ("_ = [bytearray(1 << 28) for _ in iter(int, 1)]", Reason.WORKER),
    "leaving by the side door": (
        "say({'type': 'failed', 'reason': 'worker', 'message': 'rows 17.99 10.38'}); os._exit(0)",
        Reason.WORKER,
    ),
}


NEVER_ANSWERS = {"silence", "a frame that trickles", "a fork bomb"}


def hostile_job(root: Path, attack: str, patience: float = 300) -> JobSpec:
    code = BUNDLE.replace("{attack}", attack).encode()
    (root / "bundle.py").write_bytes(code)
    recipe = RecipeSpec(
        name="bundle", bundle=f"file://{root}/bundle.py", bundle_digest=hashlib.sha256(code).hexdigest()
    )
    job = honest_job(root)
    limits = job.limits.model_copy(update={"silent_seconds": patience})
    return job.model_copy(update={"recipe": recipe, "run": "hostile", "limits": limits})


def honest_job(root: Path) -> JobSpec:
    return cancer_job(
        steps=3,
        url=f"file://{root}/data",
        training=TrainingSettings(steps=3),
        checkpoints=f"file://{root}/checkpoints",
        models=f"file://{root}/models",
        limits=Limits(memory_bytes=3 << 30, processes=64, seconds=500, silent_seconds=300),
    )


@pytest.mark.e2e
@pytest.mark.parametrize("name", ATTACKS)
def test_the_agent_survives(name: str, local: Backends, tmp_path: Path) -> None:
    attack, reason = ATTACKS[name]
    seal_cancer(local, f"file://{tmp_path}/data")
    with pytest.raises(TrainerError) as caught:
        agent.run(hostile_job(tmp_path, attack, patience=30 if name in NEVER_ANSWERS else 300), local)
    assert caught.value.reason == reason, str(caught.value)
    assert "17.99" not in str(caught.value), "words of the tenant's code stay inside"
    records = local.log.read("run.hostile")
    assert records[-1].kind == "job-failed"
    assert records[-1].details["reason"] == reason.value
    (ended,) = [record.details["how"] for record in records if record.kind == "worker-ended"]
    assert "worker" in ended
    (started,) = [record.details["sandbox"] for record in records if record.kind == "worker-start"]
    if name == "a fork bomb" and "version" in started["cgroup"]:
        assert "more processes refused" in ended
    assert not list((tmp_path / "checkpoints" / "hostile").glob("step-*/manifest.json"))
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").rglob("manifest.json"))


@pytest.mark.e2e
def test_an_honest_bundle_trains(local: Backends, tmp_path: Path) -> None:
    """The control of the table above: the same bundle without an attack."""
    seal_cancer(local, f"file://{tmp_path}/data")
    result = agent.run(hostile_job(tmp_path, "pass"), local)
    assert result.step == 3
    kinds = [record.kind for record in local.log.read("run.hostile")]
    assert kinds.index("bundle-measured") < kinds.index("worker-start")


def test_a_bundle_that_is_not_the_measured_one_does_not_run(local: Backends, tmp_path: Path) -> None:
    seal_cancer(local, f"file://{tmp_path}/data")
    job = hostile_job(tmp_path, "pass")
    (tmp_path / "bundle.py").write_text("raise SystemExit")
    with pytest.raises(TrainerError, match="has SHA-256") as caught:
        agent.run(job, local)
    assert caught.value.reason == Reason.BAD_JOB
    assert "worker-start" not in [record.kind for record in local.log.read("run.hostile")]


def test_a_sandbox_that_cannot_be_built_is_an_error(tmp_path: Path) -> None:
    """Fail closed: no half-confined worker."""
    from dataclasses import replace

    from trainer.sandbox.spec import SandboxSpec

    with confine([sys.executable, "-c", "print('ran')"], 1 << 30, 64, "cpu") as sandbox:
        spec = SandboxSpec.decode(sandbox.command[3])
        broken = replace(spec, devices=("/dev/there-is-no-such-device",))
        command = [*sandbox.command[:3], broken.encode(), *sandbox.command[4:]]
        run = subprocess.run(command, check=False, env=worker_environment(), cwd="/", capture_output=True, text=True)
    assert run.returncode == 125
    assert "ran" not in run.stdout
    assert "sandbox" in run.stderr
