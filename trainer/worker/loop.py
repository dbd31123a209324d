"""The training loop, on one page."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict

from trainer.data.loader import Batch, Loader
from trainer.job import TrainingSettings
from trainer.recipes.base import Recipe, Tensors
from trainer.worker.ranks import Ranks, whole
from trainer.worker.transfer import Transfer


@dataclass
class Trainer:
    """Model, optimiser and loader, and how far they are; everything that a checkpoint holds."""

    recipe: Recipe
    model: nn.Module
    loader: Loader
    settings: TrainingSettings
    ranks: Ranks = field(default_factory=Ranks)
    step: int = 0
    best: float = math.inf
    stale: int = 0
    metrics: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.model.to(self.settings.device)
        self.parallel = self.ranks.wrap(self.model)
        decay = [weight for weight in self.model.parameters() if weight.ndim >= 2]
        rest = [weight for weight in self.model.parameters() if weight.ndim < 2]
        groups = [{"params": decay, "weight_decay": self.settings.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=self.settings.learning_rate)
        self._transfer = Transfer(self.settings.device, pin=self.settings.pin_memory)

    def train(
        self,
        evaluation: Callable[[], Iterable[Batch]],
        report: Callable[[int, dict[str, float]], None],
        save: Callable[[], None],
    ) -> dict[str, float]:
        """Trains to the last step (or until it no longer improves) and returns the last evaluation's metrics."""
        settings = self.settings
        model = cast("nn.Module", torch.compile(self.parallel)) if settings.compile else self.parallel
        ranks, scale = self.ranks, settings.accumulation * self.ranks.slices
        started, since = time.monotonic(), self.step
        while self.step < settings.steps and not self._out_of_patience():
            model.train()
            self._set_rate()
            losses: list[Tensor | float] = [0.0] * ranks.turns
            for turn in range(ranks.turns):
                ranks.begin(self.model, settings.seed, self.step, turn)
                parts = list(_split(self.recipe.tensors(next(self.loader)), settings.accumulation))
                for number, part in enumerate(parts, 1):
                    with ranks.held(self.parallel, more=number < len(parts)):
                        with self._precision():
                            mean, _ = self.recipe.loss(model, self._transfer(part))
                        (mean / scale).backward()  # type: ignore[no-untyped-call]
                    losses[turn] = losses[turn] + mean.detach().double() / settings.accumulation
                ranks.add(self.model, last=turn + 1 == ranks.turns)
            norm = whole(nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip))
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            self.step += 1
            if self.step % settings.log_every == 0 or self.step in {since + 1, settings.steps}:
                pace = (self.step - since) * settings.batch_size / (time.monotonic() - started)
                # Only now: every number that is asked of a GPU makes it wait.
                loss = ranks.mean([float(part) for part in losses])
                report(self.step, {"loss": loss, "gradient_norm": float(norm), "samples_per_second": pace})
            if self.step % settings.eval_every == 0 or self.step == settings.steps:
                self.metrics = self.evaluate(model, evaluation())
                report(self.step, {f"eval_{name}": value for name, value in self.metrics.items()})
            if self.step % settings.checkpoint_every == 0 or self.step == settings.steps or self._out_of_patience():
                save()
        return self.metrics

    @torch.no_grad()
    def evaluate(self, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """Metrics over all held-out samples; also counts evaluations without improvement."""
        model.eval()
        sums: dict[str, float] = {}
        samples = 0
        for batch in batches:
            tensors = self._transfer(self.recipe.tensors(batch))
            with self._precision():
                loss, more = self.recipe.loss(model, tensors)
            count = len(tensors[0])
            samples += count
            for name, value in ({"loss": loss * count} | more).items():
                sums[name] = sums.get(name, 0.0) + float(value)
        if not samples:
            return {}
        metrics = self.recipe.metrics(sums, samples)
        improved = metrics["loss"] < self.best
        self.best, self.stale = min(self.best, metrics["loss"]), 0 if improved else self.stale + 1
        return metrics

    def state(self) -> dict[str, Any]:
        """Everything that training goes on from: tensors, and JSON values."""
        model, optimiser = get_state_dict(self.model, self.optimiser)
        progress = {"step": self.step, "stale": self.stale, "metrics": dict(self.metrics)}
        best = torch.tensor(self.best, dtype=torch.float64)
        random: dict[str, Any] = {"cpu": torch.get_rng_state()}
        if self.settings.device != "cpu":
            random["device"] = torch.cuda.get_rng_state(self.settings.device)
        loader = self.loader.state_dict()
        return {
            "model": model,
            "optimiser": optimiser,
            "random": random,
            "best": best,
            "loader": loader,
            "at": progress,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a state that was filled from a checkpoint."""
        set_state_dict(self.model, self.optimiser, model_state_dict=state["model"], optim_state_dict=state["optimiser"])
        torch.set_rng_state(state["random"]["cpu"])
        if self.settings.device != "cpu":
            torch.cuda.set_rng_state(state["random"]["device"], self.settings.device)
        self.loader.load_state_dict(state["loader"])
        self.step, self.stale = state["at"]["step"], state["at"]["stale"]
        self.best, self.metrics = float(state["best"]), dict(state["at"]["metrics"])

    def _set_rate(self) -> None:
        """Linear warm-up, then half a cosine down to the final rate."""
        settings = self.settings
        if self.step < settings.warmup_steps:
            rate = settings.learning_rate * (self.step + 1) / settings.warmup_steps
        else:
            progress = (self.step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
            height = 0.5 * (1 + math.cos(math.pi * progress))
            rate = settings.final_learning_rate + height * (settings.learning_rate - settings.final_learning_rate)
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def _precision(self) -> AbstractContextManager[Any]:
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self.settings.device.partition(":")[0], dtype=torch.bfloat16)

    def _out_of_patience(self) -> bool:
        return self.settings.patience is not None and self.stale >= self.settings.patience


def _split(tensors: Tensors, parts: int) -> Iterator[Tensors]:
    return zip(*(tensor.chunk(parts) for tensor in tensors), strict=True)
