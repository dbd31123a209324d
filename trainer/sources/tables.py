"""Tables through Apache Arrow: CSV, JSON lines and Parquet, streamed batch by batch from any fsspec path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from trainer.errors import Reason, TrainerError
from trainer.formats.arrow import column_of, column_values
from trainer.formats.manifest import Column
from trainer.sources.batches import Batch
from trainer.sources.files import open_binary

Opened = tuple[pa.Schema, Iterator[pa.RecordBatch]]
BLOCK = 8 << 20


@dataclass(frozen=True)
class TableSource:
    """One or several files of the same schema; `opener` makes a schema and record batches of one of them."""

    paths: tuple[str, ...]
    opener: Callable[[str], AbstractContextManager[Opened]]
    description: str
    transformations: tuple[str, ...] = ()

    def columns(self) -> tuple[Column, ...]:
        """See `Source.columns`; the schema is that of the first file."""
        with self._open(self.paths[0]) as (schema, _):
            return tuple(column_of(field, self.paths[0]) for field in schema)

    def batches(self) -> Iterator[Batch]:
        """See `Source.batches`."""
        columns = self.columns()
        for path in self.paths:
            with self._open(path) as (schema, batches):
                if tuple(column_of(field, path) for field in schema) != columns:
                    raise TrainerError(Reason.BAD_SOURCE, f"{path}: its columns differ from those of {self.paths[0]}")
                for batch in _guard(batches, path):
                    yield {c.name: column_values(batch.column(i), c, path) for i, c in enumerate(columns)}

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
    with open_binary(path) as file:
        reader = pyarrow.csv.open_csv(file, read_options=pyarrow.csv.ReadOptions(block_size=BLOCK))
        yield reader.schema, iter(reader)


@contextmanager
def open_jsonl(path: str) -> Iterator[Opened]:
    """JSON lines, one object per row; types are inferred from the first 8 MiB and later rows must agree."""
    with open_binary(path) as file:
        reader = pyarrow.json.open_json(file, read_options=pyarrow.json.ReadOptions(block_size=BLOCK))
        yield reader.schema, iter(reader)


@contextmanager
def open_parquet(path: str) -> Iterator[Opened]:
    """Parquet, one row group's pages at a time."""
    with open_binary(path) as file:
        parquet = pyarrow.parquet.ParquetFile(file)
        yield parquet.schema_arrow, parquet.iter_batches(batch_size=65536)
