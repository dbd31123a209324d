"""What the worker process does: receive the job, train, report. Nothing here can reach beyond the socket."""

from __future__ import annotations

import json
import math
import socket
from functools import partial
from typing import Any

import torch

from trainer.checkpoint.dtypes import DTYPE_NAMES
from trainer.checkpoint.state import load_state
from trainer.checkpoint.writer import tensor_bytes
from trainer.data.joined import JoinedTable
from trainer.data.loader import Loader, evaluation_batches
from trainer.data.order import SampleOrder
from trainer.data.table import DataView, Table
from trainer.errors import Reason, TrainerError
from trainer.formats.names import Frozen
from trainer.protocol.channel import Channel
from trainer.protocol.leaving import FAILED, WRONG_SETTINGS
from trainer.protocol.messages import CodeBegins, Done, Failed, JobMessage, Progress
from trainer.recipes.base import Recipe, parse_settings
from trainer.recipes.bundle import ORIGIN
from trainer.recipes.choose import choose_recipe
from trainer.worker.blame import FAILURES, describe
from trainer.worker.client import AgentClient, ResumedCheckpoint
from trainer.worker.loop import Trainer
from trainer.worker.ranks import Ranks, joined, whole
from trainer.worker.saver import Saver


def work(sock: socket.socket) -> int:
    """Serves one job on the socket; the process's exit code."""
    client = AgentClient(Channel(sock))
    job, bundle = client.receive_job()
    try:
        client.tell(train(client, job, bundle))
    except TrainerError as error:
        client.tell(Failed(reason=error.reason, message=said(error, job)[:4000]))
        return 1
    except FAILURES as error:
        client.tell(Failed(reason=Reason.WORKER, message=FAILED + describe(error)))
        return 1
    return 0


def said(error: TrainerError, job: JobMessage) -> str:
    """The words of an error of ours; where the tenant's code raised it, its place in that code instead."""
    place = describe(error)
    return FAILED + place if job.recipe.bundle is not None and ORIGIN in place else str(error)


def train(client: AgentClient, job: JobMessage, bundle: bytes | None) -> Done:
    """Joins the job's other ranks, if it has any, and trains with them."""
    with joined(job.ranks, job.slices, job.training.device) as ranks:
        return train_as(ranks, client, job, bundle)


def train_as(ranks: Ranks, client: AgentClient, job: JobMessage, bundle: bytes | None) -> Done:
    """Builds everything that the job names, trains, exports."""
    settings = job.training
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    torch.use_deterministic_algorithms(mode=settings.device == "cpu")
    tables = [open_table(client, index, view) for index, view in enumerate(job.data)]
    table = tables[0] if len(tables) == 1 else JoinedTable(tables)
    kind, chosen = choose_recipe(job.recipe, bundle, lambda: client.tell(CodeBegins()))
    recipe = kind(_settings(kind, chosen, job), table)
    order = SampleOrder(table.view.cuts, settings.seed, recipe.window, settings.eval_fraction)
    loader = Loader(table, order, settings.batch_size, ranks.rank, ranks.world, ranks.turns)
    trainer = Trainer(recipe, recipe.build(), loader, settings, ranks)
    if job.resume is not None:
        state = trainer.state()
        state["at"]["metrics"] = {name.rpartition(".")[2]: 0.0 for name in job.resume.values if ".metrics." in name}
        load_state(state, ResumedCheckpoint(client, job.resume))
        trainer.restore(state)
    saver = Saver(client, background=settings.background_checkpoints)
    metrics = trainer.train(
        evaluation=lambda: evaluation_batches(table, order, settings.batch_size),
        report=lambda step, values: client.tell(Progress(step=step, values=finite(values))),
        save=lambda: saver.save(trainer.state, trainer.step),
    )
    saver.close()
    loader.close()
    state = trainer.model.state_dict()
    weights = {name: whole(value) for name, value in state.items() if isinstance(value, torch.Tensor)}
    if job.export:
        export(client, weights, trainer.step, finite(metrics))
    return Done(step=trainer.step, metrics=finite(metrics))


def _settings(kind: type[Recipe], chosen: dict[str, Any], job: JobMessage) -> Frozen:
    try:
        return parse_settings(kind, chosen)
    except TrainerError as error:
        if job.recipe.bundle is None:
            raise
        raise TrainerError(error.reason, WRONG_SETTINGS) from error


def open_table(client: AgentClient, index: int, view: DataView) -> Table:
    """The data set with this index in the job, in the form in which it lies."""
    if view.layout == "shards":
        return Table(view, partial(client.open_shard, index))
    from trainer.data.parquet_table import ParquetTable  # noqa: PLC0415 - only jobs on tables pay for pyarrow

    return ParquetTable(view, partial(client.open_table_file, index))


def export(client: AgentClient, weights: dict[str, torch.Tensor], step: int, metrics: dict[str, float]) -> None:
    """Writes the model's weights as one sealed safetensors file and has the agent publish it."""
    header: dict[str, object] = {}
    at = 0
    for name, tensor in weights.items():
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": DTYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + size],
        }
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    head = len(text).to_bytes(8, "little") + text
    grant = client.begin_export()
    grant.seal((head, *map(tensor_bytes, weights.values())), len(head) + at)
    client.commit_export(step, len(head) + at, metrics)


def finite(values: dict[str, float]) -> dict[str, float]:
    """The values that JSON can carry; a loss of NaN or infinity is left out rather than sent as something else."""
    return {name: value for name, value in values.items() if math.isfinite(value)}
