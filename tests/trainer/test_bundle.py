"""Recipes of one's own: packed the same way every time, opened from memory, run in the sandbox, blamed by line."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.support import cancer_job, seal_cancer
from trainer import agent
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.export.model import load_model
from trainer.job import JobSpec, RecipeSpec, TrainingSettings
from trainer.protocol.leaving import leaving
from trainer.recipes.bundle import LIMIT, open_bundle, pack

RECIPE = """
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nets.wide import Wide
from nets import depth
from trainer.recipes import Batch, Recipe as Base, Settings, Tensors, classification, numeric


class MySettings(Settings):
    width: int = 4
    target: str = "target"


@dataclass
class Features:
    names: tuple[str, ...]


class Recipe(Base):
    Settings = MySettings

    def build(self) -> nn.Module:
        self.features = Features(tuple(n for n in self.table.view.columns if n != self.settings.target))
        return Wide(len(self.features.names), self.settings.width, depth.DEPTH)

    def tensors(self, batch: Batch) -> Tensors:
        columns = [numeric(batch, name).float() for name in self.features.names]
        return torch.stack(columns, 1), numeric(batch, self.settings.target).long()

    def loss(self, model: nn.Module, tensors: Tensors) -> tuple[Tensor, dict[str, Tensor]]:
        return classification(model(tensors[0]), tensors[1])
"""
WIDE = """
from torch import nn


class Wide(nn.Sequential):
    def __init__(self, features, width, depth):
        layers = [nn.BatchNorm1d(features), nn.Linear(features, width)]
        for _ in range(depth):
            layers += [nn.GELU(), nn.Linear(width, width)]
        super().__init__(*layers, nn.Linear(width, 2))
"""


def folder(root: Path, recipe: str = RECIPE) -> Path:
    place = root / "mine"
    (place / "nets").mkdir(parents=True)
    (place / "recipe.py").write_text(recipe)
    (place / "nets" / "wide.py").write_text(WIDE)
    (place / "nets" / "depth.py").write_text("DEPTH = 1\n")
    (place / "settings.json").write_text(json.dumps({"width": 24}))
    return place


def job(root: Path, code: bytes, **settings: object) -> JobSpec:
    (root / "bundle.zip").write_bytes(code)
    digest = hashlib.sha256(code).hexdigest()
    recipe = RecipeSpec(
        name="bundle", bundle=f"file://{root}/bundle.zip", bundle_digest=digest, settings=dict(settings)
    )
    return cancer_job(
        30,
        url=f"file://{root}/data",
        recipe=recipe,
        training=TrainingSettings(steps=30, learning_rate=1e-2, eval_every=30),
        checkpoints=f"file://{root}/checkpoints",
        models=f"file://{root}/models",
    )


@pytest.mark.parametrize(("settings", "width"), [({}, 24), ({"width": 8}, 8)])
def test_a_bundle_of_several_modules_trains_in_the_sandbox(
    settings: dict[str, int], width: int, local: Backends, tmp_path: Path
) -> None:
    """Settings of the bundle apply, those of the job over them; the digest is in ledger and provenance."""
    seal_cancer(local, f"file://{tmp_path}/data", shard_bytes=1 << 20)
    code = pack(folder(tmp_path))
    result = agent.run(job(tmp_path, code, **settings), local)
    assert result.sandbox["kind"] == "strict"
    assert result.metrics["accuracy"] > 0.8
    manifest, weights = load_model(local, "acme", "r1", "model", f"file://{tmp_path}/models", "alias/bh/acme/export")
    assert weights["1.weight"].shape == (width, 10)
    digest = hashlib.sha256(code).hexdigest()
    assert manifest.provenance.recipe["bundle_digest"] == digest
    records = local.log.read("run.r1")
    assert [r.details["digest"] for r in records if r.kind == "bundle-measured"] == [digest]


def test_packing_is_reproducible(tmp_path: Path) -> None:
    place = folder(tmp_path)
    first = pack(place)
    (place / "nets" / "__pycache__").mkdir()
    (place / "nets" / "__pycache__" / "wide.pyc").write_bytes(b"x")
    (place / ".git").mkdir()
    (place / ".git" / "config").write_text("x")
    (place / "recipe.py").touch()
    (place / "recipe.py").chmod(0o700)
    assert pack(place) == first
    (place / "nets" / "depth.py").write_text("DEPTH = 2\n")
    assert pack(place) != first
    assert open_bundle(first, "b").settings == {"width": 24}


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


BAD: dict[str, tuple[bytes, str]] = {
    "no recipe": (zipped({"other.py": b""}), "has no recipe.py"),
    "another file": (zipped({"recipe.py": b"", "model.pt": b"x"}), "model.pt is neither"),
    "a way out": (zipped({"recipe.py": b"", "../x.py": b""}), "neither a Python module"),
    "an absolute name": (zipped({"recipe.py": b"", "/x.py": b""}), "neither a Python module"),
    "settings that are none": (zipped({"recipe.py": b"", "settings.json": b"[1]"}), "expected a JSON object"),
    "a bomb": (zipped({"recipe.py": b"#" * (LIMIT + 2)}), "when unpacked"),
    "not text": (b"\xff\xfe", "neither a zip nor Python source"),
    "half a zip": (zipped({"recipe.py": b""})[:-30], "cannot be read as a zip"),
    "too long": (b"#" * (LIMIT + 1), "more than a bundle's"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_bundle_is_refused(name: str) -> None:
    data, message = BAD[name]
    with pytest.raises(TrainerError, match=message) as caught:
        open_bundle(data, "bundle b")
    assert caught.value.reason in {Reason.BAD_JOB, Reason.BAD_FORMAT}


def test_what_cannot_be_packed_says_why(tmp_path: Path) -> None:
    place = folder(tmp_path)
    (place / "weights.bin").write_bytes(b"x")
    with pytest.raises(TrainerError, match="is neither a Python module"):
        pack(place)
    (place / "weights.bin").unlink()
    (place / "link.py").symlink_to("/etc/passwd")
    with pytest.raises(TrainerError, match="not links"):
        pack(place)


def import_alone(code: bytes) -> str:
    """Importing changes a process, so it is done in another one."""
    program = (
        "import sys; from trainer.recipes.bundle import open_bundle; from trainer.errors import TrainerError\n"
        "from trainer.worker.blame import FAILURES, describe\n"
        "try: print(open_bundle(sys.stdin.buffer.read(), 'bundle b').recipe('bundle b', lambda: None).__module__)\n"
        "except TrainerError as error: print(error)\n"
        "except FAILURES as error: print(describe(error))\n"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", program], input=code, capture_output=True, cwd=root, check=False)
    return run.stdout.decode().strip() or run.stderr.decode()


def test_importing() -> None:
    good = b"from trainer.recipes import Recipe as Base\nclass Recipe(Base): pass\n"
    assert import_alone(good) == "recipe"
    assert "no class Recipe" in import_alone(b"from trainer.recipes import Recipe\n")
    assert "would hide" in import_alone(zipped({"recipe.py": good, "json.py": b""}))
    assert "would hide" in import_alone(zipped({"recipe.py": good, "trainer/errors.py": b""}))
    assert import_alone(zipped({"recipe.py": b"import helper\n" + good, "helper.py": b"\n\n1/0\n"})) == (
        "ZeroDivisionError in bundle/helper.py, line 3"
    )
    assert import_alone(b"def broken(:\n") == "SyntaxError in bundle/recipe.py, line 1"


def test_an_error_of_the_recipe_names_the_line_and_not_the_data(local: Backends, tmp_path: Path) -> None:
    seal_cancer(local, f"file://{tmp_path}/data", shard_bytes=1 << 20)
    broken = RECIPE.replace(
        "        return torch.stack(columns, 1)",
        "        raise ValueError(columns)\n        return torch.stack(columns, 1)",
    )
    line = broken.splitlines().index("        raise ValueError(columns)") + 1
    with pytest.raises(TrainerError, match=f"ValueError in bundle/recipe.py, line {line}") as caught:
        agent.run(job(tmp_path, pack(folder(tmp_path, broken))), local)
    assert caught.value.reason == Reason.WORKER
    assert "tensor" not in str(caught.value)


RETURNS = "        return torch.stack(columns, 1)"
SAYS = """        from trainer.errors import Reason, TrainerError
        raise TrainerError(Reason.BAD_JOB, f'recipe settings: {columns}')
