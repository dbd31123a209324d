"""The order of samples: a function of seed and epoch alone, the same for any number of ranks, on any machine.

Shards are visited in a shuffled order and samples are shuffled inside each shard, so that reading stays sequential.
Permutations come from sorting Philox's raw 64-bit output, which numpy guarantees never to change (unlike
`Generator.permutation`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def permutation(size: int, *key: int | str) -> NDArray[np.int64]:
    """A permutation of `range(size)` that depends on `key` only."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in key).encode()).digest()
    philox = np.random.Philox(key=int.from_bytes(digest[:16], "little"))
    return np.argsort(philox.random_raw(size), kind="stable")


@dataclass(frozen=True)
class SampleOrder:
    """Which samples come when.

    `cuts` are row ranges; a sample is one row, or with `window` that many rows beginning at a multiple of `window - 1`
    (a language model's block of tokens and the next one). `eval_fraction` of the samples of each cut are held out.
    """

    cuts: tuple[tuple[int, int], ...]
    seed: int
    window: int = 1
    eval_fraction: float = 0.0

    def cut_samples(self, cut: int) -> int:
        """How many samples lie in a cut; windows do not cross cuts."""
        start, stop = self.cuts[cut]
        return stop - start if self.window == 1 else max(0, (stop - start - 1) // (self.window - 1))

    def held_out(self, cut: int) -> NDArray[np.int64]:
        """The samples of a cut that are for evaluation, in ascending order."""
        total = self.cut_samples(cut)
        chosen = permutation(total, self.seed, "held-out", cut)[: int(total * self.eval_fraction)]
        return np.sort(chosen)

    def training(self, cut: int) -> NDArray[np.int64]:
        """The samples of a cut that are for training, in ascending order."""
        return np.setdiff1d(np.arange(self.cut_samples(cut)), self.held_out(cut), assume_unique=True)

    def epoch(self, epoch: int) -> NDArray[np.int64]:
        """The cuts in the order of this epoch."""
        return permutation(len(self.cuts), self.seed, "cuts", epoch)

    def in_cut(self, epoch: int, cut: int) -> NDArray[np.int64]:
        """The training samples of a cut in the order of this epoch."""
        samples = self.training(cut)
        return samples[permutation(len(samples), self.seed, "samples", epoch, cut)]

    def training_size(self, cut: int) -> int:
        """How many samples of a cut are for training."""
        total = self.cut_samples(cut)
        return total - int(total * self.eval_fraction)

    @property
    def training_samples(self) -> int:
        """Training samples in one epoch."""
        return sum(self.training_size(cut) for cut in range(len(self.cuts)))
