"""Data sets and jobs that several tests share."""

from __future__ import annotations

from typing import Any

from trainer.backends import Backends
from trainer.ingest.seal import SealResult, seal_data_set
from trainer.ingest.spec import SealSpec
from trainer.job import DataUse, JobSpec, RecipeSpec, TrainingSettings
from trainer.sources.open import SourceSpec


def cancer_columns() -> tuple[str, ...]:
    from sklearn.datasets import load_breast_cancer

    return (*map(str, load_breast_cancer().feature_names[:10]), "target")


def seal_cancer(backends: Backends, url: str, **changes: Any) -> SealResult:
    values = {
        "tenant": "acme",
        "data_set": "wdbc",
        "version": "1",
        "source": SourceSpec(kind="bundled", name="breast-cancer"),
        "url": url,
        "classes": {"target": "restricted"},
        "shard_bytes": 20_000,
    }
    return seal_data_set(SealSpec(**(values | changes)), backends)


def seal_digits(backends: Backends, url: str) -> SealResult:
    source = SourceSpec(kind="bundled", name="digits")
    spec = SealSpec(tenant="acme", data_set="digits", version="1", source=source, url=url, shard_bytes=120_000)
    return seal_data_set(spec, backends)


def cancer_job(steps: int, url: str = "s3://bh-acme-data", **changes: Any) -> JobSpec:
    values: dict[str, Any] = {
        "tenant": "acme",
        "run": "r1",
        "data": (DataUse(data_set="wdbc", version="1", url=url, columns=cancer_columns()),),
        "recipe": RecipeSpec(name="tabular"),
        "training": TrainingSettings(steps=steps, checkpoint_every=40, eval_every=40),
    }
    return JobSpec(**(values | changes))
