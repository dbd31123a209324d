"""The main job, end to end: a deploy that is killed, run again, trained on, attacked, scanned, and run once more."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout's worth of files with a local cloud of its own."""
    folder = tmp_path_factory.mktemp("workplace")
    for name in ("tenants", "jobs"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("cdktf.json", "checkov-exceptions.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / ".bulkhead").mkdir()
    shutil.copy(ROOT / ".bulkhead" / "terraform.json", folder / ".bulkhead")
    yield folder
    bulkhead(folder, "local", "down")


def bulkhead(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), cwd=folder, capture_output=True, text=True, check=False, timeout=1400)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "operations", *arguments]


def resources_made(folder: Path) -> int:
    """How many resources the tenants' first stacks hold; a state file that is being written counts as empty."""
    made = 0
    for state in (folder / ".bulkhead" / "state").glob("*-vault.tfstate"):
        with contextlib.suppress(ValueError):
            made += len(json.loads(state.read_text())["resources"])
    return made


@pytest.fixture(scope="module")
def after_demo(workplace: Path) -> subprocess.CompletedProcess[str]:
    """The demo's outcome, after a deploy before it was killed while it made the tenants' keys and buckets."""
    assert bulkhead(workplace, "local", "up").returncode == 0
    with subprocess.Popen(
        command("deploy"), cwd=workplace, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as killed:
        deadline = time.monotonic() + 600
        while resources_made(workplace) < 10 and killed.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        assert killed.poll() is None, "the deploy ended before it could be killed"
        os.killpg(killed.pid, signal.SIGKILL)
    return bulkhead(workplace, "demo")


def test_a_killed_deploy_is_run_again_and_the_demo_ends_with_a_report(
    workplace: Path, after_demo: subprocess.CompletedProcess[str]
) -> None:
    assert after_demo.returncode == 0, after_demo.stderr[-4000:]
    report = Path(after_demo.stdout.strip().splitlines()[-1])
    assert report == workplace / "out" / "report" / "index.html"
    text = report.read_text()
    assert "test double" in text
    assert "acme" in text
    assert "globex" in text


@pytest.mark.usefixtures("after_demo")
def test_every_attempt_was_refused_and_says_by_what(workplace: Path) -> None:
    outcomes = json.loads((workplace / "out" / "attacks.json").read_text())
    assert len(outcomes) >= 40
    assert [outcome for outcome in outcomes if outcome["result"] != "refused"] == []
    assert [outcome for outcome in outcomes if not outcome["refusedBy"]] == []


@pytest.mark.usefixtures("after_demo")
def test_the_attempts_on_attested_keys_say_what_differed(workplace: Path) -> None:
    outcomes = {o["id"]: o["refusedBy"] for o in json.loads((workplace / "out" / "attacks.json").read_text())}
    for attempt, words in {
        "attest-01": "carries no attestation document",
        "attest-02": "OrganizationAccountAccessRole is not a principal of globex",
        "attest-03": "carries no attestation document",
        "attest-06": "used already",
        "attest-07": "PCR 12 (the command line",
        "attest-08": "process-node v1, which is retired",
        "attest-09": "PCR 4 (boot loader and kernel; on a process node the trainer's files)",
    }.items():
        assert words in outcomes[attempt], outcomes[attempt]


@pytest.mark.usefixtures("after_demo")
@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_every_release_is_in_the_tenants_ledger_and_can_be_proven(workplace: Path, tenant: str, tmp_path: Path) -> None:
    listed = bulkhead(workplace, "ledger", "list", "--tenant", tenant, "--json")
    entries = json.loads(listed.stdout)["entries"]
    released = [e for e in entries if e["decision"] == "allowed" and e["evidence_sha256"]]
    assert {(e["operation"], e["purpose"]) for e in released} >= {
        ("kms:Decrypt", "data"),
        ("kms:GenerateDataKey", "checkpoint"),
        ("kms:GenerateDataKey", "export"),
    }
    assert all(e["reference_set"] == "process-node v2" and e["nonce"] and e["policy_version"] for e in released)
    unattested = {(e["operation"], e["purpose"]) for e in entries if e["decision"] == "allowed"} - {
        (e["operation"], e["purpose"]) for e in released
    }
    assert unattested == {("kms:GenerateDataKey", "data")}, "only the data owner, who seals"
    assert bulkhead(workplace, "ledger", "verify", "--tenant", tenant).returncode == 0
    proof = tmp_path / "proof.json"
    proof.write_text(bulkhead(workplace, "ledger", "prove", "--tenant", tenant, "--entry", "1").stdout)
    alone = [sys.executable, str(ROOT / "attestation" / "ledger" / "verify_ledger.py")]
    key = str(workplace / ".bulkhead" / "local" / "ledger" / "head-key.pem")
    for subject in (("--proof", str(proof)), ("--ledger", str(workplace / ".bulkhead" / "local" / "ledger" / tenant))):
        done = subprocess.run([*alone, "--key", key, *subject], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "holds\n"), done.stdout + done.stderr


@pytest.mark.usefixtures("after_demo")
def test_the_scan_finds_the_keys_bound_to_measurements(workplace: Path) -> None:
    results = json.loads((workplace / "out" / "report" / "results.json").read_text())["results"]
    attested = [entry for entry in results if entry["rule"] == "keys.attested-use"]
    assert {entry["status"] for entry in attested} == {"pass"}
    assert len(attested) >= 2 * 2


CHANGED_TRAINER = """
import shutil, sys
from pathlib import Path
from operations import training
from operations.errors import CommandError
from operations.fleets import open_fleet
from operations.local import running
from operations.nodes.measurement import CHECKOUT
from operations.workspace import workspace
root = Path(sys.argv[1])
for package in ("trainer", "attestation"):
    shutil.copytree(CHECKOUT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
module = root / "trainer" / "agent" / "session.py"
module.write_bytes(module.read_bytes() + b"\\n")
fleet, job = open_fleet(Path("tenants")), training.read_job(Path("jobs/acme-biopsies.yaml"))
try:
    training.train(running(workspace()), fleet, fleet.tenant("acme"), job, lambda *_: None, root)
except CommandError as error:
    sys.exit(str(error))
"""


@pytest.mark.usefixtures("after_demo")
def test_a_changed_trainer_is_refused_its_keys_in_words(workplace: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(CHANGED_TRAINER)
    (tmp_path / "root").mkdir()
    command_line = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "root")]
    done = subprocess.run(command_line, cwd=workplace, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 1, done.stderr
    assert "KMS refused decrypt (AccessDeniedException)" in done.stderr
    assert "PCR 4 (boot loader and kernel; on a process node the trainer's files) differs" in done.stderr


ROTATION = """
import json
from pathlib import Path
from operations import training
from operations.fleets import open_fleet
from operations.local import running
from operations.workspace import workspace
from trainer.errors import TrainerError
from trainer.ingest.rotate import rotate_data_set
fleet = open_fleet(Path("tenants"))
tenant = fleet.tenant("acme")
source = {"kind": "bundled", "name": "breast-cancer"}
spec = training.seal_spec(training.seal_document(fleet, tenant, "biopsies", "v1", source))
owner = training._data_owner(running(workspace()), fleet, tenant, spec)
result = rotate_data_set(owner, "acme", "biopsies", "v1", spec.url)
try:
    rotate_data_set(owner, "acme", "biopsies", "v1", spec.url, fresh=True)
except TrainerError as error:
    print(json.dumps({"rotated": result.data_set_keys, "fresh": str(error)}))
"""


@pytest.mark.usefixtures("after_demo")
def test_the_data_owner_rotates_under_the_deployed_policies_and_training_goes_on(
    workplace: Path, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(ROTATION)
    command_line = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command_line, cwd=workplace, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    assert said["rotated"] == 1
    assert "KMS refused decrypt (AccessDeniedException)" in said["fresh"]
    again = bulkhead(workplace, "train", "jobs/acme-biopsies.yaml", "--json")
    assert again.returncode == 0, again.stderr[-2000:]


@pytest.mark.usefixtures("after_demo")
def test_two_nodes_train_together_and_judge_each_others_measurements(workplace: Path) -> None:
    document = yaml.safe_load((workplace / "jobs" / "acme-biopsies.yaml").read_text())
    document |= {"run": "two-nodes", "nodes": {"count": 2, "attested": True}}
    document["training"] |= {"steps": 10, "checkpoint_every": 5}
    (workplace / "two-nodes.yaml").write_text(yaml.safe_dump(document))
    done = bulkhead(workplace, "train", "two-nodes.yaml", "--json")
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["nodes"]["attested"] == [0, 1]
    assert result["sandbox"]["network"] == "the job's own peers"
    assert result["step"] == 10


@pytest.mark.usefixtures("after_demo")
def test_what_is_deployed_is_proved_for_every_pair_and_path(workplace: Path) -> None:
    proof = json.loads((workplace / "out" / "proof" / "proof.json").read_text())
    verdicts = {(pair["from"], pair["to"], pair["path"]): pair["verdict"] for pair in proof["pairs"]}
    tenants = {"acme", "globex", "initech"}
    paths = {"data", "key", "network", "snapshot", "image", "log", "role"}
    assert set(verdicts) == {(a, b, path) for a in tenants for b in tenants - {a} for path in paths}
    assert {key: verdict for key, verdict in verdicts.items() if verdict != "proved"} == {}
    assert proof["summary"] == {"proved": 3 * 2 * 7, "violated": 0, "undecided": 0, "indeterminate": 0}


@pytest.mark.usefixtures("after_demo")
def test_no_rule_about_the_tenant_on_google_cloud_fails_or_is_open(workplace: Path) -> None:
    results = json.loads((workplace / "out" / "report" / "results.json").read_text())["results"]
    about = {(result["rule"], result["status"]) for result in results if result["tenant"] == "initech"}
    # Nothing on Google Cloud was applied by Terraform, so there is no state to compare with.
    about.remove(("coverage.gcp-reconciled", "not-applicable"))
    assert {status for _rule, status in about} == {"pass"}
    assert len(about) >= 50


@pytest.mark.usefixtures("after_demo")
def test_a_second_deploy_changes_nothing(workplace: Path) -> None:
    again = bulkhead(workplace, "deploy", "--json")
    assert again.returncode == 0, again.stderr[-4000:]
    assert {tuple(change.values()) for change in json.loads(again.stdout)["stacks"].values()} == {(0, 0, 0)}


@pytest.mark.usefixtures("after_demo")
def test_no_plaintext_of_the_training_data_lies_in_the_buckets(workplace: Path) -> None:
    # What a sealed column or image would look like if it were not encrypted: its values as they lie in memory.
    blobs = list((workplace / ".bulkhead" / "local" / "state" / "blobs").iterdir())
    assert blobs
    import numpy as np
    from sklearn.datasets import load_breast_cancer, load_digits

    column = load_breast_cancer().data[:16, 0].astype("<f4").tobytes()
    image = (load_digits().images[0] / 16.0).astype("<f4").tobytes()
    for blob in blobs:
        content = blob.read_bytes()
        assert column not in content
        assert np.ascontiguousarray(image).tobytes() not in content


@pytest.mark.usefixtures("after_demo")
def test_the_clouds_state_survives_a_restart(workplace: Path) -> None:
    before = json.loads(bulkhead(workplace, "local", "status", "--json").stdout)
    assert bulkhead(workplace, "local", "down").returncode == 0
    assert bulkhead(workplace, "local", "up").returncode == 0
    after = json.loads(bulkhead(workplace, "local", "status", "--json").stdout)
    assert after["accounts"] == before["accounts"]
    assert after["networks"] == before["networks"]


@pytest.mark.usefixtures("after_demo")
def test_destroy_loses_no_data_and_destroys_nothing_where_it_would(workplace: Path) -> None:
    refused = bulkhead(workplace, "destroy", "--yes")
    assert refused.returncode == 1
    assert "bh-acme-data" in refused.stderr
    assert "nothing was destroyed" in refused.stderr
    unasked = bulkhead(workplace, "destroy")
    assert unasked.returncode == 2
    assert "--dry-run" in unasked.stderr


@pytest.mark.usefixtures("after_demo")
def test_a_plan_that_opens_a_lock_is_not_deployed(workplace: Path, tmp_path: Path) -> None:
    """An endpoint policy that lets everyone in: what is left is one lock fewer, and the deploy refuses."""
    opened = """
import modules.policy.endpoints as endpoints
from modules.policy.scope import document
endpoints.endpoint_policy = lambda scope, service: document(
    {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
)
from operations.cli import main
main()
"""
    script = tmp_path / "opened.py"
    script.write_text(opened)
    done = subprocess.run(
        [sys.executable, str(script), "deploy"], cwd=workplace, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 1
    assert "proofs are broken" in done.stderr
    assert "Traceback" not in done.stderr
