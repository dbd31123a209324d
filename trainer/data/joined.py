"""Several data sets of one job as one table: the rows of the first, then those of the second, and so on."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from trainer.data.table import ColumnData, DataView, Table
from trainer.errors import Reason, TrainerError
from trainer.formats.reading import SealedReader


class JoinedTable(Table):
    """Tables with the same columns; cuts are theirs, with the rows of the tables before added."""

    def __init__(self, tables: list[Table]) -> None:
        for table in tables[1:]:
            _check_columns(tables[0].view, table.view)
        self._tables = tables
        self._starts = list(accumulate((table.view.rows for table in tables[:-1]), initial=0))
        super().__init__(_joined_view([table.view for table in tables], self._starts), self._no_shards)

    def read_cut(self, start: int, stop: int) -> dict[str, ColumnData]:
        """See `Table.read_cut`."""
        place = bisect_right(self._starts, start) - 1
        before = self._starts[place]
        return self._tables[place].read_cut(start - before, stop - before)

    @staticmethod
    def _no_shards(shard: str) -> SealedReader:
        raise TrainerError(Reason.BAD_FORMAT, f"{shard} belongs to one of several data sets; read it through its own")


def _check_columns(first: DataView, other: DataView) -> None:
    for names in (first.columns, other.columns):
        for name in names:
            mine, its = first.column(name), other.column(name)
            if (mine.dtype, mine.shape) != (its.dtype, its.shape):
                raise TrainerError(
                    Reason.BAD_JOB,
                    f"column {name}: {mine.dtype}{list(mine.shape)} in {first.data_set} {first.version}, "
                    f"{its.dtype}{list(its.shape)} in {other.data_set} {other.version}; make them the same in all data",
                )


def _joined_view(views: list[DataView], starts: list[int]) -> DataView:
    """The first view with the cuts of all; its names say which data sets it is made of."""
    shards = tuple(
        shard.model_copy(update={"start": shard.start + before, "stop": shard.stop + before})
        for view, before in zip(views, starts, strict=True)
        for shard in view.shards
    )
    changes = {
        "data_set": "+".join(view.data_set for view in views),
        "version": "+".join(view.version for view in views),
        "rows": sum(view.rows for view in views),
        "shards": shards,
    }
    return views[0].model_copy(update=changes)
