"""Whether a Parquet file that somebody else wrote is encrypted as a table of ours has to be."""

from __future__ import annotations

from pathlib import Path

from trainer.errors import Reason, TrainerError
from trainer.formats.arrow import column_of, stored_as
from trainer.formats.manifest import Column
from trainer.formats.parquet import decrypting, open_table
from trainer.formats.parquet_identity import file_identity
from trainer.formats.parquet_keys import ColumnKeys, parse_material


def check_table(path: Path, material: str, keys: ColumnKeys, columns: tuple[Column, ...]) -> int:
    """The number of rows of a file whose columns are these, each readable with its own master key and only with it.

    A column in clear, under the footer's key or under another column's key would be read by jobs that did not declare
    it. Shown by trying: with the footer's key alone no column of any row group may open, with its own key each must.
    """
    file_identity(path)
    name = str(path)
    parse_material(material, name)
    sealed = path.read_bytes()
    with open_table(sealed, material, ColumnKeys(keys.footer, {}), name) as file:
        schema, groups, rows = file.schema_arrow, file.num_row_groups, int(file.metadata.num_rows)
    if list(schema.names) != [column.name for column in columns]:
        raise TrainerError(Reason.BAD_SOURCE, f"{name}: its columns are not those of the table, in their order")
    for column in columns:
        found = column_of(schema.field(column.name), name)
        if (found.dtype, found.shape) != (stored_as(column).dtype, stored_as(column).shape):
            raise TrainerError(
                Reason.BAD_SOURCE, f"{name}: column {column.name} is {found.dtype}, the table has {column.dtype}"
            )
        for group in range(groups):
            if _opens(sealed, material, ColumnKeys(keys.footer, {}), group, column.name):
                raise TrainerError(
                    Reason.BAD_SOURCE, f"{name}: column {column.name} opens without its key; encrypt every column"
                )
        own = ColumnKeys(keys.footer, {column.name: keys.columns[column.name]})
        with open_table(sealed, material, own, name) as file, decrypting(f"{name}, column {column.name}"):
            for group in range(groups):
                file.read_row_group(group, columns=[column.name], use_threads=False)
    if rows < 1:
        raise TrainerError(Reason.BAD_SOURCE, f"{name}: has no rows")
    return rows


def _opens(sealed: bytes, material: str, keys: ColumnKeys, group: int, column: str) -> bool:
    try:
        with open_table(sealed, material, keys, column) as file, decrypting(column):
            file.read_row_group(group, columns=[column], use_threads=False)
    except TrainerError:
        return False
    return True
