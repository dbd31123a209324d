"""Recipes learn, and bundles are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer import agent
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.ingest.seal import seal_data_set
from trainer.ingest.spec import SealSpec
from trainer.job import DataUse, JobSpec, RecipeSpec, TrainingSettings
from trainer.sources.open import SourceSpec


def language_job(root: Path, **training: object) -> JobSpec:
    values = {
        "steps": 60,
        "batch_size": 16,
        "accumulation": 2,
        "learning_rate": 3e-3,
        "warmup_steps": 5,
        "eval_every": 30,
    }
    small = {"layers": 1, "width": 32, "heads": 2, "block": 32, "dropout": 0.1}
    return JobSpec(
        tenant="acme",
        run="gpt",
        data=(DataUse(data_set="text", version="1", url=f"file://{root}/data", columns=("tokens",)),),
        recipe=RecipeSpec(name="language", settings=small),
        training=TrainingSettings(**(values | training)),  # type: ignore[arg-type]
        checkpoints=f"file://{root}/checkpoints",
        models=f"file://{root}/models",
    )


def test_the_language_model_learns_text(local: Backends, tmp_path: Path) -> None:
    import pydoc

    source = SourceSpec(kind="text", paths=(str(Path(pydoc.__file__)),))
    spec = SealSpec(
        tenant="acme", data_set="text", version="1", source=source, url=f"file://{tmp_path}/data", shard_bytes=65536
    )
    seal_data_set(spec, local)
    result = agent.run(language_job(tmp_path), local)
    # A uniform guess over 256 bytes costs ln 256 = 5.5 nats.
    assert 0.5 < result.metrics["loss"] < 3.5


@pytest.mark.parametrize(
    ("recipe", "columns", "message"),
    [
        (RecipeSpec(name="tabular", settings={"target": "nothing"}), ("tokens",), "was not declared"),
        (RecipeSpec(name="tabular", settings={"colour": 1}), ("tokens",), "colour"),
        (RecipeSpec(name="vision", settings={"image": "tokens", "target": "tokens"}), ("tokens",), "image's shape"),
    ],
)
def test_settings_that_do_not_fit_say_so(
    recipe: RecipeSpec, columns: tuple[str, ...], message: str, local: Backends, tmp_path: Path
) -> None:
    (tmp_path / "t").write_text("x" * 9000)
    source = SourceSpec(kind="text", paths=(str(tmp_path / "t"),))
    spec = SealSpec(tenant="acme", data_set="text", version="1", source=source, url=f"file://{tmp_path}/data")
    seal_data_set(spec, local)
    job = language_job(tmp_path).model_copy(update={"recipe": recipe})
    with pytest.raises(TrainerError, match=message) as caught:
        agent.run(job, local)
    assert caught.value.reason in {Reason.BAD_JOB, Reason.NOT_DECLARED}
