"""Saving checkpoints, at once or beside the training."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from trainer.checkpoint.ports import CheckpointSink
from trainer.checkpoint.state import save_state


class Saver:
    """Saves states as checkpoints; beside the training when `background`.

    In the background at most one save is under way: the next one waits for it. Training goes on from a copy of the
    state in main memory, so what is saved is the state at the moment of the call. An error comes out at the next call.
    """

    def __init__(self, sink: CheckpointSink, *, background: bool) -> None:
        self._sink = sink
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint") if background else None
        self._pending: Future[None] | None = None

    def save(self, state: Callable[[], dict[str, Any]], step: int) -> None:
        """Saves `state()` as the checkpoint of `step`."""
        if self._pool is None:
            save_state(state(), step, self._sink)
            return
        self.wait()
        self._pending = self._pool.submit(save_state, copied(state()), step, self._sink)

    def wait(self) -> None:
        """Returns when nothing is under way any more; raises what went wrong."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Waits and ends the thread."""
        try:
            self.wait()
        finally:
            if self._pool is not None:
                self._pool.shutdown()


def copied(state: Any) -> Any:
    """The same nested state with tensors copied to main memory."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {name: copied(value) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return [copied(value) for value in state]
    return state
