"""The keys of encrypted tables: master keys per column, and data keys that are wrapped under them beside the file.

Every column has a master key of its own, derived from the data-set key of its sensitivity class, so that whoever holds
the keys of some columns cannot read the others. See docs/formats/parquet.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json, parse_json_object

FOOTER: Final = "footer"
MATERIAL_LIMIT: Final = 16 << 20


@dataclass(frozen=True)
class ColumnKeys:
    """Master keys of a table's footer and of some or all of its columns."""

    footer: bytes = field(repr=False)
    columns: Mapping[str, bytes] = field(repr=False)

    def only(self, declared: Iterable[str]) -> ColumnKeys:
        """The keys that a job with these declared columns gets."""
        wanted = list(declared)
        if missing := [name for name in wanted if name not in self.columns]:
            raise TrainerError(Reason.NOT_DECLARED, f"no column {missing}; there are {sorted(self.columns)}")
        return ColumnKeys(self.footer, {name: self.columns[name] for name in wanted})


def derive_keys(
    footer_key: bytes, classes: Mapping[str, bytes], columns: Mapping[str, str], place: Mapping[str, str]
) -> ColumnKeys:
    """The master keys of a table whose `columns` have these sensitivity classes, from the `classes`' data-set keys.

    `place` names tenant, data set and version. Master key = HKDF-SHA512(data-set key, info = prefix and canonical JSON
    of place and column), 32 bytes.
    """
    if unknown := set(columns.values()) - set(classes):
        raise TrainerError(Reason.WRONG_KEY, f"no data-set key for the classes {sorted(unknown)}")
    derived = {name: _derive(classes[sensitivity], {**place, "column": name}) for name, sensitivity in columns.items()}
    return ColumnKeys(_derive(footer_key, {**place, "footer": "yes"}), derived)


def identifier(column: str) -> str:
    """A name for a column's master key that Parquet's configuration syntax can carry, whatever the column is called."""
    return "column-" + hashlib.sha256(column.encode()).hexdigest()[:32]


class MissingKeyError(Exception):
    """A master key that this holder does not have."""


def wrap(keys: Mapping[str, bytes], data_key: bytes, master: str) -> str:
    """Base64 of nonce, AES-256-GCM ciphertext and tag; the master key's identifier is the associated data."""
    if master not in keys:
        raise MissingKeyError(master)
    nonce = os.urandom(12)
    return base64.b64encode(nonce + AESGCM(keys[master]).encrypt(nonce, data_key, master.encode())).decode()


def unwrap(keys: Mapping[str, bytes], wrapped: bytes | str, master: str) -> bytes:
    """The data key; `MissingKeyError` when the master key is not held, or does not open it."""
    if master not in keys:
        raise MissingKeyError(master)
    try:
        data = base64.b64decode(wrapped, validate=True)
        return AESGCM(keys[master]).decrypt(data[:12], data[12:], master.encode())
    except (InvalidTag, ValueError) as error:
        raise MissingKeyError(master) from error


def material_name(file: str) -> str:
    """Where Parquet's readers look for the key material of a file: beside it (parquet-java, FileSystemKeyMaterial)."""
    return f"_KEY_MATERIAL_FOR_{file}.json"


def rewrap_material(text: str, old: ColumnKeys, new: ColumnKeys, name: str) -> str:
    """The key material with every data key under the new master keys; the Parquet file itself stays as it is."""
    before, after = by_identifier(old), by_identifier(new)
    result: dict[str, str] = {}
    for entry, fields in parse_material(text, name).items():
        try:
            data_key = unwrap(before, fields["wrappedDEK"], fields["masterKeyID"])
            result[entry] = json.dumps(fields | {"wrappedDEK": wrap(after, data_key, fields["masterKeyID"])})
        except MissingKeyError as error:
            raise TrainerError(Reason.WRONG_KEY, f"{name}: its keys cannot be rotated with these keys") from error
    return json.dumps(result)


def parse_material(text: str, name: str) -> dict[str, dict[str, Any]]:
    """The entries of a key-material file: single wrapping, every data key of 256 bits, under master keys of ours."""
    entries: dict[str, dict[str, Any]] = {}
    for entry, value in parse_json_object(text.encode(), f"{name}: key material", MATERIAL_LIMIT).items():
        fields = parse_json_object(str(value).encode(), f"{name}: key material {entry}", MATERIAL_LIMIT)
        master, wrapped = fields.get("masterKeyID"), fields.get("wrappedDEK")
        if fields.get("keyMaterialType") != "PKMT1" or fields.get("doubleWrapping") is not False:
            raise TrainerError(Reason.BAD_FORMAT, f"{name}: key material {entry} is not PKMT1 with single wrapping")
        if not isinstance(master, str) or not isinstance(wrapped, str) or _wrapped_bytes(wrapped) != 12 + 32 + 16:
            raise TrainerError(Reason.BAD_FORMAT, f"{name}: key material {entry} does not wrap a 256-bit key")
        entries[entry] = fields
    return entries


def _wrapped_bytes(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True))
    except binascii.Error:
        return -1


def by_identifier(keys: ColumnKeys) -> dict[str, bytes]:
    """The master keys under the names that Parquet's files know them by."""
    return {FOOTER: keys.footer} | {identifier(name): key for name, key in keys.columns.items()}


def _derive(key: bytes, place: Mapping[str, str]) -> bytes:
    info = b"bulkhead-parquet/1\x00" + canonical_json(dict(place))
    return HKDF(algorithm=SHA512(), length=32, salt=None, info=info).derive(key)
