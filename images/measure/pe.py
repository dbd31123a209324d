"""Reading PE files: sections of a unified kernel image, and the Authenticode digest that firmware measures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pefile

from images.errors import ImageError

CERTIFICATE_TABLE = 4
"""IMAGE_DIRECTORY_ENTRY_SECURITY."""
LARGEST_GAP = 1 << 20
"""By how much a section's size in memory may exceed the whole file, in bytes."""


@dataclass(frozen=True)
class Section:
    """One section: its name and its content without the padding of the file (VirtualSize bytes)."""

    name: str
    content: bytes


def parse(data: bytes) -> pefile.PE:
    """The PE file.

    Raises:
        ImageError: it is not one.
    """
    try:
        return pefile.PE(data=data, fast_load=True)
    except pefile.PEFormatError as error:
        raise ImageError(f"not a PE file: {error}") from error


def sections(data: bytes) -> list[Section]:
    """All sections in file order.

    Raises:
        ImageError: it is not a PE file.
    """
    pe = parse(data)
    return [Section(entry.Name.rstrip(b"\0").decode("ascii", "replace"), content(data, entry)) for entry in pe.sections]


def content(data: bytes, entry: pefile.SectionStructure) -> bytes:
    """VirtualSize bytes of a section; what the file does not hold reads as zero, as when loaded.

    Raises:
        ImageError: the size is absurd.
    """
    if entry.Misc_VirtualSize > len(data) + LARGEST_GAP:
        raise ImageError(f"a section claims {entry.Misc_VirtualSize} bytes in a file of {len(data)}")
    held = min(entry.SizeOfRawData, entry.Misc_VirtualSize)
    piece = data[entry.PointerToRawData : entry.PointerToRawData + held]
    return piece + bytes(entry.Misc_VirtualSize - len(piece))


def section(data: bytes, name: str) -> bytes:
    """The content of the one section of that name.

    Raises:
        ImageError: there is none, or more than one.
    """
    found = [entry.content for entry in sections(data) if entry.name == name]
    if len(found) != 1:
        raise ImageError(f"the PE file has {len(found)} sections {name}, it must have one")
    return found[0]


def authenticode(data: bytes, algorithm: str) -> bytes:
    """The Authenticode digest ("Windows Authenticode Portable Executable Signature Format", steps 1 to 15).

    The checksum, the certificate table's directory entry and the certificate table itself are left out; sections are
    taken in the order of their file position; what follows them, up to the certificate table, is included. A signed
    file is hashed as it lies, an unsigned one without padding (as EDK II's measurement does).

    Raises:
        ImageError: it is not a PE file.
    """
    pe = parse(data)
    optional = pe.OPTIONAL_HEADER
    checksum = optional.get_file_offset() + 64
    if len(optional.DATA_DIRECTORY) <= CERTIFICATE_TABLE:
        raise ImageError("the PE file has no entry for a certificate table: it is not an EFI image that can be signed")
    entry = optional.DATA_DIRECTORY[CERTIFICATE_TABLE]
    digest = hashlib.new(algorithm)
    digest.update(data[:checksum])
    digest.update(data[checksum + 4 : entry.get_file_offset()])
    digest.update(data[entry.get_file_offset() + 8 : optional.SizeOfHeaders])
    hashed = optional.SizeOfHeaders
    for part in sorted(pe.sections, key=lambda item: int(item.PointerToRawData)):
        if part.SizeOfRawData:
            digest.update(data[part.PointerToRawData : part.PointerToRawData + part.SizeOfRawData])
            hashed += part.SizeOfRawData
    end = entry.VirtualAddress if entry.Size else len(data)
    if end > hashed:
        digest.update(data[hashed:end])
    return digest.digest()
