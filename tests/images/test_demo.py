"""`make demo-vm` end to end: two tenants' virtual nodes train, and everything that must be refused is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.virtual.refusals import ATTEMPTS

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.image, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout's worth of files with a local cloud of its own; the image is this checkout's."""
    folder = tmp_path_factory.mktemp("workplace")
    for name in ("tenants", "jobs"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("cdktf.json", "checkov-exceptions.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / ".bulkhead").mkdir()
    shutil.copy(ROOT / ".bulkhead" / "terraform.json", folder / ".bulkhead")
    yield folder
    run(folder, "local", "down")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "operations", *arguments]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False, timeout=2900)


@pytest.fixture(scope="module")
def outcome(workplace: Path) -> dict[str, Any]:
    done = run(workplace, "image", "demo", "--json")
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_each_tenant_s_node_trained_and_went_off(outcome: dict[str, Any]) -> None:
    trained = {entry["tenant"]: entry for entry in outcome["trained"]}
    assert set(trained) == {"acme", "globex"}
    for tenant, entry in trained.items():
        assert entry["checkpoint"].startswith(f"s3://bh-{tenant}-checkpoint/")
        assert entry["model"].startswith(f"s3://bh-{tenant}-model/")
        assert entry["metrics"]["accuracy"] > 0.8
        seconds = entry["seconds"]
        assert 0 < seconds["evidence"] < seconds["first training step"] < seconds["power off"]


def test_the_worker_was_confined_by_its_unit(outcome: dict[str, Any]) -> None:
    for entry in outcome["trained"]:
        assert entry["sandbox"]["kind"] == "unit"
        assert {"ipc", "mnt", "net", "pid", "user"} <= set(entry["sandbox"]["namespaces"])
        assert entry["sandbox"]["landlock_abi"] >= 6
        assert entry["sandbox"]["seccomp_instructions"] > 100


@pytest.mark.parametrize("attempt", [*(attempt.__name__.replace("_", "-") for attempt in ATTEMPTS), "retired-build"])
def test_each_attempt_was_refused_in_words(outcome: dict[str, Any], attempt: str) -> None:
    (found,) = [entry for entry in outcome["refusals"] if entry["id"] == attempt]
    assert found["refused"], found
    assert all(len(words) > 10 for words in found["words"])
