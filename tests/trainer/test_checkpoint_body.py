"""What a worker may say about a checkpoint's tensors: boxes that make up each tensor exactly, and nothing else."""

from __future__ import annotations

import math
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from trainer.checkpoint import manifest
from trainer.checkpoint.manifest import MAX_CHUNKS, CheckpointBody, TensorChunk, TensorEntry

Box = tuple[tuple[int, ...], tuple[int, ...]]


def entry(size: tuple[int, ...], boxes: list[Box]) -> dict[str, Any]:
    chunks = [{"offsets": offsets, "sizes": sizes, "rank": 0, "begin": 0} for offsets, sizes in boxes]
    return {"dtype": "U8", "size": size, "chunks": chunks}


def accepted(size: tuple[int, ...], boxes: list[Box]) -> bool:
    try:
        TensorEntry.model_validate(entry(size, boxes))
    except ValidationError:
        return False
    return True


def elements(box: Box) -> set[tuple[int, ...]]:
    return set(product(*(range(offset, offset + size) for offset, size in zip(*box, strict=True))))


@st.composite
def tilings(draw: st.DrawFn) -> tuple[tuple[int, ...], list[Box]]:
    """A tensor cut into boxes again and again, along one dimension at a time."""
    size = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    boxes: list[Box] = [((0,) * len(size), size)]
    for _ in range(draw(st.integers(0, 6))):
        offsets, sizes = boxes.pop(draw(st.integers(0, len(boxes) - 1)))
        axis = draw(st.integers(0, len(size) - 1))
        cut = draw(st.integers(0, sizes[axis]))
        first, second = list(sizes), list(sizes)
        first[axis], second[axis] = cut, sizes[axis] - cut
        moved = list(offsets)
        moved[axis] += cut
        boxes += [(offsets, tuple(first)), (tuple(moved), tuple(second))]
    return size, draw(st.permutations(boxes))


@given(tilings())
@settings(deadline=None)
def test_every_tiling_is_taken(tiling: tuple[tuple[int, ...], list[Box]]) -> None:
    assert accepted(*tiling)


@given(tilings(), st.data())
@settings(deadline=None, max_examples=200)
def test_what_is_taken_has_every_element_once(tiling: tuple[tuple[int, ...], list[Box]], data: st.DataObject) -> None:
    size, boxes = tiling
    place = data.draw(st.integers(0, len(boxes) - 1))
    offsets, sizes = (list(part) for part in boxes[place])
    axis = data.draw(st.integers(0, len(size) - 1))
    offsets[axis] += data.draw(st.integers(-2, 2))
    sizes[axis] += data.draw(st.integers(-1, 1))
    changed = [*boxes[:place], (tuple(offsets), tuple(sizes)), *boxes[place + 1 :]]
    valid = all(o >= 0 and s >= 0 and o + s <= w for box in changed for o, s, w in zip(*box, size, strict=True))
    whole = elements(((0,) * len(size), size))
    exact = (
        valid
        and set().union(*map(elements, changed)) == whole
        and not any(elements(left) & elements(right) for left, right in combinations(changed, 2))
    )
    assert accepted(size, changed) == exact


def test_many_chunks_are_not_compared_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list comes from the worker: every pair would be 8 million comparisons for each tensor."""
    compared = 0

    def counting(left: TensorChunk, right: TensorChunk) -> bool:
        nonlocal compared
        compared += 1
        return whole_overlap(left, right)

    whole_overlap = manifest._overlap
    monkeypatch.setattr(manifest, "_overlap", counting)
    for size, boxes in (
        ((MAX_CHUNKS,), [((at,), (1,)) for at in range(MAX_CHUNKS)]),
        ((2, MAX_CHUNKS), [((0, at), (2, 1)) for at in reversed(range(MAX_CHUNKS))]),
    ):
        assert accepted(size, boxes)
        assert not accepted(size, [*boxes[:-1], boxes[0]])
    assert 0 < compared < 20 * MAX_CHUNKS
    too_many = MAX_CHUNKS + 1
    assert not accepted((too_many,), [((at,), (1,)) for at in range(too_many)])


@pytest.mark.parametrize(
    "change",
    [
        {"files": [{"rank": 0, "length": 5}]},
        {"files": [{"rank": 1, "length": 6}]},
        {"files": [{"rank": 0, "length": 6}, {"rank": 0, "length": 6}]},
        {"values": {"w": 1}},
        {"step": -1},
        {"tensors": {"w": entry((6,), [((0,), (6,))]) | {"dtype": "OBJECT"}}},
    ],
)
def test_a_body_whose_parts_do_not_fit_is_refused(change: dict[str, Any]) -> None:
    body = {"step": 1, "files": [{"rank": 0, "length": 6}], "values": {}, "tensors": {"w": entry((6,), [((0,), (6,))])}}
    assert math.prod(CheckpointBody.model_validate(body).tensors["w"].size) == 6
    with pytest.raises(ValidationError):
        CheckpointBody.model_validate(body | change)
