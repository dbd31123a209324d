"""A build that the disk has no room for is refused before it begins, and one that finds none on its way says so."""

from typing import NamedTuple

import pytest

from images import build, gpt, room, tools
from images.errors import ImageError
from images.workspace import Workspace


class Usage(NamedTuple):
    """What `shutil.disk_usage` answers."""

    total: int
    used: int
    free: int


@pytest.fixture
def disk(monkeypatch):
    """Sets what is free on every disk, in bytes."""

    def has(free):
        monkeypatch.setattr(room.shutil, "disk_usage", lambda _place: Usage(1 << 40, 0, free))

    return has


@pytest.mark.parametrize("profile", ["cpu", "gpu", "oci"])
def test_a_build_starts_where_there_is_just_enough(tmp_path, disk, profile):
    disk(room.FROM_NOTHING[profile])
    room.demand(Workspace(tmp_path / "not" / "there" / "yet"), profile)


@pytest.mark.parametrize("profile", ["cpu", "gpu", "oci"])
def test_a_byte_less_is_refused_with_the_way_out(tmp_path, disk, profile):
    disk(room.FROM_NOTHING[profile] - 1)
    with pytest.raises(
        ImageError, match=rf"building the {profile} image takes about .* GiB are free: free some, or make"
    ):
        room.demand(Workspace(tmp_path), profile)


def test_what_an_earlier_build_left_counts_as_room(tmp_path, disk):
    workspace = Workspace(tmp_path)
    workspace.output("cpu").mkdir(parents=True)
    (workspace.output("cpu") / "disk.raw").write_bytes(bytes(1 << 20))
    disk(room.FROM_NOTHING["cpu"] - (1 << 20))
    room.demand(workspace, "cpu")


def test_holes_are_no_room(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert room.held(tmp_path) < 1 << 20


def test_a_link_to_another_disk_is_looked_through(tmp_path):
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "file").write_bytes(bytes(1 << 20))
    (tmp_path / "images").symlink_to(tmp_path / "large")
    assert room.held(tmp_path / "images") >= 1 << 20


def test_nothing_is_made_by_a_build_that_has_no_room(tmp_path, disk):
    disk(0)
    workspace = Workspace(tmp_path / "images")
    with pytest.raises(ImageError, match="free some"):
        build.build(workspace, "cpu", say=print)
    assert not workspace.root.exists()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("cp: cannot create x: No space left on device", "no room left on the disk"),
        ("cp: odd", "ended with 1 .*cp: odd"),
    ],
)
def test_a_disk_that_fills_on_the_way_is_named(tmp_path, monkeypatch, said, expected):
    monkeypatch.setattr(tools, "ENTER", f"echo '{said}' >&2; exit 1")
    with pytest.raises(ImageError, match=expected):
        tools.run(Workspace(tmp_path), ["mkosi", "build"], log=tmp_path / "out" / "mkosi.log")


def test_a_partition_is_hashed_alone_and_a_short_disk_is_refused(tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(b"a" * 512 + b"b" * 1024 + b"c" * 512)
    (tmp_path / "b").write_bytes(b"b" * 1024)
    assert build.sha256(disk, gpt.Partition(gpt.ROOT, 512, 1024)) == build.sha256(tmp_path / "b")
    with pytest.raises(ImageError, match="ends 512 bytes before"):
        build.sha256(disk, gpt.Partition(gpt.ROOT, 1024, 1536))
