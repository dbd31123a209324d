"""What a reference set says of an image's origin was noted when it was built, not when it is measured."""

import hashlib
import json
from datetime import UTC, datetime

import pytest

from images import build, gpt, packages, reference
from images.workspace import Workspace
from tests.images.disk_maker import disk
from tests.images.pe_maker import UKI, make

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A build without mkosi; what the checkout and the tools say of themselves is in the dictionary."""
    says = {"revision": "a" * 40, "mkosi": "mkosi 25"}
    monkeypatch.setattr(packages, "LOCK", tmp_path / "packages.lock")
    monkeypatch.setattr(build, "revision", lambda: says["revision"])
    monkeypatch.setattr(build, "prepare", lambda *_given, **_options: None)
    monkeypatch.setattr(build, "build_initrd", lambda *_given, **_options: tmp_path / "initrd")
    for module, name in ((build.payload, "stage"), (build.tools, "inside")):
        monkeypatch.setattr(module, name, lambda *_given, **_options: tmp_path)
    monkeypatch.setattr(build.payload, "wheels", lambda _overlay: {"cffi": "3"})
    monkeypatch.setattr(build.tools, "run", lambda *_given, **_options: says["mkosi"] + "\n")
    monkeypatch.setattr(
        packages, "read_manifests", lambda _manifests: {"initrd": {"udev": "2"}, "node": {"libc6": "1"}}
    )
    monkeypatch.setattr(reference, "predict", lambda _uki, _lists: [])
    monkeypatch.setattr(reference.firmware, "enrolled", lambda _workspace: None)

    def made(_workspace, _tree, _options, *, output, incremental):
        output.mkdir(parents=True)
        (output / "bulkhead-cpu.efi").write_bytes(make(UKI | {".cmdline": b"roothash=" + b"0" * 64}))
        disk(output / "bulkhead-cpu.raw", [(gpt.ROOT, b"r")])
        says["revision"] = "b" * 40 + "+changes"  # someone edits while it builds

    monkeypatch.setattr(build, "mkosi", made)
    return says


def test_origin_is_that_of_the_build(checkout, tmp_path):
    workspace = Workspace(tmp_path / "w")
    build.build(workspace, "cpu", say=print, update_lock=True)
    locked = hashlib.sha256(packages.LOCK.read_bytes()).hexdigest()
    checkout["mkosi"] = "mkosi 26"
    packages.pin("cpu", {"initrd": {"udev": "2"}, "node": {"libc6": "2"}})
    values = reference.describe(workspace, build.load(workspace, "cpu"), 1, NOW)
    said = values.provenance
    assert (said.source, said.lock_sha256, said.builder) == ("a" * 40, locked, {"mkosi": "25"})
    assert said.compared_lock_sha256 == hashlib.sha256(packages.LOCK.read_bytes()).hexdigest() != locked
    assert said.differs_from_lock == ("node: libc6: pinned 2, image has 1",)


def test_a_build_that_noted_nothing_is_of_unknown_origin(checkout, tmp_path):
    workspace = Workspace(tmp_path / "w")
    artefact = build.build(workspace, "cpu", say=print, update_lock=True)
    path = artefact.directory / build.DESCRIPTION
    record = json.loads(path.read_text())
    for name in ("source", "lock_sha256", "mkosi"):
        del record[name]
    path.write_text(json.dumps(record))
    said = reference.describe(workspace, build.load(workspace, "cpu"), 1, NOW).provenance
    assert (said.source, said.lock_sha256, said.builder) == ("unknown", "unknown", {"mkosi": "unknown"})


def test_the_revision_of_this_checkout_and_of_none(tmp_path, monkeypatch):
    assert len(build.revision().removesuffix("+changes")) == 40 or build.revision() == "unknown"
    monkeypatch.setattr(build, "CHECKOUT", tmp_path)
    assert build.revision() == "unknown"
