"""The worker's file system: an empty root in memory with read-only views of the interpreter, libraries and trainer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from trainer.sandbox import kernel

_SYSTEM: Final = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/sys/devices/system")
_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_MASKED: Final = (
    *("kcore", "kmsg", "kallsyms", "keys", "key-users", "sysrq-trigger", "timer_list", "latency_stats", "config.gz"),
    *("interrupts", "softirqs", "schedstat", "diskstats", "partitions", "iomem", "ioports", "modules", "slabinfo"),
    *("vmallocinfo", "pagetypeinfo", "buddyinfo", "zoneinfo", "swaps", "cmdline", "mdstat", "locks"),
)
"""Files of /proc that tell about the machine rather than the process. torch needs cpuinfo and meminfo."""
_MASKED_FOLDERS: Final = ("acpi", "asound", "bus", "driver", "fs", "irq", "scsi", "sys", "sysvipc", "tty")
_LOCKED: Final = kernel.MS_NOSUID | kernel.MS_NODEV


def build_root(base: Path, readable: list[str], devices: list[str], temporary_bytes: int) -> None:
    """Makes `base` the root of this mount namespace. Plaintext that a worker puts into /tmp stays in memory."""
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", str(base), "tmpfs", _LOCKED, "mode=0755,size=1m")
    for name in ("tmp", "dev/shm"):
        target = base / name
        target.mkdir(parents=True, exist_ok=True)
        kernel.mount("tmpfs", str(target), "tmpfs", _LOCKED, f"mode=1777,size={temporary_bytes}")
    for path in [*(entry for entry in _SYSTEM if Path(entry).exists()), *readable]:
        _show(base, Path(path))
    for device in [*_DEVICES, *devices]:
        target = base / device.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
        kernel.mount(device, str(target), None, kernel.MS_BIND)
    (base / "proc").mkdir()
    kernel.mount("proc", str(base / "proc"), "proc", _LOCKED | kernel.MS_NOEXEC, "hidepid=2")
    _mask(base)
    (base / "old").mkdir()
    kernel.pivot_root(str(base), str(base / "old"))
    os.chdir("/")
    kernel.unmount("/old")
    Path("/old").rmdir()
    kernel.mount(None, "/", None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | _LOCKED)


def _mask(base: Path) -> None:
    """Puts nothing in the place of what the worker has no business with, where it exists."""
    for name in _MASKED:
        target = base / "proc" / name
        if target.exists():
            kernel.mount("/dev/null", str(target), None, kernel.MS_BIND)
    for name in _MASKED_FOLDERS:
        target = base / "proc" / name
        if target.is_dir():
            kernel.mount("tmpfs", str(target), "tmpfs", _LOCKED | kernel.MS_RDONLY, "size=4k")


def visible(readable: list[str]) -> list[str]:
    """The paths that exist in such a root and may be read."""
    return [path for path in [*_SYSTEM, "/proc", "/dev", *readable] if Path(path).exists()]


def _show(base: Path, path: Path) -> None:
    """A read-only view of `path` at the same place below `base`; symbolic links stay links."""
    target = base / str(path).lstrip("/")
    if target.exists() or target.is_symlink():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        target.symlink_to(path.readlink())
        return
    if path.is_dir():
        target.mkdir()
    else:
        target.touch()
    kernel.mount(str(path), str(target), None, kernel.MS_BIND | kernel.MS_REC)
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | _LOCKED
    kernel.mount(None, str(target), None, flags)
