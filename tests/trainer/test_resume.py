"""Killed at any point, a job goes on and its losses are the same to the last bit."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer.faults import FaultyBackends, InjectedError
from tests.trainer.support import cancer_job, seal_cancer
from trainer import agent
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.export.model import load_model
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


def chance() -> random.Random:
    """Random places to kill at. The seed is printed when a test fails, and can be given as BULKHEAD_SEED."""
    seed = int(os.environ.get("BULKHEAD_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"BULKHEAD_SEED={seed}")
    return random.Random(seed)


def whole_or_nothing(backends: Backends, url: str) -> bool:
    """Whether a model was exported; if so it opens, if not there is no manifest of one."""
    store = backends.open_store(f"{url}/killed/model")
    if not store.exists("manifest.json"):
        return False
    _, weights = load_model(backends, "acme", "killed", "model", url, "alias/bh/acme/export")
    assert all(torch.isfinite(weight).all() for weight in weights.values())
    return True


def test_a_worker_killed_at_random_steps_changes_nothing(local: Backends, tmp_path: Path) -> None:
    seal_cancer(local, f"file://{tmp_path}/data")
    events: list[tuple[str, dict[str, Any]]] = []
    expected = agent.run(job(tmp_path, "whole"), local, lambda name, values: events.append((name, values)))
    baseline: dict[int, float] = {}
    losses(events, baseline)
    assert sorted(baseline) == list(range(1, STEPS + 1))

    found: dict[int, float] = {}
    for kill_at in sorted(chance().sample(range(1, STEPS), 5)):
        watch = Killer(kill_at)
        with pytest.raises(TrainerError, match="SIGKILL") as caught:
            agent.run(job(tmp_path, "killed"), local, watch)
        assert caught.value.reason in {Reason.WORKER, Reason.PROTOCOL}
        assert not whole_or_nothing(local, f"file://{tmp_path}/models")
        losses(watch.events, found)
    watch = Killer(STEPS + 1)
    result = agent.run(job(tmp_path, "killed"), local, watch)
    losses(watch.events, found)
    assert found == baseline
    assert result.metrics == expected.metrics
    assert result.resumed_from is not None
    assert whole_or_nothing(local, f"file://{tmp_path}/models")


def test_stopped_at_random_writes_many_times_changes_nothing(local: Backends, tmp_path: Path) -> None:
    """Before or after any write to store or ledger, as if the machine had lost its power; then the same job again."""
    seal_cancer(local, f"file://{tmp_path}/data")
    events: list[tuple[str, dict[str, Any]]] = []
    counted = FaultyBackends(local, 10**9, after=False)
    counted.arm()
    expected = agent.run(job(tmp_path, "whole"), counted.backends, lambda name, values: events.append((name, values)))
    baseline: dict[int, float] = {}
    losses(events, baseline)
    writes = counted.writes
    assert writes > 40

    dice, found, stops, finished = chance(), {}, 0, False
    models = f"file://{tmp_path}/models"
    while not finished and stops < 16:
        faulty = FaultyBackends(local, dice.randrange(writes // 4), after=dice.random() < 0.5)
        faulty.arm()
        seen: list[tuple[str, dict[str, Any]]] = []
        try:
            result = agent.run(job(tmp_path, "killed"), faulty.backends, lambda n, v, seen=seen: seen.append((n, v)))
            finished = True
        except InjectedError:
            stops += 1
        losses(seen, found)
        whole_or_nothing(local, models)
    if not finished:
        result = agent.run(job(tmp_path, "killed"), local, lambda name, values: losses([(name, values)], found))
    assert stops >= 3
    assert found == baseline
    assert result.metrics == expected.metrics
    assert whole_or_nothing(local, models)
    model = [load_model(local, "acme", run, "model", models, "alias/bh/acme/export")[1] for run in ("whole", "killed")]
    assert all(torch.equal(model[0][name], model[1][name]) for name in model[0])


def test_an_agent_killed_at_random_events_changes_nothing(cloud: Backends, tmp_path: Path) -> None:
    """The whole agent process, with SIGKILL, while it talks to KMS, S3 and CloudWatch Logs."""
    seal_cancer(cloud, "s3://bh-acme-data")
    training = TrainingSettings(steps=STEPS, checkpoint_every=3, eval_every=20, log_every=1, keep_checkpoints=2)
    baseline: dict[int, float] = {}
    whole = cancer_job(steps=STEPS, run="whole", training=training)
    assert _agent(whole, tmp_path, baseline, kill_at=None)
    dice = chance()
    found: dict[int, float] = {}
    killed = cancer_job(steps=STEPS, run="killed", training=training)
    kills = 0
    while kills < 6 and not _agent(killed, tmp_path, found, kill_at=dice.randrange(1, STEPS // 3)):
        kills += 1
        whole_or_nothing(cloud, "s3://bh-acme-model")
    assert kills >= 1
    if kills == 6:
        assert _agent(killed, tmp_path, found, kill_at=None)
    assert found == baseline
    starts = [record.kind for record in cloud.log.read("run.killed")].count("job-start")
    assert starts == kills + 1
    assert whole_or_nothing(cloud, "s3://bh-acme-model")


def _agent(job_spec: JobSpec, root: Path, known: dict[int, float], kill_at: int | None) -> bool:
    """Runs the agent's command; killed when it has reported this many events. Whether it finished."""
    path = root / "job.json"
    path.write_text(job_spec.model_dump_json())
    command = [sys.executable, "-m", "trainer.agent", "--job", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    # A small pipe: the agent cannot run to its end while this process waits for its turn.
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    events: list[tuple[str, dict[str, Any]]] = []
    for line in process.stdout:
        event = json.loads(line)
        events.append((event.pop("event"), event))
        if kill_at is not None and len(events) >= kill_at:
            process.kill()
            break
    process.wait()
    process.stdout.close()
    losses(events, known)
    return process.returncode == 0
