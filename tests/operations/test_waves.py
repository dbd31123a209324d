"""Order, parallelism and failure of stacks that depend on one another."""

from __future__ import annotations

import threading

import pytest

from operations import waves
from operations.errors import CommandError


def test_dependencies_come_first() -> None:
    order: list[str] = []
    waves.run({"c": ["b"], "b": ["a"], "a": [], "d": ["not deployed here"]}, order.append)
    assert order.index("a") < order.index("b") < order.index("c")
    assert "d" in order


def test_independent_work_overlaps() -> None:
    meeting = threading.Barrier(2, timeout=120)
    waves.run({"a": [], "b": []}, lambda _: meeting.wait())


def test_failure_stops_dependants_only_and_names_them() -> None:
    done: list[str] = []

    def work(name: str) -> None:
        if name == "a":
            raise CommandError("a: broke")
        done.append(name)

    with pytest.raises(CommandError, match=r"(?s)a: broke.*Not tried because of that: b"):
        waves.run({"a": [], "b": ["a"], "c": []}, work)
    assert done == ["c"]


def test_a_circle_is_an_error_and_not_a_hang() -> None:
    with pytest.raises(CommandError, match="wait for one another: a, b"):
        waves.run({"a": ["b"], "b": ["a"]}, lambda _: None)
