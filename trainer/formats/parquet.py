"""Tables as Parquet with Modular Encryption: for data that Spark and other Parquet readers produce or read as well.

`AES_GCM_V1` with 256-bit data keys and an encrypted footer, nothing else: `AES_GCM_CTR_V1` overlooks changed bytes.
Every column has a master key of its own, derived from the data-set key of its sensitivity class, so that whoever holds
the keys of some columns cannot read the others. See docs/formats/parquet.md.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json

PAGE: Final = 64 * 1024
_FOOTER: Final = "footer"
_GCM: Final = b"\x1c\x1c"
"""FileCryptoMetaData in Thrift's compact protocol begins so for AES_GCM_V1 (field 1 a struct, its field 1 a struct)."""
_FORBIDDEN: Final = set(",;:")


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


def write_table(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], keys: ColumnKeys) -> str:
    """Writes an encrypted Parquet file and, beside it, its key material; returns the file's identity (`file_identity`).

    Every column of the schema must have a key. Memory is bounded by a row group.
    """
    names = list(schema.names)
    if unkeyed := [name for name in names if name not in keys.columns]:
        raise TrainerError(Reason.WRONG_KEY, f"{path}: columns without a key: {unkeyed}; nothing is written in clear")
    if odd := [name for name in names if _FORBIDDEN & set(name)]:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: rename the columns {odd}: no comma, colon or semicolon")
    configuration = pe.EncryptionConfiguration(
        footer_key=_FOOTER,
        column_keys={_identifier(name): [name] for name in names},
        encryption_algorithm="AES_GCM_V1",
        plaintext_footer=False,
        double_wrapping=False,
        internal_key_material=False,
        data_key_length_bits=256,
    )
    try:
        properties = _factory(keys).file_encryption_properties(_CONNECTION, configuration, parquet_file_path=str(path))
        with pq.ParquetWriter(path, schema, encryption_properties=properties, data_page_size=PAGE) as writer:
            for batch in batches:
                writer.write_batch(batch)
    except (pa.ArrowException, OSError) as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: cannot be written: {type(error).__name__}") from error
    return file_identity(path)


def read_table(path: Path, keys: ColumnKeys, columns: tuple[str, ...], identity: str | None = None) -> pa.Table:
    """The declared columns; `TrainerError` for columns without a key, another algorithm, or changed bytes.

    `identity` (from a signed manifest) refuses a whole file that was put in the place of another.
    """
    if missing := [name for name in columns if name not in keys.columns]:
        raise TrainerError(Reason.NOT_DECLARED, f"{path}: the job has no key for the columns {missing}")
    found = file_identity(path)
    if identity is not None and found != identity:
        raise TrainerError(Reason.FOREIGN, f"{path}: is not the file that the manifest lists; replaced or rolled back")
    try:
        properties = _factory(keys).file_decryption_properties(_CONNECTION, parquet_file_path=str(path))
        return pq.ParquetFile(path, decryption_properties=properties).read(columns=list(columns))
    except (pa.ArrowException, OSError, _MissingKeyError) as error:
        # The library's own message may quote what it could not parse.
        raise TrainerError(
            Reason.TAMPERED, f"{path}: cannot be decrypted with these keys, or was changed ({type(error).__name__})"
        ) from error


def rotate_table(path: Path, old: ColumnKeys, new: ColumnKeys) -> None:
    """Wraps the file's data keys under new master keys: the key material changes, the Parquet file does not."""
    both = _Wrapper(new, old)
    try:
        pe.CryptoFactory(lambda _: both).rotate_master_keys(_CONNECTION, str(path), double_wrapping=False)
    except (pa.ArrowException, OSError, _MissingKeyError) as error:
        raise TrainerError(Reason.WRONG_KEY, f"{path}: its keys cannot be rotated ({type(error).__name__})") from error


def file_identity(path: Path) -> str:
    """SHA-256 of the footer's bytes, which carry every page's place and the footer's authentication tag.

    Refuses files that are not encrypted with an encrypted footer under AES_GCM_V1 (parquet-format Encryption.md, 5.1).
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            tail = file.read(8)
            if len(tail) < 8 or tail[4:] != b"PARE":
                raise TrainerError(Reason.BAD_FORMAT, f"{path}: is not Parquet with an encrypted footer; refused")
            length = int.from_bytes(tail[:4], "little")
            file.seek(max(0, size - 8 - length))
            footer = file.read(length)
    except OSError as error:
        raise TrainerError(Reason.STORE, f"{path}: cannot be read: {error}") from error
    if len(footer) != length or footer[:2] != _GCM:
        raise TrainerError(Reason.BAD_FORMAT, f"{path}: is not encrypted with AES_GCM_V1; AES_GCM_CTR_V1 is refused")
    return hashlib.sha256(footer).hexdigest()


class _MissingKeyError(Exception):
    """A master key that this holder does not have."""


class _Wrapper(pe.KmsClient):  # type: ignore[misc]
    """Parquet's view of a key service: wraps a file's data keys under the master keys that it was given."""

    def __init__(self, keys: ColumnKeys, older: ColumnKeys | None = None) -> None:
        super().__init__()
        self._keys, self._older = _by_identifier(keys), _by_identifier(older) if older else {}

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        nonce = os.urandom(12)
        cipher = AESGCM(self._key(self._keys, master_key_identifier))
        return base64.b64encode(nonce + cipher.encrypt(nonce, key_bytes, master_key_identifier.encode()))

    def unwrap_key(self, wrapped_key: bytes | str, master_key_identifier: str) -> bytes:
        data = base64.b64decode(wrapped_key)
        for keys in (self._keys, self._older):
            try:
                cipher = AESGCM(self._key(keys, master_key_identifier))
                return cipher.decrypt(data[:12], data[12:], master_key_identifier.encode())
            except (InvalidTag, _MissingKeyError):
                continue
        raise _MissingKeyError(master_key_identifier)

    @staticmethod
    def _key(keys: dict[str, bytes], identifier: str) -> bytes:
        if identifier not in keys:
            raise _MissingKeyError(identifier)
        return keys[identifier]


_CONNECTION: Final[Any] = pe.KmsConnectionConfig()


def _factory(keys: ColumnKeys) -> Any:
    return pe.CryptoFactory(lambda _: _Wrapper(keys))


def _by_identifier(keys: ColumnKeys) -> dict[str, bytes]:
    return {_FOOTER: keys.footer} | {_identifier(name): key for name, key in keys.columns.items()}


def _identifier(column: str) -> str:
    """A name for a column's master key that Parquet's configuration syntax can carry, whatever the column is called."""
    return "column-" + hashlib.sha256(column.encode()).hexdigest()[:32]


def _derive(key: bytes, place: Mapping[str, str]) -> bytes:
    info = b"bulkhead-parquet/1\x00" + canonical_json(dict(place))
    return HKDF(algorithm=SHA512(), length=32, salt=None, info=info).derive(key)
