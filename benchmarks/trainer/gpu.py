"""Where there is a GPU: one copy per batch against many, and training steps in bfloat16 with torch.compile."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from benchmarks.trainer import steps
from benchmarks.trainer.measure import Row, not_measured, rate, ratio_of, seconds
from trainer.job import TrainingSettings
from trainer.recipes.base import Tensors
from trainer.recipes.language import LanguageSettings
from trainer.worker.transfer import Transfer

TENSORS = 64
NUMBERS = 16 << 10
BATCHES = 50


def run(rounds: int) -> list[Row]:
    """The rows, or one that says that there is no GPU."""
    if not torch.cuda.is_available():
        return [not_measured("GPU: none on this machine")]
    return [*transfers(rounds, "cuda", torch.cuda.synchronize), *_steps(rounds)]


def transfers(rounds: int, device: str, wait: Callable[[], object]) -> list[Row]:
    """Batches of many small tensors to the device: each by itself, packed in one copy, and packed and pinned."""
    torch.set_num_threads(1)
    batch: Tensors = tuple(torch.rand(NUMBERS) for _ in range(TENSORS))

    def timed(move: Callable[[Tensors], object]) -> Callable[[], None]:
        def go() -> None:
            for _ in range(BATCHES):
                move(batch)
            wait()

        return go

    actions: dict[str, Callable[[], object]] = {
        "each": timed(lambda tensors: [tensor.to(device, copy=True) for tensor in tensors])
    }
    actions["packed"] = timed(Transfer(device).packed)
    if device != "cpu":
        actions["pinned"] = timed(Transfer(device, pin=True).packed)
    times = seconds(actions, rounds, time.perf_counter)
    amount = BATCHES * TENSORS * NUMBERS * 4 / 1e9
    return [
        rate(
            f"{TENSORS} tensors of 64 KiB to the GPU, {name}; time against one by one",
            amount,
            "GB/s",
            taken,
            ratio=ratio_of(taken, times["each"]),
        )
        for name, taken in times.items()
    ]


def _steps(rounds: int) -> list[Row]:
    common = {"steps": 10**9, "batch_size": 32, "log_every": 10**9, "eval_every": 10**9, "checkpoint_every": 10**9}
    settings = TrainingSettings(**common, device="cuda", precision="bfloat16", compile=True)
    model = LanguageSettings(layers=12, heads=12, width=768, block=512, vocabulary=8192)
    return steps.compared(rounds, model, settings, "language model on the GPU, bf16, compiled", time.perf_counter)
