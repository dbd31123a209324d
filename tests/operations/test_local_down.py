"""`bulkhead local down` ends both halves of the local cloud, whichever runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations import cmd_local
from operations.cli import build


@pytest.mark.parametrize(
    ("aws", "google", "said"),
    [(True, True, "stopped"), (False, True, "stopped"), (True, False, "stopped"), (False, False, "it was not running")],
)
def test_both_halves_are_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aws: bool, google: bool, said: str
) -> None:
    asked: list[tuple[str, Path]] = []

    def half(name: str, answer: bool):
        def down(places) -> bool:
            asked.append((name, places.root))
            return answer

        return down

    monkeypatch.setattr(cmd_local.control, "down", half("aws", aws))
    monkeypatch.setattr(cmd_local.google_control, "down", half("google", google))
    done = CliRunner().invoke(build(), ["local", "down", "--directory", str(tmp_path)])
    assert done.exit_code == 0
    assert done.output.startswith(said)
    assert sorted(asked) == [("aws", tmp_path), ("google", tmp_path)]
