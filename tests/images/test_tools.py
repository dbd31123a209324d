"""The tools tree's entrance: paths, lists, and that nothing stays mounted."""

from pathlib import Path

import pytest

from images import tools
from images.errors import ImageError
from images.mirror import Mirror
from images.workspace import CHECKOUT, Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "images")


MIRROR = Mirror("https://a.test/debian", "https://a.test/debian-security")


def test_paths_are_seen_inside_where_they_are_bound(workspace):
    assert tools.inside(workspace.sandbox, workspace) == "/state/sandbox"
    assert tools.inside(CHECKOUT / "images", workspace) == "/src/images"


@pytest.mark.parametrize("outside", ["/etc/passwd", "/"])
def test_a_path_outside_is_refused(workspace, outside):
    with pytest.raises(ImageError, match="outside"):
        tools.inside(Path(outside), workspace)


def test_lists_have_comments_and_blank_lines(tmp_path):
    (tmp_path / "list").write_text("# why\n\nmkosi  # the builder\nsystemd\n")
    assert tools.names(tmp_path / "list") == ["mkosi", "systemd"]
    assert "mkosi" in tools.names(tools.LIST)


def test_a_complete_tree_is_kept_and_another_list_makes_it_anew(workspace, monkeypatch):
    workspace.tools.mkdir(parents=True)
    marker = workspace.tools / tools.COMPLETE
    marker.write_text(" ".join(tools.names(tools.LIST)))
    assert tools.make(workspace, MIRROR) == workspace.tools
    marker.write_text("mkosi")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ImageError, match=r"debootstrap is not installed|needs root"):
        tools.make(workspace, MIRROR)


def test_a_failing_command_is_an_error_and_leaves_no_mount(workspace):
    for name in ("proc", "sys", "dev", "tmp", "src", "state", "etc"):
        (workspace.tools / name).mkdir(parents=True)
    before = Path("/proc/self/mountinfo").read_text()
    with pytest.raises(ImageError, match="ended with"):
        tools.run(workspace, ["/no/such/program"])
    assert Path("/proc/self/mountinfo").read_text() == before
    assert not any((workspace.tools / "proc").iterdir())
