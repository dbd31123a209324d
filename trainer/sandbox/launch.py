"""The launcher: a process that confines itself, step by step, and then becomes the worker."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

from trainer.errors import Reason, TrainerError
from trainer.sandbox import kernel, landlock, seccomp
from trainer.sandbox.root import build_root, visible
from trainer.sandbox.spec import SandboxSpec

_NAMESPACES = (
    kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWPID | kernel.CLONE_NEWCGROUP
)


def launch(spec: SandboxSpec, command: list[str]) -> int:
    """Runs `command` confined; the exit status, as a shell would report it. Raises before anything has run."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    _join(spec.groups)
    privileged = os.geteuid() == 0
    if spec.network is not None:
        if not privileged:
            raise TrainerError(Reason.SANDBOX, "sandbox: only root may put a worker into a network of its own peers")
        kernel.setns(spec.network, kernel.CLONE_NEWNET)
        os.close(spec.network)
        kernel.unshare(_NAMESPACES)
    elif privileged:
        kernel.unshare(_NAMESPACES | kernel.CLONE_NEWNET)
    else:
        _enter_user_namespace()
    # The process identifiers' namespace begins with the next child, which becomes its first process.
    child = os.fork()
    if child == 0:
        _become(spec, command, privileged=privileged)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _join(groups: tuple[str, ...]) -> None:
    try:
        for path in groups:
            Path(path).write_text("0", encoding="ascii")
    except OSError as error:
        raise TrainerError(Reason.SANDBOX, f"sandbox: cannot join the control group: {error}") from error


def _enter_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(_NAMESPACES | kernel.CLONE_NEWNET | kernel.CLONE_NEWUSER)
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    except OSError as error:
        raise TrainerError(Reason.SANDBOX, f"sandbox: the user namespace cannot be set up: {error}") from error


def _become(spec: SandboxSpec, command: list[str], *, privileged: bool) -> None:
    """In the child: confinement in the order in which each step is still allowed, then the command; never returns."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        build_root(Path(spec.base), list(spec.readable), list(spec.devices), spec.memory_bytes // 4)
        limit(spec.memory_bytes, spec.processes, address_space=spec.address_space)
        kernel.drop_bounding_set()
        if privileged:
            os.setgroups([])
            os.setresgid(spec.uid, spec.uid, spec.uid)
            os.setresuid(spec.uid, spec.uid, spec.uid)
        kernel.drop_capabilities()
        # After the change of identity, which clears it.
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        writable = ["/tmp", "/dev/shm", *("/dev/null", "/dev/zero", "/dev/full"), *spec.devices]  # noqa: S108 - its own
        peers = spec.network is not None
        landlock.restrict(visible(list(spec.readable)), writable, tcp=peers)
        seccomp.install(sockets=peers)
        os.execv(command[0], command)  # noqa: S606 - an argument list, no shell
    except TrainerError as error:
        os.write(2, f"{error}\n".encode())
    except OSError as error:
        os.write(2, f"sandbox: {error}\n".encode())
    os._exit(125)


def limit(memory_bytes: int, processes: int, *, address_space: bool) -> None:
    """Limits this process and all it starts; never raises a limit that is lower already."""
    limits = [
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_MEMLOCK, 64 << 20),
        (resource.RLIMIT_MSGQUEUE, 0),
    ]
    if address_space:
        limits.append((resource.RLIMIT_AS, memory_bytes))
    for kind, value in limits:
        hard = resource.getrlimit(kind)[1]
        lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (lower, lower))
