"""New keys for runs: by order, or because the old one is old; files stay, training goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.trainer.support import cancer_job, seal_cancer
from trainer import agent
from trainer.backends import Backends
from trainer.checkpoint import schedule
from trainer.checkpoint.schedule import overdue
from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec, TrainingSettings
from trainer.ledger.records import next_record


def job(root: Path, steps: int = 10) -> JobSpec:
    return cancer_job(
        steps,
        url=f"file://{root}/data",
        training=TrainingSettings(steps=steps, checkpoint_every=10, eval_every=10),
        checkpoints=f"file://{root}/checkpoints",
        models=f"file://{root}/models",
    )


def files(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (root / "checkpoints").rglob("*.bh")}


def test_a_job_that_rekeys_does_nothing_else(local: Backends, tmp_path: Path) -> None:
    seal_cancer(local, f"file://{tmp_path}/data", shard_bytes=1 << 20)
    agent.run(job(tmp_path), local)
    before = files(tmp_path)
    length = len(local.log.read("run.r1"))
    result = agent.run(job(tmp_path).model_copy(update={"action": "rekey"}), local)
    assert (result.step, result.rekeyed, result.sandbox, result.model) == (10, 1, {}, None)
    assert files(tmp_path) == before
    kinds = [record.kind for record in local.log.read("run.r1")[length:]]
    assert kinds == ["job-start", "key-unwrap", "key-generate", "checkpoint-publish", "checkpoint-published", "job-end"]
    assert agent.run(job(tmp_path, steps=20), local).resumed_from == 10


def test_a_run_that_is_not_there_has_no_key_to_replace(local: Backends, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="no run") as caught:
        agent.run(job(tmp_path).model_copy(update={"action": "rekey"}), local)
    assert caught.value.reason == Reason.BAD_JOB
    assert not (tmp_path / "checkpoints").exists()


def test_an_old_key_is_replaced_before_the_run_goes_on(
    local: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal_cancer(local, f"file://{tmp_path}/data", shard_bytes=1 << 20)
    assert agent.run(job(tmp_path), local).rekeyed is None
    assert agent.run(job(tmp_path, steps=20), local).rekeyed is None

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(days=91)

    monkeypatch.setattr(schedule, "datetime", Later)
    result = agent.run(job(tmp_path, steps=30), local)
    assert (result.resumed_from, result.step, result.rekeyed) == (20, 30, 1)
    never = job(tmp_path, steps=40).model_copy(update={"rekey_days": None})
    assert agent.run(never, local).rekeyed is None


def test_how_old_a_key_is() -> None:
    first = next_record(None, "acme", "run.r", "key-generate", {"context": {"purpose": "checkpoint"}})
    export = next_record(first, "acme", "run.r", "key-generate", {"context": {"purpose": "export"}})
    made = datetime.fromisoformat(first.time)
    assert overdue([first, export], 30, made + timedelta(days=30, seconds=1))
    assert not overdue([first, export], 30, made + timedelta(days=30))
    assert not overdue([export], 30, made + timedelta(days=99))
    assert not overdue([], 30, made)
    assert not overdue([first], None, made + timedelta(days=9999))
