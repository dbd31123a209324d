"""A training step whose input comes from sealed shards against one whose input comes from plain memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.trainer.measure import Row, rate, ratio_of, seconds
from trainer.data.loader import Loader
from trainer.data.order import SampleOrder
from trainer.data.table import DataView, ShardView, Table
from trainer.formats.container import shard_binding
from trainer.formats.manifest import Column, Group
from trainer.formats.reading import SealedReader
from trainer.formats.sealing import seal_bytes
from trainer.job import TrainingSettings
from trainer.recipes.language import LanguageRecipe, LanguageSettings
from trainer.worker.loop import Trainer

TOKENS = 4 << 20
CUTS = 8
STEPS = 8


class PlainTable(Table):
    """The same table without encryption: what the comparison is against."""

    def __init__(self, view: DataView, tokens: Any) -> None:
        super().__init__(view, lambda _: (_ for _ in ()).throw(LookupError("plain")))
        self._tokens = tokens

    def read_cut(self, start: int, stop: int) -> dict[str, Any]:
        """See `Table.read_cut`."""
        return {"tokens": self._tokens[start:stop]}


def run(rounds: int) -> list[Row]:
    """One row: the ratio of the two steps on the processor."""
    torch.set_num_threads(1)
    small = TrainingSettings(steps=10**9, batch_size=8, log_every=10**9, eval_every=10**9, checkpoint_every=10**9)
    return compared(rounds, LanguageSettings(layers=2, width=128), small, "language model", time.process_time)


def compared(
    rounds: int, model: LanguageSettings, settings: TrainingSettings, what: str, clock: Callable[[], float]
) -> list[Row]:
    """Steps of a language model on plain and on sealed tokens, taking turns."""
    tables = _tables(model.vocabulary)
    trainers = {name: _trainer(table, model, settings) for name, table in tables.items()}
    times = seconds({name: _steps(trainer) for name, trainer in trainers.items()}, rounds, clock)
    for trainer in trainers.values():
        trainer.loader.close()
    cost = ratio_of(times["sealed"], times["plain"])
    amount = STEPS * settings.batch_size * model.block
    target = {"ratio": cost, "target": "≤ 1.02", "met": cost <= 1.02}
    return [
        rate(f"  {what}, plain input", amount, "tokens/s", times["plain"]),
        rate(f"{what}, sealed input, time against plain", amount, "tokens/s", times["sealed"], **target),
    ]


def _tables(vocabulary: int) -> dict[str, Table]:
    tokens = (np.frombuffer(os.urandom(2 * TOKENS), dtype="<u2") % vocabulary).astype("<u2")
    group = Group(id="g000", sensitivity="internal", columns=(Column(name="tokens", dtype="<u2"),))
    key, size = os.urandom(32), TOKENS // CUTS
    names = [f"g000-{number:06d}" for number in range(CUTS)]
    bindings = [shard_binding("bench", "bench", "1", name, "internal") for name in names]
    sealed = {
        name: seal_bytes(tokens[at * size : (at + 1) * size].tobytes(), key, binding)
        for at, (name, binding) in enumerate(zip(names, bindings, strict=True))
    }
    shards = tuple(
        ShardView(id=name, group="g000", start=at * size, stop=(at + 1) * size, length=2 * size)
        for at, name in enumerate(names)
    )
    view = DataView(
        tenant="bench", data_set="bench", version="1", rows=TOKENS, columns=("tokens",), groups=(group,), shards=shards
    )
    where = dict(zip(names, bindings, strict=True))
    return {
        "plain": PlainTable(view, tokens),
        "sealed": Table(view, lambda name: SealedReader(sealed[name], key, where[name], name)),
    }


def _trainer(table: Table, model: LanguageSettings, settings: TrainingSettings) -> Trainer:
    torch.manual_seed(1)
    recipe = LanguageRecipe(model, table)
    order = SampleOrder(table.view.cuts, 1, recipe.window, 0.0)
    return Trainer(recipe, recipe.build(), Loader(table, order, settings.batch_size), settings)


def _steps(trainer: Trainer) -> Any:
    def go() -> None:
        trainer.settings = trainer.settings.model_copy(update={"steps": trainer.step + STEPS})
        trainer.train(lambda: (), lambda _step, _values: None, lambda: None)
        if trainer.settings.device != "cpu":
            torch.cuda.synchronize()

    return go
