"""A training step whose input comes from sealed shards against one whose input comes from plain memory."""

from __future__ import annotations

import os
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
    """One row: the ratio of the two steps."""
    tokens = np.frombuffer(os.urandom(TOKENS), dtype="|u1").astype("<u2")
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
    tables = {
        "plain": PlainTable(view, tokens),
        "sealed": Table(view, lambda name: SealedReader(sealed[name], key, where[name], name)),
    }
    torch.set_num_threads(1)
    trainers = {name: _trainer(table) for name, table in tables.items()}
    actions = {name: _steps(trainer) for name, trainer in trainers.items()}
    times = seconds(actions, rounds)
    for trainer in trainers.values():
        trainer.loader.close()
    cost = ratio_of(times["sealed"], times["plain"])
    amount = STEPS * 8 * 128
    return [
        rate("  language model, plain input", amount, "tokens/s", times["plain"]),
        rate(
            "language model, sealed input, time against plain",
            amount,
            "tokens/s",
            times["sealed"],
            ratio=cost,
            target="≤ 1.02",
            met=cost <= 1.02,
        ),
    ]


def _trainer(table: Table) -> Trainer:
    torch.manual_seed(1)
    recipe = LanguageRecipe(LanguageSettings(layers=2, width=128), table)
    order = SampleOrder(table.view.cuts, 1, recipe.window, 0.0)
    settings = TrainingSettings(steps=10**9, batch_size=8, log_every=10**9, eval_every=10**9, checkpoint_every=10**9)
    return Trainer(recipe, recipe.build(), Loader(table, order, 8), settings)


def _steps(trainer: Trainer) -> Any:
    def go() -> None:
        trainer.settings = trainer.settings.model_copy(update={"steps": trainer.step + STEPS})
        trainer.train(lambda: (), lambda _step, _values: None, lambda: None)

    return go
