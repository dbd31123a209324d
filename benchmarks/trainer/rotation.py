"""What rotating a data-set key costs per shard, without the key service's own time."""

from __future__ import annotations

import os

from benchmarks.trainer.measure import Row, seconds
from trainer.formats.container import shard_binding
from trainer.keys.wrapping import unwrap_key, wrap_key

SHARDS = 2000


def run(rounds: int) -> list[Row]:
    """One row."""
    old, new = os.urandom(32), os.urandom(32)
    bindings = [shard_binding("bench", "bench", "1", f"g000-{number:06d}", "internal") for number in range(SHARDS)]
    wrapped = [wrap_key(old, os.urandom(32), binding) for binding in bindings]

    def rotate() -> None:
        for binding, text in zip(bindings, wrapped, strict=True):
            wrap_key(new, unwrap_key(old, text, binding), binding)

    times = sorted(1000 * taken / SHARDS for taken in seconds({"rotate": rotate}, rounds)["rotate"])
    value = times[len(times) // 2]
    return [Row("rotation per shard", value, "ms", times[0], times[-1], target="≤ 1 ms", met=value <= 1)]
