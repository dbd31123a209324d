"""The table of the trainer's benchmarks: what it says of rows, and how it gets into a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.trainer.__main__ import BEGIN, END, insert, report
from benchmarks.trainer.measure import Row, not_measured, ratio_of, seconds

ROWS = [
    Row("  plain", 20.0, "GB/s", 19.0, 21.0),
    Row("sealed", 9.0, "GB/s", 8.5, 9.5, ratio=0.45, target="≥ 0.5", met=False),
    Row("rotation", 0.02, "ms", 0.01, 0.03, target="≤ 1 ms", met=True),
    not_measured("peer tink: tink is not installed"),
]


def test_a_missed_target_and_a_missing_peer_are_in_the_report() -> None:
    text = report({"flags": ["aes", "vaes"], "load": 3.5}, 4.0, ROWS, ["--quick", "--write", "x.md"])
    assert "`python -m benchmarks.trainer --quick`" in text
    assert "- flags: aes, vaes" in text
    assert "- load at the end: 4.0" in text
    assert "| sealed | 9 GB/s | 8.5 – 9.5 | 0.45 | ≥ 0.5 | **no** |" in text
    assert "| rotation | 0.02 ms | 0.01 – 0.03 |  | ≤ 1 ms | yes |" in text
    assert "Not measured: peer tink: tink is not installed." in text


def test_the_table_replaces_the_old_one_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old\n{END}after\n")
    insert(page, "new\n")
    assert page.read_text() == f"before\n{BEGIN}new\n{END}after\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="add them"):
        insert(page, "new\n")
    assert page.read_text() == "no marks"


def test_the_page_has_the_marks() -> None:
    text = (Path(__file__).parents[2] / "docs/benchmarks.md").read_text()
    assert text.index(BEGIN) < text.index(END)


def test_rounds_take_turns_after_a_warm_up() -> None:
    calls: list[str] = []
    clock = iter(range(100))
    times = seconds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2, lambda: float(next(clock)))
    assert calls == ["a", "b"] * 3
    assert times == {"a": [1.0, 1.0], "b": [1.0, 1.0]}
    assert ratio_of([2.0, 4.0, 9.0], [1.0, 2.0, 1.0]) == 2.0
