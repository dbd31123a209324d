"""Full disks, services that fail, connections that break: the job stops with a clear word, or goes on; never half."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.trainer.broken_services import Asked, BrokenServices, Judge
from tests.trainer.support import cancer_job, seal_cancer
from trainer import agent
from trainer.backends import Backends, aws_backends
from trainer.errors import Reason, TrainerError
from trainer.export.model import load_model
from trainer.job import JobSpec, TrainingSettings
from trainer.store.s3 import S3Store

pytestmark = pytest.mark.e2e


def job(steps: int = 20, **changes: Any) -> JobSpec:
    return cancer_job(steps, training=TrainingSettings(steps=steps, checkpoint_every=10, eval_every=20), **changes)


@pytest.fixture
def proxy(cloud: Backends, moto_endpoint: str) -> Iterator[BrokenServices]:
    found = BrokenServices(moto_endpoint)
    yield found
    found.close()


@pytest.fixture
def through(proxy: BrokenServices, session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Backends:
    """The tenant's services through the proxy; one retry each, so that a service that is gone is given up soon."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    return aws_backends("acme", "cloudwatch:/bh/acme/ledger", boto3.Session(region_name="eu-central-1"), proxy.url)


def nothing_partial(cloud: Backends) -> None:
    """What is published is whole: a model that has a manifest opens, and so does every checkpoint the ledger names."""
    if "r1/model/manifest.json" in cloud.open_store("s3://bh-acme-model").names(""):
        _, weights = load_model(cloud, "acme", "r1", "model", "s3://bh-acme-model", "alias/bh/acme/export")
        assert weights


def only(service: str, verdict: str, when: Callable[[Asked], bool] = lambda _: True) -> Judge:
    return lambda asked: verdict if asked.service == service and when(asked) else "pass"


GONE: dict[str, tuple[Judge, Reason]] = {
    "the object store answers 503": (only("s3", "error"), Reason.STORE),
    "the object store hangs up": (only("s3", "reset"), Reason.STORE),
    "every shard breaks off in the middle": (
        only("s3", "cut", lambda asked: asked.method == "GET" and "/shards/" in asked.path),
        Reason.STORE,
    ),
    "no checkpoint can be written": (
        only("s3", "error", lambda asked: asked.method == "PUT" and "rank-" in asked.path),
        Reason.STORE,
    ),
    "no model's manifest can be written": (
        only(
            "s3",
            "reset",
            lambda asked: asked.method == "PUT" and "/bh-acme-model/" in asked.path and "mani" in asked.path,
        ),
        Reason.STORE,
    ),
    "the key service hangs up": (only("kms", "reset"), Reason.KEY_UNAVAILABLE),
    "the key service answers 503": (only("kms", "error"), Reason.KEY_UNAVAILABLE),
    "the ledger hangs up": (only("logs", "reset"), Reason.LEDGER),
}


GETS_BETTER = {"every shard breaks off in the middle", "no model's manifest can be written", "the ledger hangs up"}
"""After these the same job is run once more on a better day. The others end in the same places."""


@pytest.mark.parametrize("name", GONE)
def test_a_service_that_is_gone_stops_the_job_with_its_name(
    name: str, cloud: Backends, through: Backends, proxy: BrokenServices
) -> None:
    seal_cancer(cloud, "s3://bh-acme-data")
    judge, reason = GONE[name]
    proxy.judge = judge
    with pytest.raises(TrainerError) as caught:
        agent.run(job(), through)
    assert caught.value.reason == reason, str(caught.value)
    assert "bh-acme" in str(caught.value) or "bh/acme" in str(caught.value)
    records = cloud.log.read("run.r1")
    if reason != Reason.LEDGER:
        assert records[-1].kind == "job-failed"
        assert records[-1].details["reason"] == reason.value
    assert not [key for key in cloud.open_store("s3://bh-acme-model").names("") if key.endswith("manifest.json")]
    if name not in GETS_BETTER:
        return
    proxy.judge = lambda _: "pass"
    fresh = aws_backends("acme", "cloudwatch:/bh/acme/ledger", boto3.Session(region_name="eu-central-1"), proxy.url)
    assert agent.run(job(), fresh).step == 20
    nothing_partial(cloud)


def test_hiccups_are_survived(cloud: Backends, through: Backends, proxy: BrokenServices) -> None:
    """Every seventh request fails once, in one way or another; retries are botocore's own."""
    seal_cancer(cloud, "s3://bh-acme-data")
    seed = int(os.environ.get("BULKHEAD_SEED", "7"))
    chance = random.Random(seed)

    def judge(asked: Asked) -> str:
        return chance.choice(["error", "reset"]) if asked.number % 7 == 3 else "pass"

    proxy.judge = judge
    result = agent.run(job(), through)
    assert (result.step, sum(asked.number % 7 == 3 for asked in proxy.asked) > 5) == (20, True), f"seed {seed}"
    nothing_partial(cloud)


