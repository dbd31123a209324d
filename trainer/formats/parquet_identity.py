"""What a Parquet file is, without reading it: the encryption that it declares, and a digest of its footer."""

from __future__ import annotations

import hashlib
import mmap
import os
from pathlib import Path
from typing import BinaryIO, Final

from trainer.errors import Reason, TrainerError

_GCM: Final = b"\x1c\x1c"
"""FileCryptoMetaData in Thrift's compact protocol begins so for AES_GCM_V1 (field 1 a struct, its field 1 a struct)."""


def file_identity(path: Path) -> str:
    """See `table_identity`."""
    try:
        with path.open("rb") as file:
            return table_identity(file, str(path))
    except OSError as error:
        raise TrainerError(Reason.STORE, f"{path}: cannot be read: {error}") from error


def table_identity(file: BinaryIO | mmap.mmap, name: str) -> str:
    """SHA-256 of the footer's bytes, which carry the file's random identifier, every page's place and the footer's tag.

    Refuses files that are not encrypted with an encrypted footer under AES_GCM_V1 (parquet-format Encryption.md, 5.1).
    """
    file.seek(0, os.SEEK_END)
    size = file.tell()
    file.seek(max(0, size - 8))
    tail = file.read(8)
    if len(tail) < 8 or tail[4:] != b"PARE":
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: is not Parquet with an encrypted footer; refused")
    length = int.from_bytes(tail[:4], "little")
    file.seek(max(0, size - 8 - length))
    footer = file.read(length)
    if len(footer) != length or footer[:2] != _GCM:
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: is not encrypted with AES_GCM_V1; AES_GCM_CTR_V1 is refused")
    return hashlib.sha256(footer).hexdigest()
