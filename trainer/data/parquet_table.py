"""A data set that lies in encrypted Parquet files, as the worker sees it: the declared columns, file by file."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass, field

from trainer.data.table import ColumnData, DataView, Table
from trainer.errors import Reason, TrainerError
from trainer.formats.arrow import column_of, column_values, stored_as
from trainer.formats.parquet import read_sealed_table
from trainer.formats.parquet_keys import ColumnKeys
from trainer.formats.reading import SealedReader


@dataclass(frozen=True)
class OpenedFile:
    """One file of a table: its bytes, the keys of the declared columns, and how to tell it from another."""

    name: str
    sealed: mmap.mmap
    keys: ColumnKeys = field(repr=False)
    material: str
    identity: str


class ParquetTable(Table):
    """Reads the files of a table; `opener` gives the file of an id."""

    def __init__(self, view: DataView, opener: Callable[[str], OpenedFile]) -> None:
        super().__init__(view, self._no_shards)
        self._files = opener

    def read_cut(self, start: int, stop: int) -> dict[str, ColumnData]:
        """See `Table.read_cut`: one cut is one file."""
        part = next(shard for shard in self.view.shards if (shard.start, shard.stop) == (start, stop))
        file = self._files(part.id)
        columns = self.view.columns
        table = read_sealed_table(file.sealed, file.material, file.keys, columns, file.name, file.identity)
        if table.num_rows != stop - start:
            raise TrainerError(Reason.FOREIGN, f"{file.name}: {table.num_rows} rows, not the manifest's {stop - start}")
        result: dict[str, ColumnData] = {}
        for name in columns:
            column, data = self.view.column(name), table.column(name)
            found, expected = column_of(table.schema.field(name), file.name), stored_as(column)
            if found != expected:
                raise TrainerError(
                    Reason.BAD_FORMAT, f"{file.name}: column {name} is {found.dtype}, not the manifest's {column.dtype}"
                )
            result[name] = column_values(data.combine_chunks(), column, file.name)
        return result

    @staticmethod
    def _no_shards(shard: str) -> SealedReader:
        raise TrainerError(Reason.BAD_FORMAT, f"{shard} is a file of a table, not a sealed shard")
