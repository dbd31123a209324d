"""Saving and loading a training state: torch.distributed.checkpoint with our storage and our planners."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch.distributed as dist
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from trainer.checkpoint.planners import JsonLoadPlanner, JsonSavePlanner
from trainer.checkpoint.ports import CheckpointSink, CheckpointSource
from trainer.checkpoint.reader import EncryptedReader
from trainer.checkpoint.writer import EncryptedWriter


def save_state(state: dict[str, Any], step: int, sink: CheckpointSink) -> None:
    """Saves a (nested) state of tensors and JSON values as the checkpoint of `step`; returns when it is published."""
    with _quiet():
        save(state, storage_writer=EncryptedWriter(sink, step), planner=JsonSavePlanner(), no_dist=not _distributed())


def load_state(state: dict[str, Any], source: CheckpointSource) -> None:
    """Loads a checkpoint into `state` in place; every leaf of `state` must be in it."""
    with _quiet():
        load(state, storage_reader=EncryptedReader(source), planner=JsonLoadPlanner(), no_dist=not _distributed())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's remark, at every save and load, that a single process is a single process."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled", category=UserWarning)
        yield


def _distributed() -> bool:
    return dist.is_available() and dist.is_initialized()
