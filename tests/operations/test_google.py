"""Stacks on Google Cloud where its provider is not to be had: checked, then one sentence, and nothing is changed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from operations import cmd_tenants, google
from operations import deploy as deployment
from operations.errors import CommandError, Exit
from operations.fleets import open_fleet
from operations.terraform import TerraformError
from operations.workspace import Workspace
from stacks.plan import StackInfo

AWS = StackInfo("acme-vault", Path("a"), (), "acme", "vault")
GCP = StackInfo("initech-vault", Path("i"), (), "initech", "vault", "gcp")
AUDIT = StackInfo("gcp-audit", Path("g"), (), None, "gcp-audit", "gcp")
PLACE = deployment.Site(Workspace(Path()), "cloud", {}, None)
MISSING = (
    "Error: Failed to query available provider packages. Could not retrieve the list of available versions for "
    "provider hashicorp/google: could not connect to registry.terraform.io"
)


@dataclass
class Terraform:
    """What `deployment.terraform` gives, with an answer that the test chooses."""

    says: str | None
    asked: list[str] = field(default_factory=list)

    def find_providers(self) -> None:
        self.asked.append("find_providers")
        if self.says is not None:
            raise TerraformError("initech-vault", "init", [self.says], Path("log"))


def with_answer(monkeypatch: pytest.MonkeyPatch, says: str | None) -> Terraform:
    tool = Terraform(says)
    monkeypatch.setattr(deployment, "terraform", lambda _place, _stack: tool)
    return tool


def test_stacks_are_told_apart_by_their_cloud() -> None:
    assert google.apart([AWS, AUDIT, GCP]) == ([AWS], [AUDIT, GCP])


def test_a_missing_provider_is_said_in_one_sentence_and_is_indeterminate(monkeypatch: pytest.MonkeyPatch) -> None:
    with_answer(monkeypatch, MISSING)
    with pytest.raises(CommandError, match="nothing was changed: deploying needs Terraform's provider") as caught:
        google.require_provider(PLACE, [AWS, AUDIT, GCP])
    assert caught.value.code is Exit.INDETERMINATE
    assert str(caught.value).startswith("2 stacks on Google Cloud synthesised and checked")
    assert "--tenants" in str(caught.value)


def test_another_failure_keeps_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with_answer(monkeypatch, "Error: the disk is full")
    with pytest.raises(TerraformError, match="the disk is full"):
        google.require_provider(PLACE, [GCP])


def test_with_the_provider_there_is_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = with_answer(monkeypatch, None)
    google.require_provider(PLACE, [GCP])
    assert tool.asked == ["find_providers"]


def test_a_condition_that_iam_would_refuse_is_refused_with_its_line(tmp_path: Path) -> None:
    for path in [*Path("tenants").glob("*.yaml"), Path("tenants/google/initech.yaml")]:
        shutil.copy(path, tmp_path)
    open_fleet(tmp_path)
    path = tmp_path / "platform.yaml"
    digests = ", ".join(f"sha256:{number:064x}" for number in range(60))
    text = path.read_text()
    marker = "        description: The CPU trainer as an OCI image for Confidential Space\n"
    assert marker in text
    line = text[: text.index(marker)].count("\n") + 1
    path.write_text(text.replace(marker, f"        also_accepted: [{digests}]\n{marker}"))
    with pytest.raises(CommandError) as caught:
        open_fleet(tmp_path)
    assert caught.value.code is Exit.BAD_INPUT
    place = f"platform.yaml:{line}: clouds.gcp.images.trainer-cpu.also_accepted = 61 digests"
    assert f"{place}: attribute condition of initech" in str(caught.value)
    assert "Take out digests that no machine runs any more" in str(caught.value)
    with pytest.raises(CommandError, match="also_accepted = 61 digests"):
        cmd_tenants.validate(tmp_path)


def test_a_fleet_on_aws_is_not_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = with_answer(monkeypatch, MISSING)
    google.require_provider(PLACE, [AWS])
    assert tool.asked == []
