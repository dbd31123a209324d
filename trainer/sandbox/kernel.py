"""The few kernel interfaces that Python lacks, through ctypes. Every failure raises `TrainerError(SANDBOX)`."""

from __future__ import annotations

import ctypes
import os
from typing import Final

from trainer.errors import Reason, TrainerError

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_SECCOMP: Final = 22
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000
MS_RDONLY: Final = 1
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_REMOUNT: Final = 32
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18
MNT_DETACH: Final = 2
_PIVOT_ROOT: Final = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def unshare(flags: int) -> None:
    """Manual page unshare, section 2."""
    _check(
        _libc.unshare(ctypes.c_int(flags)),
        "this machine does not let the process make namespaces (a container without CAP_SYS_ADMIN?)",
    )


def setns(descriptor: int, kind: int) -> None:
    """Manual page setns, section 2."""
    _check(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Manual page mount, section 2."""
    result = _libc.mount(
        source.encode() if source else None,
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode() if data else None,
    )
    _check(result, f"mount {kind or 'bind'} on {target}")


def unmount(target: str) -> None:
    """umount2(2), detached."""
    _check(_libc.umount2(target.encode(), ctypes.c_int(MNT_DETACH)), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    """Manual page pivot_root, section 2."""
    number = _PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise TrainerError(Reason.SANDBOX, f"no sandbox for machines of type {os.uname().machine}")
    _check(syscall(number, new.encode(), old.encode()), "pivot_root")


def prctl(option: int, argument: int | ctypes.c_void_p = 0, more: int | ctypes.c_void_p = 0) -> None:
    """Manual page prctl, section 2."""
    values = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in (argument, more)]
    zero = ctypes.c_ulong(0)
    _check(_libc.prctl(ctypes.c_int(option), *values, zero, zero), f"prctl {option}")


def syscall(number: int, *arguments: object) -> int:
    """A raw system call; -1 on failure, with errno in ctypes."""
    return int(_libc.syscall(ctypes.c_long(number), *arguments))


def drop_bounding_set() -> None:
    """Empties the capability bounding set, so that no program can ever give capabilities back."""
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            # EINVAL: beyond the kernel's last capability.
            return


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def drop_capabilities() -> None:
    """capset(2) with nothing in any set (_LINUX_CAPABILITY_VERSION_3)."""
    header = _CapHeader(0x20080522, 0)
    data = (_CapData * 2)()
    _check(_libc.capset(ctypes.byref(header), ctypes.byref(data)), "capset")


def _check(result: int, what: str) -> None:
    if result != 0:
        error = os.strerror(ctypes.get_errno())
        raise TrainerError(Reason.SANDBOX, f"sandbox: {what}: {error}")
