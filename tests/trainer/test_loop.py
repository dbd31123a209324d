"""The training loop's promises, one by one: accumulation, clipping, precision, schedule, evaluation, early stop."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from trainer.data.loader import Batch, Loader, evaluation_batches
from trainer.data.order import SampleOrder
from trainer.formats.names import Frozen
from trainer.job import TrainingSettings
from trainer.recipes.base import Recipe, Tensors, numeric
from trainer.worker.loop import Trainer
from trainer.worker.transfer import Transfer

CUTS = ((0, 60), (60, 100))


class Numbers:
    """A table of a line with noise."""

    class view:  # noqa: N801 - stands for the attribute
        data_set, version = "numbers", "1"

    def read_cut(self, start: int, stop: int) -> dict[str, Any]:
        x = np.arange(start, stop, dtype="<f4") / 50 - 1
        return {"x": x, "y": 3 * x + np.sin(97 * x)}


class LineRecipe(Recipe):
    Settings = Frozen
    bias = True
    seen: list[torch.dtype]

    def build(self) -> nn.Module:
        torch.manual_seed(3)
        self.seen = []
        return nn.Linear(1, 1, bias=self.bias)

    def tensors(self, batch: Batch) -> Tensors:
        return numeric(batch, "x").unsqueeze(1), numeric(batch, "y").unsqueeze(1)

    def loss(self, model: nn.Module, tensors: Tensors) -> tuple[Tensor, dict[str, Tensor]]:
        found = model(tensors[0])
        self.seen.append(found.dtype)
        return nn.functional.mse_loss(found.float(), tensors[1]), {}


class Run:
    """One training and everything that it reported."""

    def __init__(self, recipe: Recipe | None = None, **settings: Any) -> None:
        values = {"steps": 20, "batch_size": 12, "learning_rate": 0.05, "log_every": 1, "eval_every": 5, "seed": 5}
        chosen = TrainingSettings(**(values | settings))
        self.recipe = recipe or LineRecipe(Frozen(), Numbers())  # type: ignore[arg-type]
        order = SampleOrder(CUTS, chosen.seed, 1, chosen.eval_fraction)
        self.order, self.saved, self.reports, self.rates = order, [], [], []
        loader = Loader(Numbers(), order, chosen.batch_size)  # type: ignore[arg-type]
        self.trainer = Trainer(self.recipe, self.recipe.build(), loader, chosen)
        step = self.trainer.optimiser.step
        self.norms: list[float] = []

        def watched(*args: Any) -> Any:
            self.rates.append(self.trainer.optimiser.param_groups[0]["lr"])
            gradients = [weight.grad.norm() for weight in self.trainer.model.parameters() if weight.grad is not None]
            self.norms.append(float(torch.stack(gradients).norm()))
            return step(*args)

        self.trainer.optimiser.step = watched  # type: ignore[method-assign]
        self.metrics = self.trainer.train(
            lambda: evaluation_batches(Numbers(), order, 7),  # type: ignore[arg-type]
            lambda at, values: self.reports.append((at, values)),
            lambda: self.saved.append(self.trainer.step),
        )
        loader.close()

    def reported(self, name: str) -> list[float]:
        return [values[name] for _, values in self.reports if name in values]

    def weights(self) -> list[float]:
        return [float(value) for weight in self.trainer.model.parameters() for value in weight.flatten()]


@pytest.mark.parametrize("parts", [2, 3, 12])
def test_accumulation_gives_the_same_steps(parts: int) -> None:
    whole, split = Run(), Run(accumulation=parts)
    assert split.weights() == pytest.approx(whole.weights(), rel=1e-4)
    assert split.reported("loss") == pytest.approx(whole.reported("loss"), rel=1e-4)
    assert len(split.recipe.seen) > len(whole.recipe.seen)  # type: ignore[attr-defined]


def test_gradients_are_clipped() -> None:
    free, clipped = Run(clip=1e9), Run(clip=0.01)
    assert max(clipped.norms) <= 0.01 * 1.001
    assert min(free.norms) > 0.01
    assert clipped.reported("gradient_norm")[0] == pytest.approx(free.norms[0], rel=1e-5), "reported before clipping"


def test_mixed_precision_computes_in_bfloat16_and_keeps_float32_weights() -> None:
    mixed, full = Run(precision="bfloat16"), Run()
    assert set(mixed.recipe.seen) == {torch.bfloat16}  # type: ignore[attr-defined]
    assert set(full.recipe.seen) == {torch.float32}  # type: ignore[attr-defined]
    assert {weight.dtype for weight in mixed.trainer.model.parameters()} == {torch.float32}
    assert mixed.weights() != full.weights()
    assert mixed.weights() == pytest.approx(full.weights(), abs=0.05)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 12), st.integers(1, 25), st.floats(1e-4, 1e-1), st.floats(0, 1e-4))
def test_the_rate_warms_up_and_falls_as_a_cosine(warm: int, steps: int, high: float, low: float) -> None:
    rates = Run(steps=steps, warmup_steps=warm, learning_rate=high, final_learning_rate=low, eval_every=99).rates
    for step, rate in enumerate(rates):
        if step < warm:
            assert rate == pytest.approx(high * (step + 1) / warm)
        else:
            share = (step - warm) / max(1, steps - warm)
            assert rate == pytest.approx(low + (high - low) * (1 + math.cos(math.pi * share)) / 2)
    after = rates[max(0, warm - 1) :]
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in pairwise(after))


def test_evaluation_is_the_mean_over_the_samples_held_out_and_no_others() -> None:
    run = Run()
    held = np.concatenate([run.order.held_out(cut) + CUTS[cut][0] for cut in range(len(CUTS))])
    whole = Numbers().read_cut(0, 100)
    x, y = torch.from_numpy(whole["x"][held]), torch.from_numpy(whole["y"][held])
    with torch.no_grad():
        expected = float(nn.functional.mse_loss(run.trainer.model(x.unsqueeze(1)), y.unsqueeze(1)))
    assert run.metrics["loss"] == pytest.approx(expected, rel=1e-5)
    assert len(run.reported("eval_loss")) == 4
    assert Run(eval_fraction=0.0).metrics == {}


def test_training_stops_when_it_no_longer_improves_and_saves_what_it_has() -> None:
    """A rate of nothing never improves: the first evaluation is the best, two more are patience."""
    stuck = Run(steps=1000, learning_rate=1e-30, final_learning_rate=0, patience=2, checkpoint_every=400)
    assert stuck.trainer.step == 15
    assert stuck.saved == [15]
    patient = Run(steps=60, patience=1000, checkpoint_every=40)
    assert patient.trainer.step == 60
    assert patient.saved == [40, 60]


def test_stopped_early_stays_stopped() -> None:
    stuck = Run(steps=1000, learning_rate=1e-30, final_learning_rate=0, patience=1)
    state = stuck.trainer.state()
    again = Run(steps=1000, learning_rate=1e-30, final_learning_rate=0, patience=1)
    again.trainer.restore(state)
    again.saved.clear()
    again.trainer.train(lambda: (), lambda *_: None, lambda: again.saved.append(again.trainer.step))
    assert (again.trainer.step, again.saved) == (stuck.trainer.step, [])


tensors = st.tuples(
    st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.bool]),
    st.lists(st.integers(0, 5), max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(tensors, min_size=1, max_size=5), min_size=1, max_size=3))
def test_packed_transfers_deliver_every_tensor(batches: list[list[tuple[torch.dtype, list[int]]]]) -> None:
    """Packed by force on the CPU: what a GPU would get, in one block, untouched by the next batch."""
    transfer = Transfer("cpu")
    kept: list[tuple[Tensors, Tensors]] = []
    for number, batch in enumerate(batches):
        given_tensors = tuple((torch.rand(shape) * 9 + number).to(dtype) for dtype, shape in batch)
        kept.append((given_tensors, transfer.packed(given_tensors)))
    for before, after in kept:
        assert all(a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert len({tensor.untyped_storage().data_ptr() for tensor in after}) == 1
    assert transfer(kept[0][0]) is kept[0][0]
