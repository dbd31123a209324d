"""PCR 9: the command line and the initrd, as the kernel's EFI stub measured them.

Linux 6.12, drivers/firmware/efi/libstub/efi-stub-helper.c: the load options (UTF-16LE with its NUL), then the initrd
as it was handed over. systemd-stub 257 hands over `.initrd` (and `.ucode` before it), then a small cpio archive with
the `.osrel` section as /.extra/os-release.
"""

from __future__ import annotations

from images.measure.cpio import archive
from images.measure.pe import sections
from images.measure.register import Register, measured, register

INDEX = 9
EMBEDDED = ((".pcrsig", "tpm2-pcr-signature.json"), (".pcrpkey", "tpm2-pcr-public-key.pem"), (".profile", "profile"))
"""Sections that the stub passes on as files, besides `.osrel`, in the stub's order."""


def load_options(cmdline: bytes) -> bytes:
    """The command line as the stub passes it on: no control characters, the end trimmed, UTF-16LE with NUL."""
    text = cmdline.split(b"\0")[0].decode("utf-8")
    cleaned = "".join(" " if character <= " " else character for character in text).rstrip(" ")
    return (cleaned + "\0").encode("utf-16-le")


def initrd(uki: bytes) -> bytes:
    """What the stub hands to the kernel when nothing lies beside the image: pieces padded to 4 bytes, joined."""
    found = {entry.name: entry.content for entry in sections(uki)}
    pieces = [found[name] for name in (".ucode", ".initrd") if name in found]
    for name, file in (*EMBEDDED[:2], (".osrel", "os-release"), EMBEDDED[2]):
        if name in found:
            pieces.append(archive(".extra", 0o555, {file: found[name]}, 0o444))
    if len(pieces) == 1:
        return pieces[0]
    return b"".join(piece + bytes(-len(piece) % 4) for piece in pieces)


def predict(uki: bytes) -> Register:
    """The register after the kernel of `uki` has started."""
    found = {entry.name: entry.content for entry in sections(uki)}
    return register(
        INDEX,
        (
            measured("kernel command line", load_options(found[".cmdline"])),
            measured("initrd (sections .initrd and .osrel)", initrd(uki)),
        ),
    )
