"""Starts of a machine that end before its node says a word."""

import pytest

from images import boot
from images.boot import Boot, Machine

PANIC = "[    2.117293] Kernel panic - not syncing: Fatal exception in interrupt"
CORRUPTED = "[    3.1] Kernel panic - not syncing: dm-verity device corrupted"


def once(console="", messages=()):
    return Boot("00", messages, {}, 1.0, 0, console, b"")


@pytest.fixture
def starts(monkeypatch, tmp_path):
    """Boots a machine whose starts end as told; gives the boot and how many starts there were."""

    def run(*ends):
        left, asked = list(ends), []

        def start(_machine, assignment, _limit, _told):
            asked.append(assignment)
            return left.pop(0)

        monkeypatch.setattr(boot, "_once", start)
        found = boot.boot(Machine(tmp_path, tmp_path / "disk", None))
        assert len(set(map(id, asked))) == 1
        return found, len(asked)

    return run


def test_a_processors_exception_starts_it_again_and_is_told(starts):
    found, number = starts(once(PANIC), once("", ({"event": "evidence", "evidence": {}},)))
    assert (number, found.evidence, found.crashes) == (2, {}, (PANIC,))


def test_it_is_not_started_for_ever(starts):
    found, number = starts(*[once(PANIC)] * 4)
    assert (number, found.crashes, found.why()) == (3, (PANIC, PANIC), PANIC)


@pytest.mark.parametrize(
    "end",
    [
        once(CORRUPTED),
        once("Security Violation"),
        once(PANIC, ({"event": "evidence", "evidence": {}},)),
        once(""),
    ],
    ids=["verity", "firmware", "after its node spoke", "silent"],
)
def test_nothing_else_is_tried_again(starts, end):
    assert starts(end) == (end, 1)
