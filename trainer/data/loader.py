"""The loader: an endless stream of batches that stops and resumes at any sample, with prefetch."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.order import SampleOrder
from trainer.data.table import ColumnData, Table
from trainer.errors import Reason, TrainerError

Batch = dict[str, ColumnData]


@dataclass(frozen=True)
class _Current:
    """The cut in use: the `place`-th of its epoch, decrypted, and the order of its samples."""

    epoch: int
    place: int
    columns: Batch
    samples: NDArray[np.int64]


class Loader:
    """Batches of `batch_size` samples over all ranks, of which this rank gets its equal part, in `turns` portions.

    The stream of samples runs through the epochs without a break and does not depend on the number of ranks.
    Portion `turn` of rank `rank` is slice `turn * world + rank` of the batch.
    `state_dict` is the number of samples consumed (torch's `Stateful` protocol, JSON values); loading it into a loader
    of other data or another seed is refused. The next cut is decrypted in a thread while this one is used.
    """

    def __init__(
        self, table: Table, order: SampleOrder, batch_size: int, rank: int = 0, world: int = 1, turns: int = 1
    ) -> None:
        if batch_size % (world * turns) or not 0 <= rank < world:
            raise TrainerError(
                Reason.BAD_JOB, f"batch size {batch_size} cannot be shared by {world} ranks in {turns} portions"
            )
        if order.training_samples == 0:
            raise TrainerError(Reason.BAD_JOB, f"data set {table.view.data_set}: no training samples left")
        self._table, self._order = table, order
        self._batch, self._rank = batch_size, rank
        self._portion, self._share = batch_size // turns, batch_size // (world * turns)
        self._position = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._ahead: tuple[int, Future[Batch]] | None = None
        self._current: _Current | None = None

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        share = self._share
        first = self._position + self._rank * share
        parts = []
        while share:
            part = self._part(first, share)
            taken = _length(part)
            first, share = first + taken, share - taken
            parts.append(part)
        self._position += self._portion
        return _join(parts)

    def close(self) -> None:
        """Ends the prefetch thread."""
        self._pool.shutdown(cancel_futures=True)

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is, as JSON values."""
        return {"position": self._position, **self._identity()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues where `state` was taken."""
        identity = {name: value for name, value in state.items() if name != "position"}
        if identity != self._identity():
            raise TrainerError(Reason.BAD_JOB, f"the checkpoint's data {identity} is not this job's {self._identity()}")
        self._position = int(state["position"])

    def _identity(self) -> dict[str, Any]:
        view = self._table.view
        order = self._order
        return {
            "data_set": view.data_set,
            "version": view.version,
            "seed": order.seed,
            "samples": order.training_samples,
            "batch": self._batch,
        }

    def _part(self, position: int, count: int) -> Batch:
        """At most `count` samples from `position` on, all of one cut."""
        epoch, inside = divmod(position, self._order.training_samples)
        cuts = self._order.epoch(epoch)
        ends = np.cumsum([self._order.training_size(int(cut)) for cut in cuts])
        place = int(np.searchsorted(ends, inside, side="right"))
        cut = int(cuts[place])
        inside -= int(ends[place]) - self._order.training_size(cut)
        if self._current is None or (self._current.epoch, self._current.place) != (epoch, place):
            samples = self._order.in_cut(epoch, cut)
            self._current = _Current(epoch, place, self._cut(epoch, place), samples)
        return take(self._current.columns, self._current.samples[inside : inside + count], self._order.window)

    def _cut(self, epoch: int, place: int) -> Batch:
        """The cut at a place of an epoch; the one that comes after it starts to be read."""
        cuts = self._order.epoch(epoch)
        cut = int(cuts[place])
        ahead, self._ahead = self._ahead, None
        found = ahead[1].result() if ahead and ahead[0] == cut else self._table.read_cut(*self._order.cuts[cut])
        following = cuts[place + 1] if place + 1 < len(cuts) else self._order.epoch(epoch + 1)[0]
        if len(cuts) > 1:
            self._ahead = (int(following), self._pool.submit(self._table.read_cut, *self._order.cuts[int(following)]))
        return found


def evaluation_batches(table: Table, order: SampleOrder, batch_size: int) -> Iterator[Batch]:
    """The held-out samples, once, in order."""
    for cut in range(len(order.cuts)):
        held = order.held_out(cut)
        if not len(held):
            continue
        columns = table.read_cut(*order.cuts[cut])
        for at in range(0, len(held), batch_size):
            yield take(columns, held[at : at + batch_size], order.window)


def take(columns: Batch, samples: Any, window: int) -> Batch:
    """The given samples of a cut's columns, copied: rows, or windows of rows."""
    rows = samples if window == 1 else samples[:, None] * (window - 1) + np.arange(window)
    return {
        name: values[rows] if isinstance(values, np.ndarray) else [values[int(row)] for row in np.ravel(rows)]
        for name, values in columns.items()
    }


def _length(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _join(parts: list[Batch]) -> Batch:
    if len(parts) == 1:
        return parts[0]
    return {name: _concatenate([part[name] for part in parts]) for name in parts[0]}


def _concatenate(values: list[ColumnData]) -> ColumnData:
    if isinstance(values[0], np.ndarray):
        return np.concatenate([np.asarray(part) for part in values])
    return [item for part in values for item in part]
