"""`bulkhead image`: exit codes and JSON, as a user meets them, without building."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from images import reference as references
from images.workspace import Workspace
from operations.cli import build as application
from operations.errors import CommandError

DATA = Path(__file__).parent / "data"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command in an empty workspace whose signing key signed the recorded reference values."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    class Key:
        def public_key(self):
            return load_pem_public_key((DATA / "reference-key.pub").read_bytes())

    monkeypatch.setattr("images.workspace.Workspace", lambda: Workspace(tmp_path / "images"))
    monkeypatch.setattr(references, "signing_key", lambda _workspace: Key())

    def call(*arguments):
        result = CliRunner().invoke(application(), ["image", *arguments])
        if isinstance(result.exception, CommandError):
            return int(result.exception.code), str(result.exception)
        return result.exit_code, result.stdout

    return call


RECORDED = ("verify", str(DATA / "boot.json"), "--reference", str(DATA / "reference.json"))


def test_a_good_boot_exits_0_with_one_json_document(run):
    code, out = run(*RECORDED, "--json")
    assert code == 0
    assert json.loads(out)["verdict"] == "accepted"


def test_a_boot_of_a_withdrawn_version_exits_1(run):
    code, out = run(*RECORDED, "--minimum-version", "99", "--json")
    assert code == 1
    assert json.loads(out)["verdict"] == "rejected"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"nonce": "zz", "attestation_key": "", "evidence": {}}'])
def test_a_file_that_is_no_boot_exits_2(run, tmp_path, content):
    (tmp_path / "boot").write_text(content)
    code, message = run("verify", str(tmp_path / "boot"), "--reference", str(DATA / "reference.json"))
    assert (code, "not a saved boot" in message) == (2, True)


def test_reference_values_signed_by_a_stranger_exit_2(run, monkeypatch):
    from cryptography.hazmat.primitives.asymmetric import ec

    monkeypatch.setattr(references, "signing_key", lambda _workspace: ec.generate_private_key(ec.SECP256R1()))
    code, message = run(*RECORDED)
    assert (code, "trusted" in message) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("measure",), "image build"),
        (("boot",), "image build"),
        (("reproduce",), "image build"),
        (("boot", "--profile", "gpu"), "takes cpu"),
        (("build", "--profile", "tpu"), "takes cpu, gpu, oci"),
        (("build", "--profile", "oci", "--accept-newer"), "carries no mark"),
        (("build", "--update-lock", "--accept-newer"), "give one of them"),
        (("publish", "--cloud", "aws", "--no-dry-run"), "dry run"),
    ],
)
def test_what_cannot_be_done_exits_2_and_says_the_way_out(run, arguments, says):
    code, message = run(*arguments)
    assert (code, says in message) == (2, True)


def test_checking_the_configuration_exits_0(run):
    code, out = run("check", "--profile", "gpu", "--json")
    assert (code, json.loads(out)) == (0, {"profile": "gpu", "findings": []})
