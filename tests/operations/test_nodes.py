"""What a process node measures is what was predicted for it, and every change shows in the register that is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from operations.local import LocalCloud
from operations.nodes import process, refusals
from operations.nodes.measurement import CHECKOUT, CODE, COMMAND_LINE, CONFIGURATION, Extend, measure, registers
from tenancy.fleet import load
from trainer.attest.hosted import HostedTpm

CLOUD = LocalCloud({"networks": {"acme": {"endpoint": "http://127.0.0.1:1"}}, "region": "us-east-1"}, "")


def changed_registers(left: tuple[Extend, ...], right: tuple[Extend, ...]) -> set[int]:
    before, after = registers(left, "sha384"), registers(right, "sha384")
    return {index for index in before.keys() | after.keys() if before.get(index) != after.get(index)}


@pytest.mark.e2e
def test_the_prediction_is_what_the_tpm_quotes(tmp_path: Path) -> None:
    chip = process.manufacture(tmp_path)
    extends = (*measure(CHECKOUT, process.ARGUMENTS), Extend(14, "the job", b"{}"))
    tenant = load(CHECKOUT / "tenants").tenant("acme")
    for _ in range(2):  # a second boot of the same machine starts from zeros again
        with process.booted(CLOUD, tenant, chip, "i-0123456789abcdef0", extends) as node:
            quoted = HostedTpm("http://127.0.0.1:1", node.machine, tcti=node.environment["TPM2TOOLS_TCTI"]).quote(b"n")
        held = {index: value for index, value in quoted["pcrs"]["sha384"].items() if int(value, 16)}
        predicted = registers(extends, "sha384")
        assert {int(index): held[index] for index in ("4", "7", "12", "14")} == predicted
    with process.booted(CLOUD, tenant, chip, "i-0123456789abcdef0", measure(CHECKOUT, ("-m", "other"))) as node:
        other = HostedTpm("http://127.0.0.1:1", node.machine, tcti=node.environment["TPM2TOOLS_TCTI"]).quote(b"n")
    assert other["pcrs"]["sha384"]["12"] != quoted["pcrs"]["sha384"]["12"]
    assert other["pcrs"]["sha384"]["4"] == quoted["pcrs"]["sha384"]["4"]


def test_the_command_line_shows_in_its_own_register() -> None:
    ordinary = measure(CHECKOUT, process.ARGUMENTS)
    assert changed_registers(ordinary, measure(CHECKOUT, (*process.ARGUMENTS, "--metrics", "x"))) == {COMMAND_LINE}
    # Where an argument ends counts as well.
    assert changed_registers(measure(CHECKOUT, ("a b",)), measure(CHECKOUT, ("a", "b"))) == {COMMAND_LINE}


def test_installed_packages_show_in_their_own_register(monkeypatch: pytest.MonkeyPatch) -> None:
    before = measure(CHECKOUT, process.ARGUMENTS)
    monkeypatch.setattr("importlib.metadata.distributions", lambda: iter(()))
    assert changed_registers(before, measure(CHECKOUT, process.ARGUMENTS)) == {CONFIGURATION}


@pytest.mark.parametrize("change", ["byte", "new", "gone", "renamed", "attestation"])
def test_every_change_of_a_file_shows_in_the_codes_register(tmp_path: Path, change: str) -> None:
    for package in ("trainer", "attestation"):
        shutil.copytree(CHECKOUT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    before = measure(tmp_path, process.ARGUMENTS)
    assert changed_registers(before, measure(CHECKOUT, process.ARGUMENTS)) == set()
    module = tmp_path / ("attestation/roots.py" if change == "attestation" else "trainer/errors.py")
    if change == "new":
        (tmp_path / "trainer" / "extra.py").write_text("")
    elif change == "gone":
        module.unlink()
    elif change == "renamed":
        module.rename(module.with_name("failures.py"))
    else:
        content = bytearray(module.read_bytes())
        content[0] ^= 1
        module.write_bytes(content)
    assert changed_registers(before, measure(tmp_path, process.ARGUMENTS)) == {CODE}


def test_a_nodes_environment_holds_no_credentials() -> None:
    names = set(process.environment(CLOUD, "http://127.0.0.1:1", "i-1"))
    assert not names & {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"}
    assert "AWS_EC2_METADATA_DISABLED" not in names


def test_a_ledger_that_is_not_there_refused_nothing(tmp_path: Path) -> None:
    assert refusals.size(tmp_path, "acme") == 0
    assert refusals.reasons_since(tmp_path, "acme", 0) == []
