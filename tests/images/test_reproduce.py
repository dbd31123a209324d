"""The image, built twice from the same inputs: every package installed anew, and nothing differs."""

import pytest

from images import build, reproduce
from images.workspace import Workspace

pytestmark = [pytest.mark.image, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def comparison():
    workspace = Workspace()
    first = build.current(workspace, "cpu") or build.build(workspace, "cpu", say=print, accept_newer=True)
    return reproduce.reproduce(workspace, first, say=print)


@pytest.mark.parametrize("name", reproduce.COMPARED)
def test_two_builds_are_identical(comparison, name):
    one, other = comparison.hashes[name]
    assert one == other, "\n".join(comparison.lines())


def test_the_first_build_stays_the_current_one(comparison):
    assert comparison.identical
    assert build.current(Workspace(), "cpu") is not None
