"""Tables through Apache Arrow: CSV, JSON lines and Parquet, streamed batch by batch from any fsspec path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import Column
from trainer.sources.batches import Batch, Values

Opened = tuple[pa.Schema, Iterator[pa.RecordBatch]]
BLOCK = 8 << 20


@dataclass(frozen=True)
class TableSource:
    """One or several files of the same schema; `opener` makes a schema and record batches of one of them."""

    paths: tuple[str, ...]
    opener: Callable[[str], AbstractContextManager[Opened]]
    description: str

    def columns(self) -> tuple[Column, ...]:
        """See `Source.columns`; the schema is that of the first file."""
        with self._open(self.paths[0]) as (schema, _):
            return tuple(_column(field, self.paths[0]) for field in schema)

    def batches(self) -> Iterator[Batch]:
        """See `Source.batches`."""
        columns = self.columns()
        for path in self.paths:
            with self._open(path) as (schema, batches):
                if tuple(_column(field, path) for field in schema) != columns:
                    raise TrainerError(Reason.BAD_SOURCE, f"{path}: its columns differ from those of {self.paths[0]}")
                for batch in _guard(batches, path):
                    yield {c.name: _values(batch.column(i), c, path) for i, c in enumerate(columns)}

    @contextmanager
    def _open(self, path: str) -> Iterator[Opened]:
        try:
            with self.opener(path) as opened:
                yield opened
        except (OSError, pa.ArrowException, ValueError) as error:
            raise TrainerError(Reason.BAD_SOURCE, f"{path}: cannot be read as {self.description}: {error}") from error


def _guard(batches: Iterator[pa.RecordBatch], path: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except pa.ArrowException as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: {error}") from error


@contextmanager
def open_csv(path: str) -> Iterator[Opened]:
    """CSV with a header line; types are inferred from the first 8 MiB and later rows must agree."""
    with fsspec.open(path, "rb") as file:
        reader = pyarrow.csv.open_csv(file, read_options=pyarrow.csv.ReadOptions(block_size=BLOCK))
        yield reader.schema, iter(reader)


@contextmanager
def open_jsonl(path: str) -> Iterator[Opened]:
    """JSON lines, one object per row; types are inferred from the first 8 MiB and later rows must agree."""
    with fsspec.open(path, "rb") as file:
        reader = pyarrow.json.open_json(file, read_options=pyarrow.json.ReadOptions(block_size=BLOCK))
        yield reader.schema, iter(reader)


@contextmanager
def open_parquet(path: str) -> Iterator[Opened]:
    """Parquet, one row group's pages at a time."""
    with fsspec.open(path, "rb") as file:
        parquet = pyarrow.parquet.ParquetFile(file)
        yield parquet.schema_arrow, parquet.iter_batches(batch_size=65536)


def _column(field: pa.Field, path: str) -> Column:
    kind = field.type
    shape: tuple[int, ...] = ()
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_fixed_size_list(kind):
        kind, shape = kind.value_type, (kind.list_size,)
    if pa.types.is_boolean(kind):
        return Column(name=field.name, dtype="|b1", shape=shape)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return Column(name=field.name, dtype=np.dtype(kind.to_pandas_dtype()).str, shape=shape)
    if pa.types.is_temporal(kind) and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return Column(name=field.name, dtype="<M8[us]")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return Column(name=field.name, dtype="utf8")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return Column(name=field.name, dtype="bytes")
    if pa.types.is_struct(kind) or pa.types.is_list(kind) or pa.types.is_null(kind):
        return Column(name=field.name, dtype="json")
    raise TrainerError(
        Reason.BAD_SOURCE, f"{path}: column {field.name} has type {kind}, which cannot be sealed; cast it"
    )


def _values(array: pa.Array, column: Column, path: str) -> Values:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if column.dtype == "json":
        return [json.dumps(value, default=str, ensure_ascii=False).encode() for value in array.to_pylist()]
    if array.null_count and column.dtype[:2] != "<f":
        raise TrainerError(
            Reason.BAD_SOURCE, f"{path}: column {column.name} has missing values; fill them or make it a float column"
        )
    if column.dtype == "utf8":
        return [value.encode() for value in array.to_pylist()]
    if column.dtype == "bytes":
        return [bytes(value) for value in array.to_pylist()]
    if column.shape:
        flat: Any = array.flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat).reshape(len(array), *column.shape)
    if column.dtype == "<M8[us]":
        return np.asarray(array.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False))
    return np.asarray(array.to_numpy(zero_copy_only=False))
