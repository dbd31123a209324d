"""Landlock (landlock(7)): which paths the worker may read and write, no TCP, no signals or sockets to the outside."""

from __future__ import annotations

import ctypes
import os
from typing import Final

from trainer.errors import Reason, TrainerError
from trainer.sandbox import kernel

_CREATE, _ADD, _RESTRICT = 444, 445, 446
EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
_MAKE_AND_REMOVE: Final = 0b1111111110000 & ~(1 << 6 | 1 << 11)
"""Everything that changes directories, except making device nodes."""
_TRUNCATE: Final = 1 << 14
READ: Final = EXECUTE | READ_FILE | READ_DIR
WRITE: Final = READ | WRITE_FILE | _MAKE_AND_REMOVE | _TRUNCATE
_FILE_RIGHTS: Final = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | 1 << 15


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The kernel's Landlock ABI version; 0 where it has none."""
    return max(0, kernel.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def restrict(readable: list[str], writable: list[str], *, tcp: bool = False) -> int:
    """Confines this process and all it starts to these paths; returns the ABI version. Needs no_new_privs.

    With `tcp` connections are left to the network namespace, which then holds a tunnel to the job's own peers only.
    """
    abi = version()
    if abi < 1:
        raise TrainerError(
            Reason.SANDBOX, "sandbox: this kernel has no Landlock; boot with lsm=landlock,… or a newer one"
        )
    handled = (1 << 13) - 1
    handled |= (1 << 13 if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0) | (1 << 15 if abi >= 5 else 0)
    # Handled and never allowed: TCP bind and connect (ABI 4), abstract UNIX sockets and signals outward (ABI 6).
    rules = _Ruleset(handled, 3 if abi >= 4 and not tcp else 0, 3 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = kernel.syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        raise TrainerError(Reason.SANDBOX, f"sandbox: Landlock: {os.strerror(ctypes.get_errno())}")
    # Python finds a package by listing the folder above it. Folders of the worker's root hold nothing else.
    _allow(ruleset, "/", READ_DIR)
    for path, rights in [(path, READ) for path in readable] + [(path, WRITE) for path in writable]:
        _allow(ruleset, path, rights & handled)
    if kernel.syscall(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)) != 0:
        raise TrainerError(Reason.SANDBOX, f"sandbox: Landlock: {os.strerror(ctypes.get_errno())}")
    os.close(ruleset)
    return abi


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise TrainerError(Reason.SANDBOX, f"sandbox: {path}: {error}") from error
    if not os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112 - the descriptor's own target
        rights &= _FILE_RIGHTS
    rule = _PathBeneath(rights, descriptor)
    if kernel.syscall(_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), ctypes.byref(rule), ctypes.c_uint32(0)) != 0:
        raise TrainerError(Reason.SANDBOX, f"sandbox: Landlock rule for {path}: {os.strerror(ctypes.get_errno())}")
    os.close(descriptor)
