"""`bulkhead tenants`: exit codes, JSON, and that nothing is left behind by a failure."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "tenants", tmp_path / "tenants")
    shutil.copytree(ROOT / "tenancy" / "schemas", tmp_path / "tenancy" / "schemas")
    return tmp_path / "tenants"


def bulkhead(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "operations", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_validate_says_who_is_there(folder: Path) -> None:
    done = bulkhead("tenants", "validate", "--fleet", str(folder))
    assert done.returncode == 0
    assert "acme, globex" in done.stdout


def test_validate_lists_problems_and_exits_2(folder: Path) -> None:
    (folder / "globex.yaml").write_text("id: globex\nnetwork:\n  cidr: 10.20.0.0/20\n")
    done = bulkhead("tenants", "validate", "--fleet", str(folder))
    assert done.returncode == 2
    assert "globex.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    as_json = bulkhead("tenants", "validate", "--fleet", str(folder), "--json")
    assert as_json.returncode == 2
    report = json.loads(as_json.stdout)
    assert report["valid"] is False
    assert {"file", "line", "field", "value", "message", "way_out"} == set(report["problems"][0])


def test_new_makes_a_valid_file_once(folder: Path) -> None:
    assert bulkhead("tenants", "new", "initech", "--fleet", str(folder)).returncode == 0
    assert bulkhead("tenants", "validate", "--fleet", str(folder)).returncode == 0
    again = bulkhead("tenants", "new", "initech", "--fleet", str(folder))
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_new_with_a_bad_name_leaves_nothing(folder: Path) -> None:
    done = bulkhead("tenants", "new", "Not_A_Name", "--fleet", str(folder))
    assert done.returncode == 2
    assert not (folder / "Not_A_Name.yaml").exists()


def test_list_as_json_is_one_document(folder: Path) -> None:
    done = bulkhead("tenants", "list", "--json", "--fleet", str(folder))
    assert [tenant["id"] for tenant in json.loads(done.stdout)["tenants"]] == ["acme", "globex"]
