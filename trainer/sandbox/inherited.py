"""The worker of a machine whose service manager confines it: checks that it does, adds the rest, becomes the worker.

`python -m trainer.sandbox.inherited SOCKET` is the whole of the worker's unit in the measured image, where a launcher
that may make namespaces would itself be the larger hole. Nothing is taken on trust from the unit's file: what counts is
what the kernel says of this very process. Until the last line only measured code of ours has run.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from trainer.errors import Reason, TrainerError
from trainer.protocol.channel import Channel, close_all
from trainer.sandbox import kernel, landlock, seccomp
from trainer.sandbox.launch import limit

NAMESPACES: Final = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
"""Kinds of namespaces(7) that are compared with the agent's."""
_NEEDED: Final = ("ipc", "mnt", "net", "pid", "user")
"""Those in which the worker must not be where the agent is; a shared host name carries nothing."""
_CAPABILITIES: Final = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_FOREIGN_DEVICES: Final = ("tpm", "vd", "sd", "nvme", "vport", "virtio-ports", "mem", "kmsg", "port", "fuse", "net")
_READABLE: Final = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/sys/devices/system", "/proc", "/dev")
_WRITABLE: Final = ("/tmp", "/dev/shm", "/dev/null", "/dev/zero", "/dev/full")  # noqa: S108 - the unit's own
PATIENCE: Final = 600.0
"""Seconds to wait for the agent, which has a machine's boot and its attestation before it."""


def status(text: str) -> dict[str, str]:
    """The fields of /proc/PID/status (proc_pid_status(5))."""
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def namespaces() -> dict[str, str]:
    """The identities of this process's namespaces, `kind:[inode]` by kind."""
    return {kind: Path(f"/proc/self/ns/{kind}").readlink().name for kind in NAMESPACES}


def interfaces() -> list[str]:
    """Names of the network interfaces that this process can see."""
    lines = Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines()[2:]
    return [line.partition(":")[0].strip() for line in lines]


def weaknesses(fields: Mapping[str, str], agent: Mapping[str, str]) -> list[str]:
    """What this process could still do that a worker must not; nothing when the unit confines it as it must.

    Args:
        fields: /proc/self/status.
        agent: the agent's namespaces, as `namespaces` gives them.
    """
    found = [] if 0 not in {*os.getresuid(), *os.getresgid()} else ["it runs as root"]
    found += [f"{name} is {fields.get(name)}, not empty" for name in _CAPABILITIES if int(fields.get(name, "1"), 16)]
    if fields.get("NoNewPrivs") != "1":
        found.append("it may gain privileges (NoNewPrivs)")
    if fields.get("Seccomp") != "2":
        found.append("it has no seccomp filter")
    own = namespaces()
    found += [f"it shares the agent's {kind} namespace" for kind in _NEEDED if own[kind] == agent.get(kind, own[kind])]
    if fields.get("Threads") != "1":
        # Landlock and seccomp take hold of the calling thread and what it starts, not of threads that are there.
        found.append(f"it has {fields.get('Threads')} threads already; limit the libraries that start them")
    found += [f"it sees the network interface {name}" for name in interfaces() if name != "lo"]
    if not os.statvfs("/").f_flag & os.ST_RDONLY:
        found.append("its root is writable")
    devices = sorted(entry.name for entry in Path("/dev").iterdir() if entry.name.startswith(_FOREIGN_DEVICES))
    return found + [f"it sees the device {name}" for name in devices]


def confine(agent: Mapping[str, str], memory_bytes: int, processes: int, device: str) -> dict[str, Any]:
    """Checks what confines this process and adds limits, Landlock and the system call filter; says what there is.

    Raises:
        TrainerError: the unit leaves something open, or a step failed.
    """
    found = weaknesses(status(Path("/proc/self/status").read_text(encoding="ascii")), agent)
    if found:
        raise TrainerError(Reason.SANDBOX, f"the worker's unit does not confine it: {'; '.join(found)}")
    own = namespaces()
    gpu = [str(path) for path in sorted(Path("/dev").glob("nvidia*"))] if device.startswith("cuda") else []
    limit(memory_bytes, processes, address_space=not gpu)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    here = [path for path in (*_READABLE, *sys.path) if path and Path(path).exists()]
    abi = landlock.restrict(here, [path for path in (*_WRITABLE, *gpu) if Path(path).exists()])
    instructions = seccomp.install()
    return {
        "kind": "unit",
        "namespaces": sorted(kind for kind in NAMESPACES if own[kind] != agent.get(kind, own[kind])),
        "landlock_abi": abi,
        "seccomp_instructions": instructions,
        "memory_bytes": memory_bytes,
        "processes": processes,
    }


def connect(path: str, patience: float = PATIENCE) -> socket.socket:
    """The agent's socket, once there is an agent.

    Raises:
        TrainerError: there was none in time.
    """
    deadline = time.monotonic() + patience
    while True:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            found.connect(path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            found.close()
            if time.monotonic() > deadline:
                raise TrainerError(Reason.SANDBOX, f"{path}: no agent listens there") from error
            time.sleep(0.1)
        else:
            return found


def main(arguments: list[str]) -> int:
    """The worker's exit status; 125 when it is not confined."""
    # While the machine still attests: importing torch is the longest part of a node's start.
    from trainer.worker.main import work  # noqa: PLC0415

    sock = connect(arguments[0])
    channel = Channel(sock)
    received = channel.receive()
    if received is None:
        return 1
    wanted, descriptors = received
    close_all(descriptors)
    try:
        description = confine(wanted["namespaces"], wanted["memory_bytes"], wanted["processes"], wanted["device"])
    except TrainerError as error:
        channel.send({"refused": str(error)})
        return 125
    channel.send({"confined": description})
    return work(sock)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
