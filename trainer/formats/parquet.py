"""Tables as Parquet with Modular Encryption: for data that Spark and other Parquet readers produce or read as well.

`AES_GCM_V1` with 256-bit data keys and an encrypted footer, nothing else: `AES_GCM_CTR_V1` overlooks changed bytes.
See docs/formats/parquet.md.
"""

from __future__ import annotations

import io
import mmap
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

from trainer.errors import Reason, TrainerError
from trainer.formats.parquet_identity import file_identity, table_identity
from trainer.formats.parquet_keys import (
    FOOTER,
    ColumnKeys,
    MissingKeyError,
    by_identifier,
    identifier,
    material_name,
    unwrap,
    wrap,
)

PAGE: Final = 64 * 1024
_FORBIDDEN: Final = set(",;:")
_CONNECTION: Final[Any] = pe.KmsConnectionConfig()


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
        footer_key=FOOTER,
        column_keys={identifier(name): [name] for name in names},
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
    except OSError as error:
        raise TrainerError(Reason.STORE, f"{path}: cannot be written: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: cannot be written: {type(error).__name__}") from error
    return file_identity(path)


def read_table(path: Path, keys: ColumnKeys, columns: tuple[str, ...], identity: str | None = None) -> pa.Table:
    """The declared columns of a local file with its key material beside it; see `read_sealed_table`."""
    try:
        sealed = path.read_bytes()
        beside = path.parent / material_name(path.name)
        material = beside.read_text(encoding="utf-8") if beside.exists() else "{}"
    except (OSError, UnicodeDecodeError) as error:
        raise TrainerError(Reason.STORE, f"{path}: cannot be read: {error}") from error
    return read_sealed_table(sealed, material, keys, columns, str(path), identity)


def read_sealed_table(
    sealed: bytes | mmap.mmap,
    material: str,
    keys: ColumnKeys,
    columns: tuple[str, ...],
    name: str,
    identity: str | None = None,
) -> pa.Table:
    """The declared columns; `TrainerError` for columns without a key, another algorithm, or changed bytes.

    `identity` (from a signed manifest) refuses a whole file that was put in the place of another.
    """
    if missing := [column for column in columns if column not in keys.columns]:
        raise TrainerError(Reason.NOT_DECLARED, f"{name}: the job has no key for the columns {missing}")
    found = table_identity(io.BytesIO(sealed) if isinstance(sealed, bytes) else sealed, name)
    if identity is not None and found != identity:
        raise TrainerError(Reason.FOREIGN, f"{name}: is not the file that the manifest lists; replaced or rolled back")
    with open_table(sealed, material, keys, name) as file, decrypting(name):
        return file.read(columns=list(columns), use_threads=False)


@contextmanager
def open_table(sealed: bytes | mmap.mmap, material: str, keys: ColumnKeys, name: str) -> Iterator[Any]:
    """The file as pyarrow's `ParquetFile`, with the decryption properties of these keys.

    Of a column without a key neither pages nor metadata may be asked for: the library ends the process for the latter.
    """
    with tempfile.TemporaryDirectory(prefix="bulkhead-table-") as folder, decrypting(name):
        # Parquet looks for key material in a file, at the first use of it. Nothing in it is secret.
        path = Path(folder) / "table.parquet"
        (path.parent / material_name(path.name)).write_text(material, encoding="utf-8")
        properties = _factory(keys).file_decryption_properties(_CONNECTION, parquet_file_path=str(path))
        yield pq.ParquetFile(pa.BufferReader(pa.py_buffer(sealed)), decryption_properties=properties)


@contextmanager
def decrypting(name: str) -> Iterator[None]:
    """Raises as `TrainerError(TAMPERED)` what Parquet raises when it cannot decrypt."""
    try:
        yield
    except (pa.ArrowException, OSError, MissingKeyError) as error:
        # The library's own message may quote what it could not parse.
        raise TrainerError(
            Reason.TAMPERED, f"{name}: cannot be decrypted with these keys, or was changed ({type(error).__name__})"
        ) from error


class MasterKeys(pe.KmsClient):  # type: ignore[misc]
    """Parquet's view of a key service: wraps a file's data keys under the master keys that it was given."""

    def __init__(self, keys: ColumnKeys) -> None:
        super().__init__()
        self._keys = by_identifier(keys)

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        """Parquet's name for wrapping a file's data key."""
        return wrap(self._keys, key_bytes, master_key_identifier).encode()

    def unwrap_key(self, wrapped_key: bytes | str, master_key_identifier: str) -> bytes:
        """Parquet's name for unwrapping it; `MissingKeyError` without that master key, or with another one."""
        return unwrap(self._keys, wrapped_key, master_key_identifier)


def _factory(keys: ColumnKeys) -> Any:
    return pe.CryptoFactory(lambda _: MasterKeys(keys))
