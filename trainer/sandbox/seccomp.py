"""The seccomp filter: an allow-list of system calls as a classic BPF program (seccomp(2), linux/filter.h)."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

from trainer.errors import Reason, TrainerError
from trainer.sandbox import kernel
from trainer.sandbox.syscalls import ALLOWED, SOCKETS

_LOAD: Final = 0x20
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000
_NUMBER, _ARCH, _ARG0, _ARG1, _ARG2 = 0, 4, 16, 24, 32
_ARCHITECTURES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_CLONE3: Final = 435
_NEW_NAMESPACES: Final = 0x7E020000 | 0x80
"""All CLONE_NEW* flags of clone(2), CLONE_NEWTIME included."""
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_AF_INET, _AF_INET6, _AF_NETLINK, _NETLINK_ROUTE = 2, 10, 16, 0

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, operand."""


def program(machine: str, *, sockets: bool = False) -> list[Instruction]:
    """The filter for a machine type: refused calls fail with EPERM, another architecture's calls kill the process.

    With `sockets` a worker that has peers may open Internet sockets in its own network namespace, and no others.
    """
    if machine not in _ARCHITECTURES:
        raise TrainerError(Reason.SANDBOX, f"no seccomp filter for machines of type {machine}")
    arch, column = _ARCHITECTURES[machine]
    refused = 0x00050000 | errno.EPERM
    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        # The x32 interface numbers its calls from 0x40000000 under the same architecture.
        code += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, KILL)]
    # clone3 hides its flags in memory; without it the C library falls back to clone.
    code += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, 0x00050000 | errno.ENOSYS)]
    clone, ioctl = ALLOWED["clone"][column], ALLOWED["ioctl"][column]
    assert clone is not None
    assert ioctl is not None
    code += [(_EQUAL, 0, 4, clone), (_LOAD, 0, 0, _ARG0), (_ANY_BIT, 0, 1, _NEW_NAMESPACES)]
    code += [(_RETURN, 0, 0, refused), (_RETURN, 0, 0, ALLOW)]
    code += [(_EQUAL, 0, 5, ioctl), (_LOAD, 0, 0, _ARG1), (_EQUAL, 1, 0, _TIOCSTI), (_EQUAL, 0, 1, _TIOCLINUX)]
    code += [(_RETURN, 0, 0, refused), (_RETURN, 0, 0, ALLOW)]
    listed = dict(ALLOWED)
    if sockets:
        make = SOCKETS["socket"][column]
        assert make is not None
        # gloo and NCCL list the network's interfaces through NETLINK_ROUTE, which without capabilities only reads.
        code += [(_EQUAL, 0, 8, make), (_LOAD, 0, 0, _ARG0), (_EQUAL, 4, 0, _AF_INET), (_EQUAL, 3, 0, _AF_INET6)]
        code += [(_EQUAL, 0, 3, _AF_NETLINK), (_LOAD, 0, 0, _ARG2), (_EQUAL, 0, 1, _NETLINK_ROUTE)]
        code += [(_RETURN, 0, 0, ALLOW), (_RETURN, 0, 0, refused)]
        listed |= {name: numbers for name, numbers in SOCKETS.items() if name != "socket"}
    for name, numbers in listed.items():
        number = numbers[column]
        if number is not None and name not in {"clone", "ioctl"}:
            code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, ALLOW)]
    return [*code, (_RETURN, 0, 0, refused)]


class _Filter(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Filter)))


def install(*, sockets: bool = False) -> int:
    """Installs the filter for this process and all it starts; returns its length. Needs no_new_privs."""
    code = program(os.uname().machine, sockets=sockets)
    filters = (_Filter * len(code))(*(_Filter(*instruction) for instruction in code))
    whole = _Program(len(code), filters)
    kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.cast(ctypes.byref(whole), ctypes.c_void_p))
    return len(code)
