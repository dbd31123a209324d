"""The whole way on real boto3 clients: seal, train in the strict sandbox, resume, export, read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.support import cancer_columns, cancer_job, seal_cancer, seal_digits
from trainer import agent
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.export.model import load_model
from trainer.job import DataUse, JobSpec, RecipeSpec, TrainingSettings


def test_train_export_and_resume(cloud: Backends) -> None:
    seal_cancer(cloud, "s3://bh-acme-data")
    events: list[tuple[str, dict[str, Any]]] = []
    job = cancer_job(steps=120)
    result = agent.run(job, cloud, lambda name, values: events.append((name, values)))
    assert result.metrics["accuracy"] > 0.9
    assert result.sandbox["kind"] == "strict"
    assert {"data-open", "worker", "progress", "checkpoint", "model"} <= {name for name, _ in events}
    manifest, weights = load_model(cloud, "acme", "r1", "model", "s3://bh-acme-model", "alias/bh/acme/export")
    assert manifest.provenance.data[0].columns == cancer_columns()
    assert weights["enter.weight"].shape == (64, 10)
    assert all(torch.isfinite(weight).all() for weight in weights.values())
    longer = job.model_copy(update={"training": job.training.model_copy(update={"steps": 140})})
    again = agent.run(longer, cloud)
    assert (again.resumed_from, again.step) == (120, 140)


def test_every_key_use_is_in_the_ledger_before_it_happens(cloud: Backends) -> None:
    seal_cancer(cloud, "s3://bh-acme-data")
    agent.run(cancer_job(steps=20), cloud)
    kinds = [record.kind for record in cloud.log.read("run.r1")]
    assert kinds == [
        "job-start",
        "data-open",
        "key-unwrap",
        "key-unwrap",
        "key-generate",
        "worker-start",
        "checkpoint-publish",
        "checkpoint-published",
        "key-generate",
        "model-publish",
        "model-published",
        "job-end",
    ]


def test_a_ledger_that_cannot_be_written_stops_the_job_before_any_key_is_used(cloud: Backends, session: Any) -> None:
    seal_cancer(cloud, "s3://bh-acme-data")
    session.client("logs").delete_log_group(logGroupName="/bh/acme/ledger")
    with pytest.raises(TrainerError, match="/bh/acme/ledger") as caught:
        agent.run(cancer_job(steps=20), cloud)
    assert caught.value.reason == Reason.LEDGER
    assert cloud.open_store("s3://bh-acme-checkpoint").names("") == []


def test_a_missing_key_names_key_and_tenant_and_leaves_nothing(cloud: Backends, session: Any) -> None:
    seal_cancer(cloud, "s3://bh-acme-data")
    job = cancer_job(steps=20).model_copy(update={"data_key": "alias/bh/acme/gone"})
    with pytest.raises(TrainerError, match="alias/bh/acme/gone of tenant acme") as caught:
        agent.run(job, cloud)
    assert caught.value.reason == Reason.KEY_UNAVAILABLE
    assert cloud.open_store("s3://bh-acme-checkpoint").names("") == []
    assert cloud.log.read("run.r1")[-1].kind == "job-failed"


def test_another_tenants_key_opens_nothing(cloud: Backends) -> None:
    seal_cancer(cloud, "s3://bh-acme-data")
    job = cancer_job(steps=20).model_copy(update={"data_key": "alias/bh/acme/export"})
    with pytest.raises(TrainerError, match="alias/bh/acme/export of tenant acme") as caught:
        agent.run(job, cloud)
    assert caught.value.reason in {Reason.WRONG_KEY, Reason.KEY_UNAVAILABLE}


def test_checkpoints_in_the_background_give_the_same_training(local: Backends, tmp_path: Path) -> None:
    seal_cancer(local, f"file://{tmp_path}/data")
    results = []
    for run, background in (("front", False), ("back", True)):
        training = TrainingSettings(steps=40, checkpoint_every=5, eval_every=20, background_checkpoints=background)
        places = {"checkpoints": f"file://{tmp_path}/checkpoints", "models": f"file://{tmp_path}/models"}
        job = cancer_job(steps=40, url=f"file://{tmp_path}/data", run=run, training=training, **places)
        results.append(agent.run(job, local))
        published = [r.details["step"] for r in local.log.read(f"run.{run}") if r.kind == "checkpoint-published"]
        assert published == [5, 10, 15, 20, 25, 30, 35, 40]
    assert results[0].metrics == results[1].metrics
    front, back = (
        load_model(local, "acme", run, "model", f"file://{tmp_path}/models", "alias/bh/acme/export")[1]
        for run in ("front", "back")
    )
    assert all(torch.equal(front[name], back[name]) for name in front)


def test_a_job_trains_on_all_of_its_data_sets(local: Backends, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/data"
    seal_cancer(local, url)
    seal_cancer(local, url, version="2", shard_bytes=1 << 20)
    job = cancer_job(steps=20, url=url, checkpoints=f"file://{tmp_path}/c", models=f"file://{tmp_path}/m")
    (use,) = job.data
    both = job.model_copy(update={"data": (use, use.model_copy(update={"version": "2"}))})
    assert agent.run(both, local).step == 20
    opened = {shard.details["version"] for shard in local.log.read("run.r1") if shard.kind == "data-open"}
    assert opened == {"1", "2"}
    manifest, _ = load_model(local, "acme", "r1", "model", f"file://{tmp_path}/m", "alias/bh/acme/export")
    assert [data.version for data in manifest.provenance.data] == ["1", "2"]
    fewer = use.model_copy(update={"version": "2", "columns": use.columns[1:]})
    with pytest.raises(TrainerError, match="was not declared"):
        agent.run(job.model_copy(update={"run": "r2", "data": (use, fewer)}), local)


def test_vision_recipe_on_digits(local: Backends, tmp_path: Path) -> None:
    seal_digits(local, f"file://{tmp_path}/data")
    job = JobSpec(
        tenant="acme",
        run="digits",
        data=(DataUse(data_set="digits", version="1", url=f"file://{tmp_path}/data", columns=("image", "target")),),
        recipe=RecipeSpec(name="vision"),
        training=TrainingSettings(steps=300, batch_size=64, learning_rate=3e-3, checkpoint_every=300, eval_every=300),
        checkpoints=f"file://{tmp_path}/checkpoints",
        models=f"file://{tmp_path}/models",
    )
    assert agent.run(job, local).metrics["accuracy"] > 0.9
