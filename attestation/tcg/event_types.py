"""Event types of TCG event logs, and those whose digest is of their data (TCG Platform Firmware Profile 1.06)."""

from __future__ import annotations

NO_ACTION = 0x03
SEPARATOR = 0x04

NAMES = {
    0x00000000: "EV_PREBOOT_CERT",
    0x00000001: "EV_POST_CODE",
    0x00000002: "EV_UNUSED",
    0x00000003: "EV_NO_ACTION",
    0x00000004: "EV_SEPARATOR",
    0x00000005: "EV_ACTION",
    0x00000006: "EV_EVENT_TAG",
    0x00000007: "EV_S_CRTM_CONTENTS",
    0x00000008: "EV_S_CRTM_VERSION",
    0x00000009: "EV_CPU_MICROCODE",
    0x0000000A: "EV_PLATFORM_CONFIG_FLAGS",
    0x0000000B: "EV_TABLE_OF_DEVICES",
    0x0000000C: "EV_COMPACT_HASH",
    0x0000000D: "EV_IPL",
    0x0000000E: "EV_IPL_PARTITION_DATA",
    0x0000000F: "EV_NONHOST_CODE",
    0x00000010: "EV_NONHOST_CONFIG",
    0x00000011: "EV_NONHOST_INFO",
    0x00000012: "EV_OMIT_BOOT_DEVICE_EVENTS",
    0x00000013: "EV_POST_CODE2",
    0x80000001: "EV_EFI_VARIABLE_DRIVER_CONFIG",
    0x80000002: "EV_EFI_VARIABLE_BOOT",
    0x80000003: "EV_EFI_BOOT_SERVICES_APPLICATION",
    0x80000004: "EV_EFI_BOOT_SERVICES_DRIVER",
    0x80000005: "EV_EFI_RUNTIME_SERVICES_DRIVER",
    0x80000006: "EV_EFI_GPT_EVENT",
    0x80000007: "EV_EFI_ACTION",
    0x80000008: "EV_EFI_PLATFORM_FIRMWARE_BLOB",
    0x80000009: "EV_EFI_HANDOFF_TABLES",
    0x8000000A: "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
    0x8000000B: "EV_EFI_HANDOFF_TABLES2",
    0x8000000C: "EV_EFI_VARIABLE_BOOT2",
    0x8000000D: "EV_EFI_GPT_EVENT2",
    0x80000010: "EV_EFI_HCRTM_EVENT",
    0x800000E0: "EV_EFI_VARIABLE_AUTHORITY",
    0x800000E1: "EV_EFI_SPDM_FIRMWARE_BLOB",
    0x800000E2: "EV_EFI_SPDM_FIRMWARE_CONFIG",
    0x800000E3: "EV_EFI_SPDM_DEVICE_POLICY",
    0x800000E4: "EV_EFI_SPDM_DEVICE_AUTHORITY",
}

HASHES_DATA = frozenset(
    NAMES[number]
    for number in (0x04, 0x05, 0x08, 0x80000001, 0x80000002, 0x80000006, 0x80000007, 0x8000000C, 0x800000E0)
)
"""Types whose digest is the hash of the event's own data, or of the value inside it (UEFI variables)."""


LINUX_TAGS = frozenset({0x8F3B22EC, 0x8F3B22ED})
"""EV_EVENT_TAG of Linux's EFI stub: load options and initrd. The digest is of what was loaded, not of the tag."""

LINUX_TEXTS = frozenset({b"LOADED_IMAGE::LoadOptions\0", b"Linux initrd\0"})
"""The same events as early TDX kernels log them, without the tag around the text."""


GRUB_TEXTS = (b"grub_cmd: ", b"kernel_cmdline: ", b"module_cmdline: ")
"""What GRUB puts before the text of an EV_IPL event; the digest is of the text without it and without its NUL."""


def name_of(number: int) -> str:
    """The type's name, or `EV_0x…` for one that the profile does not list."""
    return NAMES.get(number, f"EV_0x{number:08x}")
