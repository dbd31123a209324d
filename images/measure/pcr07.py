"""PCR 7: Secure Boot state, its variables, and the db entry that authorised the image.

TCG PC Client Platform Firmware Profile 1.06, section 3.3.4.8. Each event measures a UEFI_VARIABLE_DATA: vendor
GUID, length of the name in characters, length of the data, name in UTF-16 without its end, data.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator

from images.firmware import GLOBAL, IMAGE_SECURITY, EnrolledKeys
from images.measure.register import Extend, Register, measured, register

INDEX = 7
SEPARATOR = bytes(4)
LIST_HEADER = 28
"""Bytes of an EFI_SIGNATURE_LIST before its entries: type, list size, header size, entry size."""


def variable(vendor: uuid.UUID, name: str, data: bytes) -> bytes:
    """The UEFI_VARIABLE_DATA that is hashed."""
    return vendor.bytes_le + struct.pack("<QQ", len(name), len(data)) + name.encode("utf-16-le") + data


def predict(keys: EnrolledKeys, *, secure_boot: bool) -> Register:
    """The register after an image signed by the first entry of `db` was started."""
    return register(INDEX, extends(keys, secure_boot=secure_boot))


def extends(keys: EnrolledKeys, *, secure_boot: bool) -> Iterator[Extend]:
    """The extends in order."""
    state = b"\1" if secure_boot else b"\0"
    yield measured(f"Secure Boot {'on' if secure_boot else 'off'}", variable(GLOBAL, "SecureBoot", state))
    for vendor, name, data in (
        (GLOBAL, "PK", keys.pk),
        (GLOBAL, "KEK", keys.kek),
        (IMAGE_SECURITY, "db", keys.db),
        (IMAGE_SECURITY, "dbx", keys.dbx),
    ):
        yield measured(f"Secure Boot variable {name}", variable(vendor, name, data))
    yield measured("separator after the Secure Boot variables", SEPARATOR)
    if secure_boot:
        authority = variable(IMAGE_SECURITY, "db", keys.db[LIST_HEADER:])
        yield measured("db entry that authorised the image", authority)
