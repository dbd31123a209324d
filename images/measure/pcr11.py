"""PCR 11: the sections of the unified kernel image, then the phases of the boot.

UAPI Group specifications "Unified Kernel Image" and "Linux TPM PCR Registry". systemd-stub 257 measures each section's
name with its NUL, then its content (VirtualSize bytes), in the order of `ORDER`; systemd-pcrextend then extends a word
per phase.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from images.measure.pe import sections
from images.measure.register import Extend, Register, measured, register

INDEX = 11
ORDER = (
    *(".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat"),
    *(".pcrpkey", ".profile", ".dtbauto", ".hwids"),
)
"""Measured sections in the stub's order. `.pcrsig` is left out: it signs this very register."""
PHASES = ("enter-initrd", "leave-initrd", "sysinit", "ready")
"""What the node has extended when its agent starts: the agent is ordered after the last."""


def predict(uki: bytes, phases: Sequence[str] = PHASES) -> Register:
    """The register once the given phases were reached."""
    return register(INDEX, extends(uki, phases))


def extends(uki: bytes, phases: Sequence[str]) -> Iterator[Extend]:
    """The extends in order."""
    found = {entry.name: entry.content for entry in sections(uki)}
    for name in ORDER:
        if name in found:
            yield measured(f"name of section {name}", name.encode() + b"\0")
            yield measured(f"section {name}", found[name])
    for phase in phases:
        yield measured(f"boot phase {phase}", phase.encode())
