"""A checkout without set-up: what needs Terraform says so before any of its steps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.cli import build
from operations.errors import CommandError, Exit
from operations.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with tenants and nothing prepared."""
    shutil.copytree(ROOT / "tenants", tmp_path / "tenants")
    shutil.copy(ROOT / "cdktf.json", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("profile", ["local", "cloud"])
@pytest.mark.parametrize("command", [["deploy"], ["deploy", "--dry-run"], ["plan"], ["destroy", "--yes"]], ids=" ".join)
def test_missing_settings_of_terraform_are_said_before_anything_is_done(
    checkout: Path, command: list[str], profile: str
) -> None:
    done = CliRunner().invoke(build(), [*command, "--profile", profile])
    assert isinstance(done.exception, CommandError), done.exception
    assert done.exception.code is Exit.BAD_INPUT
    assert "terraform.json: Terraform's settings cannot be read" in str(done.exception)
    assert "make setup" in str(done.exception)
    assert "Synthesise" not in done.output
    assert not (checkout / "out").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"program": 1, "config": 2}', "not JSON"])
def test_damaged_settings_are_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / ".bulkhead").mkdir()
    (tmp_path / ".bulkhead" / "terraform.json").write_text(text)
    with pytest.raises(CommandError, match="settings cannot be read"):
        Workspace(tmp_path).terraform()


def test_settings_that_name_a_program_that_is_gone_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".bulkhead").mkdir()
    program, config = tmp_path / "terraform", tmp_path / "terraform.rc"
    described = json.dumps({"program": str(program), "config": str(config)})
    (tmp_path / ".bulkhead" / "terraform.json").write_text(described)
    program.write_text("")
    with pytest.raises(CommandError, match=r"terraform\.rc, which is not there"):
        Workspace(tmp_path).terraform()
    config.write_text("")
    assert Workspace(tmp_path).terraform() == (program, config)
