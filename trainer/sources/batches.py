"""What every source yields: columns of a known type, a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.formats.manifest import Column

Values = NDArray[Any] | list[bytes]
Batch = dict[str, Values]
"""Values per column, all of the same number of rows: an array for fixed types, `bytes` per row for variable ones."""


class Source(Protocol):
    """A data set as it lies at its owner's, read once from front to back."""

    @property
    def description(self) -> str:
        """Where the data comes from, for the manifest's provenance."""
        ...

    @property
    def transformations(self) -> tuple[str, ...]:
        """What reading does to the data, in order, for the manifest's provenance; known once `columns` was called."""
        ...

    def columns(self) -> tuple[Column, ...]:
        """The schema."""
        ...

    def batches(self) -> Iterator[Batch]:
        """The rows in order."""
        ...


@dataclass(frozen=True)
class ArraySource:
    """Arrays in memory, one per column; the first dimension is the row."""

    arrays: dict[str, NDArray[Any]]
    description: str = "arrays in memory"
    rows_per_batch: int = 65536
    transformations: tuple[str, ...] = ()

    def columns(self) -> tuple[Column, ...]:
        """See `Source.columns`."""
        return tuple(array_column(name, array) for name, array in self.arrays.items())

    def batches(self) -> Iterator[Batch]:
        """See `Source.batches`."""
        rows = min(len(array) for array in self.arrays.values())
        for start in range(0, rows, self.rows_per_batch):
            yield {name: array[start : start + self.rows_per_batch] for name, array in self.arrays.items()}


def array_column(name: str, array: NDArray[Any]) -> Column:
    """The column that holds the rows of an array."""
    dtype = array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype
    return Column(name=name, dtype=dtype.str, shape=array.shape[1:])


def batch_rows(batch: Batch) -> int:
    """The number of rows of a batch, the same in every column; `ValueError` when not."""
    lengths = {len(values) for values in batch.values()}
    if len(lengths) != 1:
        raise ValueError(f"columns of different lengths: { {name: len(values) for name, values in batch.items()} }")
    return lengths.pop()


def fixed(values: Values, column: Column) -> NDArray[Any]:
    """The values of a fixed column in the manifest's type, without a copy where they have it already."""
    array = np.asarray(values)
    if array.shape[1:] != column.shape or not np.can_cast(array.dtype, column.dtype, "safe"):
        raise ValueError(f"column {column.name}: {array.dtype}{array.shape[1:]} is not {column.dtype}{column.shape}")
    return array.astype(column.dtype, copy=False)
