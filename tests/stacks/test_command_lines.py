"""`cdktn` and `cdktf`, as package.json brings them, deploy the app that cdktf.json names to the local cloud."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from localcloud import control
from localcloud.places import Places
from operations.errors import CommandError
from operations.workspace import workspace
from tenancy import fleet as fleets

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("command-lines")]

COMMAND_LINES = Path("node_modules/.bin").absolute()


@pytest.fixture
def environment(tmp_path):
    """A local cloud of the test's own, and what the command lines need to find it, the app and the provider."""
    platform = fleets.load(Path("tenants")).platform
    places = Places(tmp_path / "cloud")
    status = control.up(places, platform.organisation.email("management"), platform.home_region)
    manager = status["accounts"]["management"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BULKHEAD_", "CDKTF_"))}
    yield {
        **kept,
        **terraform_configuration(),
        "AWS_ACCESS_KEY_ID": manager["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": manager["secret_access_key"],
        "BULKHEAD_LOCAL_ENDPOINT": status["endpoint"],
        "BULKHEAD_STATE_DIR": str(tmp_path / "state"),
        "BULKHEAD_TENANTS": "acme",
        "CHECKPOINT_DISABLE": "1",
        "CI": "1",
    }
    control.down(places)


def terraform_configuration():
    """The program and the CLI configuration that set-up has found; what the environment names, before set-up."""
    try:
        program, configuration = workspace().terraform()
    except CommandError:
        return {}
    return {"TERRAFORM_BINARY_NAME": str(program), "TF_CLI_CONFIG_FILE": str(configuration)}


def deploy(tool, environment, out_dir):
    command = [COMMAND_LINES / tool, "deploy", "organisation", "--auto-approve", "--skip-provider-lock"]
    arguments = ["--output", str(out_dir), "--outputs-file", str(out_dir / "outputs.json")]
    done = subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, timeout=1000, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout, json.loads((out_dir / "outputs.json").read_text())["organisation"]


def test_one_deploys_and_the_other_finds_nothing_to_change(environment, tmp_path):
    out_dir = tmp_path / "out"
    shown, outputs = deploy("cdktn", environment, out_dir)
    assert "Resources: 19 added, 0 changed, 0 destroyed" in shown
    assert set(outputs["account_ids"]) == {"acme", "audit", "globex"}
    assert {path.name for path in (out_dir / "stacks").iterdir()} == {
        "organisation",
        "audit",
        "acme-vault",
        "acme-perimeter",
        "acme-compute",
    }
    shown, again = deploy("cdktf", environment, out_dir)
    assert "Creating..." not in shown
    assert again == outputs


def test_a_bad_tenant_file_stops_the_command_line(environment, tmp_path):
    folder = tmp_path / "tenants"
    folder.mkdir()
    (folder / "platform.yaml").write_text("name: bh\n")
    command = [COMMAND_LINES / "cdktn", "synth", "--output", str(tmp_path / "out")]
    done = subprocess.run(
        command,
        env={**environment, "BULKHEAD_FLEET": str(folder)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode != 0
    assert "platform.yaml" in done.stdout + done.stderr
    assert not list((tmp_path / "out").rglob("cdk.tf.json"))
