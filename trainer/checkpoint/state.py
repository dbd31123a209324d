"""Saving and loading a training state: torch.distributed.checkpoint with our storage and our planners."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from trainer.checkpoint.planners import JsonLoadPlanner, JsonSavePlanner
from trainer.checkpoint.ports import CheckpointSink, CheckpointSource
from trainer.checkpoint.reader import EncryptedReader
from trainer.checkpoint.writer import EncryptedWriter
from trainer.errors import Reason, TrainerError


def save_state(state: dict[str, Any], step: int, sink: CheckpointSink) -> None:
    """Saves a (nested) state of tensors and JSON values as the checkpoint of `step`; returns when it is published."""
    with _translated(f"checkpoint of step {step}"):
        save(state, storage_writer=EncryptedWriter(sink, step), planner=JsonSavePlanner())


def load_state(state: dict[str, Any], source: CheckpointSource) -> None:
    """Loads a checkpoint into `state` in place; every leaf of `state` must be in it."""
    with _translated(f"checkpoint of step {source.body.step}"):
        load(state, storage_reader=EncryptedReader(source), planner=JsonLoadPlanner())


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Raises as `TrainerError` what DCP wraps in a `BaseException` of its own, and silences a remark of torch's.

    The remark says at every save and load that a single process is a single process.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="torch.distributed is (disabled|unavailable)", category=UserWarning
            )
            yield
    except CheckpointException as error:
        causes = [cause for cause, _ in error.failures.values()]
        own = next((cause for cause in causes if isinstance(cause, TrainerError)), None)
        if own is not None:
            raise TrainerError(own.reason, str(own)) from error
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: {causes[0]}") from error