def test_a_ledger_that_breaks_off_while_training_ends_it_before_the_next_key_or_checkpoint(
    cloud: Backends, through: Backends, proxy: BrokenServices
) -> None:
    seal_cancer(cloud, "s3://bh-acme-data")

    def event(name: str, _: dict[str, Any]) -> None:
        if name == "worker":
            proxy.judge = only("logs", "reset")

    with pytest.raises(TrainerError) as caught:
        agent.run(job(), through, event)
    assert caught.value.reason == Reason.LEDGER
    assert cloud.open_store("s3://bh-acme-checkpoint").names("r1/step-") == ["r1/step-0000000010/rank-00000.bh"]
    assert agent.run(job(), cloud).resumed_from is None


def test_an_upload_is_all_or_nothing(
    cloud: Backends, proxy: BrokenServices, session: boto3.Session, tmp_path: Path
) -> None:
    """A large file goes in parts; when one of them fails for good there is no object."""
    big = tmp_path / "big"
    big.write_bytes(os.urandom(20 << 20))
    store = S3Store("s3://bh-acme-data/x", session, proxy.url)
    proxy.judge = only("s3", "error", lambda asked: "partNumber=2" in asked.path)
    with big.open("rb") as file, pytest.raises(TrainerError, match="cannot write s3://bh-acme-data/x/big"):
        store.upload("big", file)
    assert cloud.open_store("s3://bh-acme-data").names("x/") == []
    proxy.judge = lambda _: "pass"
    with big.open("rb") as file:
        store.upload("big", file)
    with (tmp_path / "back").open("wb") as file:
        store.download("big", file)
    assert (tmp_path / "back").read_bytes() == big.read_bytes()


# --- full disks ---------------------------------------------------------------------------------------------------

FULL = """
import resource, sys
from pathlib import Path
from tests.trainer.support import cancer_job
from tests.trainer.test_bad_days import file_backends
from trainer import agent
from trainer.errors import TrainerError
from trainer.job import TrainingSettings
root, limit = Path(sys.argv[1]), int(sys.argv[2])
job = cancer_job(
    20, url=f"file://{root}/data", checkpoints=f"file://{root}/checkpoints", models=f"file://{root}/models",
    training=TrainingSettings(steps=20, checkpoint_every=10, eval_every=20),
)
# A file that may not grow fails as a full disk does: with an error in the middle of a write.
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    agent.run(job, file_backends(root))
except TrainerError as error:
    print(error.reason.value, error)
else:
    print("done")
"""


def file_backends(root: Path) -> Backends:
    """Services of tenant acme in files, the same in every process."""
    from trainer.keys.local import LocalKeyService
    from trainer.ledger.file_log import FileLog
    from trainer.store.objects import open_store

    keys = {f"alias/bh/acme/{name}": [name.encode().ljust(32, b"k")] for name in ("data", "checkpoint", "export")}
    return Backends(LocalKeyService(keys), FileLog(root / "ledger", "acme"), open_store)


def run_with_disk(root: Path, limit: int) -> str:
    import subprocess
    import sys

    top = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(root), str(limit)],
        env=os.environ | {"PYTHONPATH": str(top)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout


def test_a_full_disk_stops_the_job_and_publishes_nothing_half(tmp_path: Path) -> None:
    """The disk is full at the first shard (70 kB), at the first checkpoint (110 kB), and nowhere."""
    services = file_backends(tmp_path)
    seal_cancer(services, f"file://{tmp_path}/data", shard_bytes=1 << 20, group_by="class")
    for limit, words in ((30_000, "shards/"), (90_000, "checkpoint tenant=acme run=r1 step=10")):
        said = run_with_disk(tmp_path, limit)
        assert said.startswith("store "), said
        assert words in said or "scratch" in said, said
        assert services.log.read("run.r1")[-1].details["reason"] == "store"
        assert not list(tmp_path.glob("checkpoints/r1/*/manifest.json"))
        assert not list(tmp_path.glob("models/**/manifest.json"))
    assert run_with_disk(tmp_path, 1 << 30).strip() == "done"
    _, weights = load_model(services, "acme", "r1", "model", f"file://{tmp_path}/models", "alias/bh/acme/export")
    assert weights


def test_a_full_disk_at_the_data_owners_leaves_no_data_set(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import resource, sys; from pathlib import Path; from tests.trainer.support import seal_cancer\n"
        "from tests.trainer.test_bad_days import file_backends; from trainer.errors import TrainerError\n"
        "root, form = Path(sys.argv[1]), sys.argv[2]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, -1))\n"
        "try: seal_cancer(file_backends(root), f'file://{root}/data', shard_bytes=1 << 20, format=form)\n"
        "except TrainerError as error: print(error.reason.value)\n"
    )
    for form in ("shards", "parquet"):
        run = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / form), form],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert run.stdout.strip() == "store", run.stderr[-2000:]
        assert not list(tmp_path.rglob("manifest.json"))
        assert not list(tmp_path.rglob(".partial-*"))
