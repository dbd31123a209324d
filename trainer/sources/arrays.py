"""Arrays, tokens and text in files: `.npy`, `.npz`, raw token files, UTF-8 text as bytes."""

from __future__ import annotations

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import Column
from trainer.sources.batches import ArraySource, Batch
from trainer.sources.files import open_binary

_STEP = 4 << 20
_BROKEN = (
    *(OSError, ValueError, EOFError, MemoryError, ArithmeticError, LookupError, RuntimeError, SyntaxError, TypeError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)
"""What NumPy's reader and zipfile raise on broken files."""


@dataclass(frozen=True)
class TokenSource:
    """Files of little-endian token numbers, `uint16` or `uint32`, one after the other; a row is one token."""

    paths: tuple[str, ...]
    dtype: str
    description: str
    transformations: tuple[str, ...] = ()

    def columns(self) -> tuple[Column, ...]:
        """See `Source.columns`."""
        return (Column(name="tokens", dtype=self.dtype),)

    def batches(self) -> Iterator[Batch]:
        """See `Source.batches`."""
        size = np.dtype(self.dtype).itemsize
        for path in self.paths:
            for piece in _pieces(path):
                if len(piece) % size:
                    raise TrainerError(Reason.BAD_SOURCE, f"{path}: not a whole number of {self.dtype} tokens")
                yield {"tokens": np.frombuffer(piece, dtype=self.dtype)}


@dataclass(frozen=True)
class TextSource:
    """Text files as byte-level tokens: numbers 0 to 255, as `uint16`; a row is one byte."""

    paths: tuple[str, ...]
    description: str
    transformations: tuple[str, ...] = ("text as the numbers of its bytes",)

    def columns(self) -> tuple[Column, ...]:
        """See `Source.columns`."""
        return (Column(name="tokens", dtype="<u2"),)

    def batches(self) -> Iterator[Batch]:
        """See `Source.batches`."""
        for path in self.paths:
            for piece in _pieces(path):
                yield {"tokens": np.frombuffer(piece, dtype="|u1").astype("<u2")}


def load_arrays(path: str) -> ArraySource:
    """The arrays of an `.npz` file, or of one `.npy` file under the name `values`; object arrays are refused."""
    try:
        with open_binary(path) as file:
            # numpy wants to seek; remote files do not always let it.
            loaded = np.load(io.BytesIO(file.read()), allow_pickle=False)
            arrays: dict[str, NDArray[Any]] = {"values": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except _BROKEN as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: cannot be read as numpy arrays: {error}") from error
    lengths = {array.shape[:1] for array in arrays.values()}
    if len(lengths) != 1 or lengths == {()}:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: the arrays must have the same number of rows")
    source = ArraySource({name: _microseconds(array) for name, array in arrays.items()}, description=path)
    try:
        source.columns()
    except ValueError as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: cannot be sealed; convert it: {error}") from error
    return source


def _microseconds(array: NDArray[Any]) -> NDArray[Any]:
    """Times in microseconds, where that loses nothing; everything else as it is."""
    if array.dtype.kind != "M":
        return array
    converted = array.astype("<M8[us]")
    return converted if np.array_equal(converted.astype(array.dtype), array) else array


def _pieces(path: str) -> Iterator[bytes]:
    try:
        with open_binary(path) as file:
            while piece := file.read(_STEP):
                yield piece
    except OSError as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: cannot be read: {error}") from error
