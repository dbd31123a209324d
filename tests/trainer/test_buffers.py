"""Buffers that come back by themselves, and never while somebody looks at them."""

from __future__ import annotations

import threading

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.buffers import KEPT, BufferPool


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_a_buffer_that_nobody_holds_is_used_again() -> None:
    pool = BufferPool()
    first = pool.take(1 << 20)
    where = address(first)
    del first
    assert address(pool.take(1 << 20)) == where
    assert len(pool.take(600_000)) == 600_000


def test_views_of_views_keep_their_memory() -> None:
    pool = BufferPool()
    row = pool.take(4096).view(np.dtype([("a", "<u2"), ("b", "<u2")]))["b"][7:9]
    row[:] = 7
    other = pool.take(4096)
    other[:] = 255
    assert row.tolist() == [7, 7]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5000), st.booleans()), max_size=60))
def test_no_two_holders_share_memory(wishes: list[tuple[int, bool]]) -> None:
    pool = BufferPool()
    held: list[tuple[np.ndarray, int]] = []
    for number, (size, keep) in enumerate(wishes):
        taken = pool.take(size)
        assert len(taken) == size
        taken[:] = number % 251
        if keep:
            held.append((taken, number % 251))
        assert all((array == value).all() for array, value in held)


def test_the_pool_is_bounded_and_shared_by_threads() -> None:
    pool = BufferPool()
    held: list[np.ndarray] = []

    def work(value: int) -> None:
        for _ in range(KEPT):
            array = pool.take(64)
            array[:] = value
            held.append(array)

    threads = [threading.Thread(target=work, args=(value,)) for value in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({address(array) for array in held}) == 3 * KEPT
    assert all(len(set(array.tolist())) == 1 for array in held)
    assert len(pool._buffers) <= KEPT
