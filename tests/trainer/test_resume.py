"""Killed at any point, a job goes on and its losses are the same to the last bit."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.support import cancer_job, seal_cancer
from trainer import agent
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.job import JobSpec, TrainingSettings

pytestmark = pytest.mark.e2e
STEPS = 60


def job(root: Path, run: str, **changes: Any) -> JobSpec:
    training = TrainingSettings(steps=STEPS, checkpoint_every=7, eval_every=20, log_every=1, keep_checkpoints=2)
    return cancer_job(
        steps=STEPS,
        url=f"file://{root}/data",
        run=run,
        training=training,
        checkpoints=f"file://{root}/checkpoints",
        models=f"file://{root}/models",
        **changes,
    )


class Killer:
    """Collects events and kills the worker when it reports a step."""

    def __init__(self, step: int) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._step, self._pid = step, 0

    def __call__(self, name: str, values: dict[str, Any]) -> None:
        self.events.append((name, values))
        if name == "worker":
            self._pid = values["pid"]
        if name == "progress" and values["step"] == self._step:
            os.kill(self._pid, signal.SIGKILL)


def losses(events: list[tuple[str, dict[str, Any]]], known: dict[int, float]) -> None:
    """Adds the losses of the events to those known; a step that is seen again must have the same loss, bit for bit."""
    for name, values in events:
        if name == "progress" and "loss" in values:
            assert known.setdefault(values["step"], values["loss"]) == values["loss"], f"step {values['step']}"


def test_a_worker_killed_at_random_steps_changes_nothing(local: Backends, tmp_path: Path) -> None:
    seal_cancer(local, f"file://{tmp_path}/data")
    events: list[tuple[str, dict[str, Any]]] = []
    expected = agent.run(job(tmp_path, "whole"), local, lambda name, values: events.append((name, values)))
    baseline: dict[int, float] = {}
    losses(events, baseline)
    assert sorted(baseline) == list(range(1, STEPS + 1))

    chance = random.Random(11)
    found: dict[int, float] = {}
    kills = 0
    for kill_at in sorted(chance.sample(range(1, STEPS), 5)):
        watch = Killer(kill_at)
        with pytest.raises(TrainerError, match="SIGKILL") as caught:
            agent.run(job(tmp_path, "killed"), local, watch)
        assert caught.value.reason in {Reason.WORKER, Reason.PROTOCOL}
        losses(watch.events, found)
        kills += 1
    watch = Killer(STEPS + 1)
    result = agent.run(job(tmp_path, "killed"), local, watch)
    losses(watch.events, found)
    assert kills == 5
    assert found == baseline
    assert result.metrics == expected.metrics
    assert result.resumed_from is not None


def test_an_agent_killed_at_random_times_changes_nothing(cloud: Backends, tmp_path: Path) -> None:
    """The whole agent process, with SIGKILL, while it talks to KMS, S3 and CloudWatch Logs."""
    seal_cancer(cloud, "s3://bh-acme-data")
    training = TrainingSettings(steps=STEPS, checkpoint_every=3, eval_every=20, log_every=1, keep_checkpoints=2)
    baseline: dict[int, float] = {}
    whole = cancer_job(steps=STEPS, run="whole", training=training)
    assert _agent(whole, tmp_path, baseline, kill_after=None)
    chance = random.Random(5)
    found: dict[int, float] = {}
    finished = False
    for _ in range(4):
        killed = cancer_job(steps=STEPS, run="killed", training=training)
        finished = _agent(killed, tmp_path, found, kill_after=chance.uniform(0.2, 2.0))
        if finished:
            break
    assert finished or _agent(killed, tmp_path, found, kill_after=None)
    assert found == baseline
    starts = [record.kind for record in cloud.log.read("run.killed")].count("job-start")
    assert starts >= 2, "it was killed at least once after it had begun"


def _agent(job_spec: JobSpec, root: Path, known: dict[int, float], kill_after: float | None) -> bool:
    """Runs the agent's command; killed `kill_after` seconds after its worker has started. Whether it finished."""
    path = root / "job.json"
    path.write_text(job_spec.model_dump_json())
    command = [sys.executable, "-m", "trainer.agent", "--job", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    events: list[tuple[str, dict[str, Any]]] = []
    deadline = None
    for line in process.stdout:
        event = json.loads(line)
        events.append((event.pop("event"), event))
        if events[-1][0] == "progress" and deadline is None and kill_after is not None:
            deadline = time.monotonic() + kill_after / 4
        if deadline is not None and time.monotonic() > deadline:
            process.kill()
            break
    process.wait()
    process.stdout.close()
    losses(events, known)
    return process.returncode == 0
