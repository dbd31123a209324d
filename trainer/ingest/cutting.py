"""From batches of any size to shards: every group cut at the same rows, memory bounded by one shard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import Group
from trainer.sources.batches import Batch, Source, batch_rows, fixed


@dataclass(frozen=True)
class Cut:
    """Rows `start` to `stop` of all groups: the plaintext of one shard per group, in pieces."""

    start: int
    stop: int
    payloads: dict[str, list[bytes | memoryview]]


def cut(source: Source, groups: tuple[Group, ...], limit: int) -> Iterator[Cut]:
    """Cuts the rows of `source` so that the groups together have at most `limit` plaintext bytes per cut.

    A single row larger than `limit` becomes a cut of its own. Raises `TrainerError` when there are no rows or a batch
    does not fit the schema.
    """
    for rows in cut_rows(source, groups, limit):
        yield Cut(rows.start, rows.stop, _payloads(rows.batches, groups))


@dataclass(frozen=True)
class Rows:
    """Rows `start` to `stop` as the source gave them, and how many plaintext bytes they are."""

    start: int
    stop: int
    size: int
    batches: list[Batch]


def cut_rows(source: Source, groups: tuple[Group, ...], limit: int) -> Iterator[Rows]:
    """The same cuts before they are laid out as shards."""
    start = 0
    pending: list[Batch] = []
    rows = size = 0
    for batch in source.batches():
        try:
            costs = _row_costs(batch, groups)
        except ValueError as error:
            raise TrainerError(Reason.BAD_SOURCE, f"{source.description}: after row {start + rows}: {error}") from error
        at = 0
        while at < len(costs):
            sums = np.cumsum(costs[at:])
            fitting = int(np.searchsorted(sums, limit - size, side="right"))
            if fitting == 0 and rows == 0:
                fitting = 1
            if fitting:
                pending.append({name: values[at : at + fitting] for name, values in batch.items()})
                rows, size, at = rows + fitting, size + int(sums[fitting - 1]), at + fitting
            if at < len(costs):
                yield Rows(start, start + rows, size, pending)
                start, rows, size, pending = start + rows, 0, 0, []
    if rows:
        yield Rows(start, start + rows, size, pending)
    elif start == 0:
        raise TrainerError(Reason.BAD_SOURCE, f"{source.description}: has no rows")


def _row_costs(batch: Batch, groups: tuple[Group, ...]) -> NDArray[np.int64]:
    """The plaintext bytes of each row over all groups; also the check that the batch fits the schema."""
    costs = np.zeros(batch_rows(batch), dtype=np.int64)
    for group in groups:
        if group.variable:
            values = batch[group.columns[0].name]
            costs += np.fromiter((len(value) + 8 for value in values), dtype=np.int64, count=len(costs))
        else:
            for column in group.columns:
                fixed(batch[column.name], column)
            costs += group.dtype.itemsize
    return costs


def _payloads(batches: list[Batch], groups: tuple[Group, ...]) -> dict[str, list[bytes | memoryview]]:
    return {group.id: _variable(batches, group) if group.variable else _fixed(batches, group) for group in groups}


def _fixed(batches: list[Batch], group: Group) -> list[bytes | memoryview]:
    """Packed rows, in the order of the group's columns."""
    pieces: list[bytes | memoryview] = []
    for batch in batches:
        packed: NDArray[Any] = np.empty(batch_rows(batch), dtype=group.dtype)
        for column in group.columns:
            packed[column.name] = fixed(batch[column.name], column)
        pieces.append(packed.view(np.uint8).reshape(-1).data)
    return pieces


def _variable(batches: list[Batch], group: Group) -> list[bytes | memoryview]:
    """The values one after the other, then one 64-bit offset more than there are rows."""
    name = group.columns[0].name
    pieces: list[bytes | memoryview] = [bytes(value) for batch in batches for value in batch[name]]
    lengths = np.fromiter((len(piece) for piece in pieces), dtype="<u8", count=len(pieces))
    offsets = np.concatenate([np.zeros(1, dtype="<u8"), np.cumsum(lengths, dtype="<u8")])
    return [*pieces, offsets.astype("<u8").tobytes()]
