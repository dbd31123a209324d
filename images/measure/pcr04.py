"""PCR 4: which boot loader and kernel images the firmware started.

TCG PC Client Platform Firmware Profile 1.06, section 3.3.4.5. The one boot option that leads to the image is tried and
works; a machine that tries another option first extends "Returning from EFI Application from Boot Option" and tries
again, which is why boot configuration is fixed.
"""

from __future__ import annotations

from collections.abc import Iterator

from images.measure.pe import authenticode, section
from images.measure.register import BANKS, Extend, Register, measured, register

INDEX = 4
CALLING = b"Calling EFI Application from Boot Option"
SEPARATOR = bytes(4)


def image(what: str, data: bytes) -> Extend:
    """An EV_EFI_BOOT_SERVICES_APPLICATION event: the Authenticode digest of an image."""
    return Extend(what, tuple((bank, authenticode(data, bank).hex()) for bank in BANKS))


def predict(uki: bytes, *, secure_boot: bool) -> Register:
    """The register after `uki` was started.

    Args:
        uki: the signed unified kernel image.
        secure_boot: with it on, the stub starts the kernel itself; with it off, systemd-stub 252 to 257 asks the
            firmware to load the kernel, and the firmware measures that too.
    """
    return register(INDEX, extends(uki, secure_boot=secure_boot))


def extends(uki: bytes, *, secure_boot: bool) -> Iterator[Extend]:
    """The extends in order."""
    yield measured('firmware action "Calling EFI Application from Boot Option"', CALLING)
    yield measured("separator between firmware and boot loader", SEPARATOR)
    yield image("unified kernel image (Authenticode)", uki)
    if not secure_boot:
        yield image("kernel in section .linux (Authenticode), loaded through the firmware", section(uki, ".linux"))
