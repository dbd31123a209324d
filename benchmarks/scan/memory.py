"""The largest resident set of this process."""

from __future__ import annotations

from pathlib import Path


def peak_kib() -> int:
    """In KiB, since this program was started; what the process was before that is not in it, as it is in `getrusage`.

    Source: proc(5), `VmHWM`.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
