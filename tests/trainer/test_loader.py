"""The loader: the same samples in the same order whatever the ranks, and exact resumption."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.joined import JoinedTable
from trainer.data.loader import Loader, evaluation_batches
from trainer.data.order import SampleOrder, permutation
from trainer.data.table import DataView, ShardView, Table
from trainer.errors import TrainerError
from trainer.formats.manifest import Column, Group


class Rows:
    """A table whose only column says which row it is."""

    class view:  # noqa: N801 - stands for the attribute
        data_set, version = "rows", "1"

    def read_cut(self, start: int, stop: int) -> dict[str, Any]:
        return {"row": np.arange(start, stop), "text": [str(row).encode() for row in range(start, stop)]}


CUTS = ((0, 10), (10, 25), (25, 31), (31, 32), (32, 60))


def order(seed: int = 1, fraction: float = 0.2, window: int = 1) -> SampleOrder:
    return SampleOrder(CUTS, seed, window, fraction)


def rows(loader: Loader, batches: int) -> list[int]:
    found = [next(loader) for _ in range(batches)]
    loader.close()
    for batch in found:
        assert [int(text) for text in batch["text"]] == batch["row"].tolist()
    return [int(row) for batch in found for row in batch["row"]]


def loader(batch: int, seed: int = 1, rank: int = 0, world: int = 1) -> Loader:
    return Loader(Rows(), order(seed), batch, rank, world)  # type: ignore[arg-type]


def test_permutations_are_pinned() -> None:
    """The order is part of the format: a resumed job of an older version must see the same one."""
    assert permutation(10, 7, "cuts", 0).tolist() == [3, 8, 2, 7, 5, 4, 0, 1, 9, 6]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 500), st.text(max_size=5))
def test_permutations_are_permutations(size: int, seed: int, word: str) -> None:
    assert sorted(permutation(size, seed, word)) == list(range(size))


def test_an_epoch_has_every_training_sample_once_and_no_other() -> None:
    whole = order()
    total = whole.training_samples
    seen = rows(loader(1), total)
    held = [int(row) for batch in evaluation_batches(Rows(), whole, 7) for row in batch["row"]]  # type: ignore[arg-type]
    assert sorted(seen + held) == list(range(60))
    second = rows(loader(1), 2 * total)[total:]
    assert sorted(second) == sorted(seen)
    assert second != seen


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([1, 2, 3, 4, 6, 12]), st.integers(0, 99), st.integers(1, 12))
def test_world_size_does_not_change_the_samples(world: int, seed: int, batches: int) -> None:
    alone = rows(loader(12, seed), batches)
    parts = [rows(loader(12, seed, rank, world), batches) for rank in range(world)]
    share = 12 // world
    together = [row for at in range(0, 12 * batches // world, share) for part in parts for row in part[at : at + share]]
    assert together == alone


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 20), st.integers(1, 20), st.integers(1, 30))
def test_resuming_continues_exactly(before: int, after: int, batch: int) -> None:
    whole = rows(loader(batch), before + after)
    first = loader(batch)
    for _ in range(before):
        next(first)
    state = first.state_dict()
    first.close()
    second = loader(batch)
    second.load_state_dict(state)
    assert rows(second, after) == whole[before * batch :]


@pytest.mark.parametrize("change", [{"seed": 2}, {"batch": 5}, {"data_set": "x"}, {"version": "2"}, {"samples": 3}])
def test_a_state_of_other_data_is_refused(change: dict[str, Any]) -> None:
    first = loader(4)
    with pytest.raises(TrainerError, match="checkpoint's data"):
        first.load_state_dict(first.state_dict() | change)
    first.close()


def test_windows_are_blocks_with_the_next_row() -> None:
    blocks = Loader(Rows(), order(fraction=0.0, window=5), 3)  # type: ignore[arg-type]
    batch = next(blocks)["row"]
    blocks.close()
    assert batch.shape == (3, 5)
    assert (np.diff(batch, axis=1) == 1).all()
    for window in batch:
        cut = next(cut for cut in CUTS if cut[0] <= window[0] < cut[1])
        assert window[-1] < cut[1]
        assert (window[0] - cut[0]) % 4 == 0


def test_the_next_cut_is_read_while_this_one_is_used() -> None:
    read = {cut: threading.Event() for cut in CUTS}

    class Watched(Rows):
        def read_cut(self, start: int, stop: int) -> dict[str, Any]:
            read[start, stop].set()
            return super().read_cut(start, stop)

    whole = order(fraction=0.0)
    ahead = Loader(Watched(), whole, 1)  # type: ignore[arg-type]
    next(ahead)
    first, second, third, *_ = (CUTS[int(cut)] for cut in whole.epoch(0))
    assert read[first].is_set()
    assert read[second].wait(120), "asked for by nobody yet"
    ahead.close()
    assert not read[third].is_set(), "one ahead, not all of them: memory is bounded"


def test_the_loader_is_stateful_as_torch_means_it() -> None:
    from torch.distributed.checkpoint.stateful import Stateful

    with closing(loader(4)) as opened:
        assert isinstance(opened, Stateful)


def test_ranks_that_do_not_divide_the_batch_are_refused() -> None:
    with pytest.raises(TrainerError, match="cannot be shared"):
        loader(10, world=3)


class Part(Table):
    """A table of one column whose values say which row it is; `first` is the value of row 0."""

    def __init__(self, name: str, first: int, cuts: tuple[tuple[int, int], ...], dtype: str = "<i8") -> None:
        group = Group(id="g000", sensitivity="internal", columns=(Column(name="row", dtype=dtype),))
        shards = tuple(
            ShardView(id=f"s{n}", group="g000", start=a, stop=b, length=8 * (b - a)) for n, (a, b) in enumerate(cuts)
        )
        place = {"tenant": "acme", "data_set": name, "version": "1", "rows": cuts[-1][1], "columns": ("row",)}
        self.view = DataView(**place, groups=(group,), shards=shards)
        self._first = first

    def read_cut(self, start: int, stop: int) -> dict[str, Any]:
        assert (start, stop) in self.view.cuts
        return {"row": np.arange(self._first + start, self._first + stop)}


def test_several_data_sets_are_one_after_the_other() -> None:
    parts = [Part("a", 0, ((0, 4), (4, 10))), Part("b", 100, ((0, 3),)), Part("c", 200, ((0, 5), (5, 6)))]
    joined = JoinedTable(list(parts))
    assert (joined.view.data_set, joined.view.version, joined.view.rows) == ("a+b+c", "1+1+1", 19)
    assert joined.view.cuts == ((0, 4), (4, 10), (10, 13), (13, 18), (18, 19))
    every = [*range(10), *range(100, 103), *range(200, 206)]
    assert [int(value) for cut in joined.view.cuts for value in joined.read_cut(*cut)["row"]] == every
    reader = Loader(joined, SampleOrder(joined.view.cuts, 3), 19)
    assert sorted(next(reader)["row"].tolist()) == every
    state = reader.state_dict()
    reader.close()
    swapped = JoinedTable([parts[1], parts[0], parts[2]])
    other = Loader(swapped, SampleOrder(swapped.view.cuts, 3), 19)
    with pytest.raises(TrainerError, match="checkpoint's data"):
        other.load_state_dict(state)
    other.close()


def test_data_sets_of_different_columns_are_not_joined() -> None:
    with pytest.raises(TrainerError, match=r"column row: <i8.*in a 1, <i4.*in b 1"):
        JoinedTable([Part("a", 0, ((0, 4),)), Part("b", 0, ((0, 4),), dtype="<i4")])
