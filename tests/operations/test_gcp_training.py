"""A tenant on Google Cloud, from its file to an exported model: the real stacks, loaded as if applied."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.gcp import control
from operations import gcp_local, gcp_training, training
from operations.errors import CommandError
from operations.workspace import Workspace
from stacks.app import synthesise
from tests.stacks.google import mixed_fleet
from trainer.errors import TrainerError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
JOB = ROOT / "jobs" / "initech-claims.yaml"


@pytest.fixture(scope="module")
def fleet():
    return mixed_fleet()


@pytest.fixture(scope="module")
def place(fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    ws = Workspace(tmp_path_factory.mktemp("gcp"))
    infos = synthesise(fleet, "local", ["initech"], ws.root / "synth", "http://127.0.0.1:1")
    stacks = {i.name: ws.root / "synth" / "stacks" / i.name / "cdk.tf.json" for i in infos if i.cloud == "gcp"}
    gcp_local.load(ws, fleet, stacks)
    yield ws
    control.down(gcp_local.places(ws))


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.setattr(training, "workspace", lambda: place)


@pytest.fixture(scope="module")
def sealed(fleet, place):
    tenant = fleet.tenant("initech")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "workspace", lambda: place)
        document = training.seal_document(fleet, tenant, "claims", "v1", {"kind": "bundled", "name": "wine"})
        spec = training.seal_spec(document)
        assert not training.is_sealed(None, fleet, tenant, spec)
        result = training.seal(None, fleet, tenant, spec, None)
        assert training.is_sealed(None, fleet, tenant, spec)
    return spec, result


def decisions(place: Workspace) -> list[dict]:
    return [json.loads(line) for line in gcp_local.places(place).decisions.read_text().splitlines()]


def run(fleet, **changes):
    job = training.read_job(JOB) | changes
    events: list[tuple[str, dict]] = []
    result = training.train(
        None, fleet, fleet.tenant("initech"), job, lambda name, values: events.append((name, values))
    )
    return result, events


def test_nothing_of_the_configuration_is_left_aside(place):
    assert gcp_local.running(place).status["not_modelled"] == {}
    assert "nothing was applied by Terraform" in gcp_local.running(place).status["state"]


def test_it_trains_resumes_and_exports(fleet, place, sealed):
    assert sealed[1].rows == 178
    result, events = run(fleet)
    assert result["step"] == 200
    assert result["metrics"]["accuracy"] > 0.8
    assert result["model"] == "gs://bh-initech-model/claims-2026-11/claims/manifest.json"
    assert {"data-open", "worker", "checkpoint", "model"} <= {name for name, _ in events}
    again, events = run(fleet, training={"steps": 250, "batch_size": 32, "checkpoint_every": 100})
    assert again["resumed_from"] == 200
    assert again["step"] == 250
    # Keys were used by the attested identity only, objects by the machine's account only.
    used = {
        (line["action"], line["caller"].partition("/subject/")[0])
        for line in decisions(place)
        if line["decision"] == "allowed"
        and line["action"].startswith("cloudkms.")
        and "gs-project" not in line["caller"]
    }
    pool = (
        f"principal://iam.googleapis.com/{gcp_training.place(fleet, fleet.tenant('initech'), local=True)['provider']}"
    )
    pool = pool.partition("/providers/")[0]
    assert used == {
        ("cloudkms.cryptoKeyVersions.useToEncrypt", pool),
        ("cloudkms.cryptoKeyVersions.useToDecrypt", pool),
        (
            "cloudkms.cryptoKeyVersions.useToEncrypt",
            "serviceAccount:initech-data-owner@bh-initech.iam.gserviceaccount.com",
        ),
    }


def test_nothing_was_refused_on_the_way(place, sealed):
    assert [line for line in decisions(place) if line["decision"] == "denied"] == []


def test_no_plaintext_of_the_training_data_lies_in_the_buckets(place, sealed):
    from sklearn.datasets import load_wine

    column = load_wine().data[:16, 0].astype("<f4").tobytes()
    bodies = [path.read_bytes() for path in gcp_local.places(place).objects.glob("*.body")]
    assert len(bodies) > 10
    assert not any(column in body for body in bodies)


def test_a_machine_with_another_image_gets_no_key(fleet, place, sealed, monkeypatch):
    real = gcp_local.GcpCloud.machine
    other = "sha256:" + "0d" * 32
    monkeypatch.setattr(gcp_local.GcpCloud, "machine", lambda self, project: real(self, project, image_digest=other))
    with pytest.raises(CommandError, match="rejected by the attribute condition"):
        run(fleet, run="other-image")


def test_only_the_group_of_data_owners_seals(fleet, place, sealed, monkeypatch):
    real = gcp_local.GcpCloud.user
    monkeypatch.setattr(gcp_local.GcpCloud, "user", lambda self, address, groups: real(self, address, ["x@y.example"]))
    with pytest.raises(CommandError, match="getAccessToken"):
        training.is_sealed(None, fleet, fleet.tenant("initech"), sealed[0])


def test_the_data_owner_cannot_open_what_it_sealed(fleet, place, sealed):
    tenant = fleet.tenant("initech")
    backends = gcp_training.data_owner(gcp_local.running(place), fleet, tenant, sealed[0].ledger_url)
    context = {"tenant": "initech", "dataset": "claims", "class": "confidential", "purpose": "training"}
    key = fleet.gcp_names(tenant).key(tenant.region, "data")
    made = backends.keys.generate(key, context)
    with pytest.raises(TrainerError, match="useToDecrypt"):
        backends.keys.unwrap(key, made.wrapped, context)
