"""A data set as the worker sees it: the declared columns, cut by cut, decrypted into memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.data.buffers import BufferPool
from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import Column, Group
from trainer.formats.names import ColumnName, Frozen, Name
from trainer.formats.reading import SealedReader

ColumnData = NDArray[Any] | list[bytes]


class ShardView(Frozen):
    """What the worker learns of a shard before it opens it."""

    id: Name
    group: Name
    start: int
    stop: int
    length: int


class DataView(Frozen):
    """What the worker learns of a data set: the groups of the declared columns only."""

    tenant: Name
    data_set: Name
    version: Name
    rows: int
    columns: tuple[ColumnName, ...]
    groups: tuple[Group, ...]
    shards: tuple[ShardView, ...]
    """Shards of groups; or, of an encrypted table, its files, which hold all columns."""
    layout: Literal["shards", "table"] = "shards"

    def column(self, name: str) -> Column:
        """The schema of a declared column."""
        if name in self.columns:
            for group in self.groups:
                for column in group.columns:
                    if column.name == name:
                        return column
        raise TrainerError(
            Reason.NOT_DECLARED,
            f"data set {self.data_set}: column {name!r} was not declared ({', '.join(self.columns)})",
        )

    @property
    def cuts(self) -> tuple[tuple[int, int], ...]:
        """The row ranges at which all groups are cut, in order."""
        return tuple(sorted({(shard.start, shard.stop) for shard in self.shards}))


class Table:
    """Reads cuts of a data set; `opener` gives the sealed shard of an id (over the agent's socket, in a worker)."""

    def __init__(self, view: DataView, opener: Callable[[str], SealedReader]) -> None:
        self.view = view
        self._opener = opener
        self._buffers = BufferPool()

    def read_cut(self, start: int, stop: int) -> dict[str, ColumnData]:
        """All declared columns of the cut of rows `start` to `stop`; every byte authenticated."""
        result: dict[str, ColumnData] = {}
        for group in self.view.groups:
            shard = next(s for s in self.view.shards if s.group == group.id and (s.start, s.stop) == (start, stop))
            with self._opener(shard.id) as reader:
                if reader.length != shard.length:
                    raise TrainerError(Reason.FOREIGN, f"shard {shard.id}: its length is not that of the manifest")
                buffer = self._buffers.take(reader.length)
                reader.read_all_into(buffer.data)
            columns = split_group(group, buffer, stop - start, shard.id)
            result |= {name: values for name, values in columns.items() if name in self.view.columns}
        return result


def split_group(group: Group, payload: NDArray[np.uint8], rows: int, name: str) -> dict[str, ColumnData]:
    """The columns of a group from the plaintext of one of its shards (layouts: docs/formats/shard.md, section 5)."""
    if not group.variable:
        table = payload.view(group.dtype)
        return {column.name: table[column.name] for column in group.columns}
    index = len(payload) - 8 * (rows + 1)
    offsets = payload[max(index, 0) :].view("<u8").astype(np.int64) if index >= 0 else np.empty(0, np.int64)
    if index < 0 or offsets[0] != 0 or offsets[-1] != index or (np.diff(offsets) < 0).any():
        raise TrainerError(Reason.BAD_FORMAT, f"shard {name}: its row offsets are not valid")
    data = payload.data
    values = [bytes(data[begin:end]) for begin, end in pairwise(offsets)]
    return {group.columns[0].name: values}