"""
LEAKS = {
    "an error of the trainer's own kind": (
        RECIPE.replace(RETURNS, SAYS + RETURNS),
        {},
        r"the recipe failed with TrainerError in bundle/recipe.py, line \d+$",
    ),
    "settings that are not the recipe's": (RECIPE, {"colour": 1}, "not those of the recipe's class Settings$"),
    "no recipe": ("import torch\n", {}, "has no class Recipe derived from trainer's Recipe$"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_no_words_of_the_tenants_code_leave_the_sandbox(name: str, local: Backends, tmp_path: Path) -> None:
    code, settings, words = LEAKS[name]
    seal_cancer(local, f"file://{tmp_path}/data", shard_bytes=1 << 20)
    with pytest.raises(TrainerError, match=words) as caught:
        agent.run(job(tmp_path, pack(folder(tmp_path, code)), **settings), local)
    assert "tensor" not in str(caught.value)


@given(st.text(max_size=200) | st.from_regex(r"the recipe failed with [^\n]{0,200}", fullmatch=True))
def test_what_leaves_is_a_place_or_a_sentence_of_ours(words: str) -> None:
    said = leaving(words, Reason.WORKER)
    assert len(said) < 200
    place = r"the recipe failed with [A-Za-z]{1,40}( in bundle/\S{1,64}, line \d{1,6})?"
    assert said != words or re.fullmatch(place, said)
    assert leaving("the recipe failed with KeyError in bundle/nets/a.py, line 3", Reason.WORKER).endswith("line 3")
    assert "stays inside" in leaving("the recipe failed with the following data: 1, 2, 3", Reason.WORKER)


@pytest.mark.e2e
def test_the_recipe_of_the_guide_trains(local: Backends, tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs/training.md").read_text()
    code = guide.split("```python\n")[1].split("```")[0]
    place = tmp_path / "mine"
    place.mkdir()
    (place / "recipe.py").write_text(code)
    seal_cancer(local, f"file://{tmp_path}/data", shard_bytes=1 << 20)
    assert agent.run(job(tmp_path, pack(place)), local).metrics["accuracy"] > 0.8


def test_the_job_of_the_guide_is_one() -> None:
    import yaml

    guide = (Path(__file__).parents[2] / "docs/training.md").read_text()
    document = yaml.safe_load(guide.split("```yaml\n")[1].split("```")[0])
    assert JobSpec.model_validate(document).training.patience == 5
