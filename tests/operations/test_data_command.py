"""`bulkhead data`: what its options become, and what it refuses before anything is sealed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.cli import build
from operations.cmd_data import classes, decoding
from operations.cmd_train import bar
from operations.errors import CommandError, Exit
from operations.fleets import open_fleet, selected
from operations.training import data_set
from trainer.recipes.bundle import pack

TENANTS = Path(__file__).parents[2] / "tenants"
SEAL = ["data", "seal", "acme", "biopsies", "--kind", "bundled", "--name", "breast-cancer", "--dry-run"]


def test_format_and_classes_reach_the_seal_document() -> None:
    run = CliRunner().invoke(build(), [*SEAL, "--format", "parquet", "--sensitive", "target=restricted"])
    assert run.exit_code == 0, run.output
    document = json.loads(run.stdout)
    assert (document["format"], document["classes"]) == ("parquet", {"target": "restricted"})
    document = json.loads(CliRunner().invoke(build(), SEAL).stdout)
    assert (document["format"], document["classes"]) == ("shards", {})


def test_pictures_and_tokens_reach_the_seal_document() -> None:
    pictures = ["data", "seal", "globex", "digits", "--kind", "images", "--path", "x.tar", "--dry-run"]
    decode = ["--image-size", "48x64", "--grey", "--label", "cls"]
    source = json.loads(CliRunner().invoke(build(), [*pictures, *decode]).stdout)["source"]
    assert source["decode"] == {"size": [48, 64], "channels": 1, "label": "cls"}
    assert json.loads(CliRunner().invoke(build(), pictures).stdout)["source"]["decode"] is None
    tokens = [word.replace("images", "tokens") for word in pictures] + ["--dtype", "uint32"]
    assert json.loads(CliRunner().invoke(build(), tokens).stdout)["source"]["dtype"] == "uint32"
    for command, wrong in ((tokens, ["--dtype", "int8"]), (pictures, ["--image-size", "9000"])):
        refused = CliRunner().invoke(build(), [*command, *wrong]).exception
        assert isinstance(refused, CommandError)
        assert refused.code == Exit.BAD_INPUT


@pytest.mark.parametrize("size", ["", "x", "64x", "64x64x3", "-1", "big", "٣"])
def test_what_is_no_size_is_refused(size: str) -> None:
    assert decoding("64", "auto", grey=False) == {"size": [64, 64], "channels": 3, "label": "auto"}
    with pytest.raises(CommandError, match="HEIGHTxWIDTH"):
        decoding(size, "auto", grey=False)


def test_options_for_pictures_without_a_size_are_refused() -> None:
    assert decoding(None, "auto", grey=False) is None
    for label, grey in (("cls", False), ("auto", True)):
        with pytest.raises(CommandError, match="--image-size"):
            decoding(None, label, grey=grey)


@pytest.mark.parametrize("text", ["target=unheard-of", "target", "=restricted"])
def test_what_names_no_class_is_refused(text: str) -> None:
    fleet = open_fleet(TENANTS)
    (tenant,) = selected(fleet, "acme")
    with pytest.raises(CommandError, match="COLUMN=CLASS"):
        classes(fleet, data_set(tenant, "biopsies"), [text])


def test_a_class_that_may_not_be_kept_as_long_is_refused() -> None:
    fleet = open_fleet(TENANTS)
    (tenant,) = selected(fleet, "acme")
    described = data_set(tenant, "biopsies")
    assert classes(fleet, described, ["target=restricted"]) == {"target": "restricted"}
    longest = fleet.platform.sensitivity_classes["restricted"].max_retention_days
    longer = described.model_copy(update={"retention_days": longest + 1})
    with pytest.raises(CommandError, match=f"at most {longest} days"):
        classes(fleet, longer, ["target=restricted"])


def test_a_bundle_is_packed_and_measured(tmp_path: Path) -> None:
    run = CliRunner().invoke(build(), ["bundle", "acme", str(tmp_path), "--dry-run", "--json"])
    assert run.exit_code != 0, "a folder without recipe.py is no bundle"
    (tmp_path / "recipe.py").write_text("pass\n")
    run = CliRunner().invoke(build(), ["bundle", "acme", str(tmp_path), "--dry-run", "--json"])
    assert run.exit_code == 0, run.output
    recipe = json.loads(run.stdout)["recipe"]
    assert recipe["bundle_digest"] == hashlib.sha256(pack(tmp_path)).hexdigest()


def test_rekeying_is_the_same_job_with_another_end() -> None:
    run = CliRunner().invoke(build(), ["rekey", str(TENANTS.parent / "jobs/acme-biopsies.yaml"), "--dry-run"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["action"] == "rekey"


def test_progress_is_a_bar() -> None:
    assert bar(0, 200) == "░" * 20 + " 0/200"
    assert bar(100, 200) == "█" * 10 + "░" * 10 + " 100/200"
    assert bar(250, 200) == "█" * 20 + " 250/200"
