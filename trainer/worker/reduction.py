"""Adding gradients in an order that depends on the batch's slices only, never on who computed them.

Floating-point addition is not associative, and the usual all-reduce adds in an order that depends on the number of
ranks. Here slices 0, 1, 2, … are added as a binary tree over their numbers. A round gives slice `turn * world + rank`
to each rank; the ranks' gradients of a round are added in rank order, the rounds by the same tree. Where slices and
ranks are powers of two the ranks' tree is a subtree of the whole, so any of them gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Tree:
    """Adds equal-shaped lists of tensors as a binary tree over their order of arrival (a binary counter)."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, list[Tensor]]] = []

    def push(self, values: list[Tensor]) -> None:
        """Takes the next leaf; its tensors may be changed in place."""
        level = 0
        while self._waiting and self._waiting[-1][0] == level:
            _, earlier = self._waiting.pop()
            values = _added(earlier, values)
            level += 1
        self._waiting.append((level, values))

    def total(self) -> list[Tensor]:
        """The sum of all leaves; the tree is empty afterwards."""
        _, values = self._waiting.pop()
        while self._waiting:
            values = _added(self._waiting.pop()[1], values)
        return values


def _added(earlier: list[Tensor], later: list[Tensor]) -> list[Tensor]:
    for left, right in zip(earlier, later, strict=True):
        left.add_(right)
    return earlier


def tree_sum(values: Iterable[Tensor]) -> Tensor:
    """The sum of tensors of one shape as such a tree."""
    tree = Tree()
    for value in values:
        tree.push([value.clone()])
    return tree.total()[0]


def ordered_sum_shares(flat: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
    """This rank's share of the sum of all ranks' `flat`, whose length is a multiple of the number of ranks.

    Every rank receives everybody's version of its share and adds them in rank order. The traffic is that of the ring
    algorithm's first half: each rank sends and receives (world - 1) / world of the data.
    """
    world = dist.get_world_size(group)
    received = torch.empty_like(flat)
    dist.all_to_all_single(received, flat, group=group)
    return tree_sum(received.view(world, -1))


def ordered_all_reduce(flat: Tensor) -> Tensor:
    """The sum of all ranks' one-dimensional `flat`, the same bits on every rank."""
    world, size = dist.get_world_size(), flat.numel()
    padded = nn.functional.pad(flat, (0, -size % world))
    share = ordered_sum_shares(padded)
    result = torch.empty_like(padded)
    dist.all_gather_into_tensor(result, share)
    return result[:size]


def ddp_sum(bucket: Any) -> torch.futures.Future[Tensor]:
    """For a communication hook of DistributedDataParallel; losses are scaled beforehand, so it only adds."""
    buffer: Tensor = bucket.buffer()
    future: torch.futures.Future[Tensor] = torch.futures.Future()
    future.set_result(buffer.copy_(ordered_all_reduce(buffer)))
    return future
