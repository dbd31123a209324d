"""The ranks of a job as the training loop sees them: one process alone, or one of several on other nodes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import TCPStore
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from trainer.protocol.messages import RankView
from trainer.worker.reduction import OrderedReduceScatter, Tree, ddp_sum, ordered_all_reduce


@dataclass
class Ranks:
    """This process's rank, how many there are, and how a batch's slices are shared among them."""

    rank: int = 0
    world: int = 1
    slices: int = 1
    strategy: Literal["ddp", "fsdp"] = "ddp"
    _gradients: Tree = field(default_factory=Tree)
    _buffers: Tree = field(default_factory=Tree)
    _before: list[Tensor] = field(default_factory=list)

    @property
    def turns(self) -> int:
        """Rounds per step; each rank computes one slice in each."""
        return self.slices // self.world

    def wrap(self, model: nn.Module) -> nn.Module:
        """The module to call: `model` itself, or with gradients that are added over all ranks."""
        if self.world == 1:
            return model
        if self.strategy == "ddp":
            parallel = DistributedDataParallel(model, broadcast_buffers=False)
            parallel.register_comm_hook(None, lambda _state, bucket: ddp_sum(bucket))
            return parallel
        for part in [block for module in model.modules() if isinstance(module, nn.ModuleList) for block in module]:
            _shard(part)
        _shard(model)
        return model

    def begin(self, model: nn.Module, seed: int, step: int, turn: int) -> None:
        """Begins a slice: what is random in it depends on seed, step and slice only.

        The model's buffers are those with which the step began, whoever computes the slice and after which other.
        """
        text = f"{seed}\x1f{step}\x1f{turn * self.world + self.rank}".encode()
        torch.manual_seed(int.from_bytes(hashlib.sha256(text).digest()[:8], "little", signed=True))
        if self.slices == 1:
            return
        if turn == 0:
            self._before = [buffer.clone() for buffer in model.buffers()]
        for buffer, before in zip(model.buffers(), self._before, strict=True):
            buffer.copy_(before)

    @contextmanager
    def held(self, model: nn.Module, *, more: bool) -> Iterator[None]:
        """Keeps gradients on this rank while `more` parts of its slice are to come."""
        if isinstance(model, DistributedDataParallel) and more:
            with model.no_sync():
                yield
            return
        if isinstance(model, FSDPModule):
            model.set_requires_gradient_sync(not more)
        yield

    def add(self, model: nn.Module, *, last: bool) -> None:
        """Adds a slice's gradients to those of the slices before; after the last one the parameters hold the sum.

        Buffers of real numbers (running statistics) become the mean over all slices; counters are any slice's.
        """
        if self.slices == 1:
            return
        if buffers := [buffer for buffer in model.buffers() if buffer.is_floating_point()]:
            flat = torch.cat([buffer.flatten().double() for buffer in buffers])
            self._buffers.push([ordered_all_reduce(flat) if self.world > 1 else flat])
            if last:
                (total,) = self._buffers.total()
                means = torch.split(total.div_(self.slices), [buffer.numel() for buffer in buffers])
                for buffer, mean in zip(buffers, means, strict=True):
                    buffer.copy_(mean.view_as(buffer))
        if self.turns == 1:
            return
        held = [weight for weight in model.parameters() if weight.grad is not None]
        self._gradients.push([weight.grad for weight in held if weight.grad is not None])
        for weight, gradient in zip(held, self._gradients.total() if last else [None] * len(held), strict=True):
            weight.grad = gradient

    def mean(self, losses: list[float]) -> float:
        """The mean over all slices of a step, from this rank's; added in the order of the slices."""
        if self.world > 1:
            mine = torch.tensor(losses, dtype=torch.float64)
            everyones = torch.empty(self.world * len(losses), dtype=torch.float64)
            dist.all_gather_into_tensor(everyones, mine)
            losses = everyones.view(self.world, -1).t().flatten().tolist()
        return sum(losses) / len(losses)


def whole(tensor: Tensor) -> Tensor:
    """The tensor in one piece; every rank has to call it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@contextmanager
def joined(view: RankView | None, slices: int, device: str) -> Iterator[Ranks]:
    """The ranks of the job, with torch's process group over the tunnel where there are several.

    The store through which they find each other listens inside the worker's own network, which only the job's other
    workers reach.
    """
    if view is None:
        yield Ranks(slices=slices)
        return
    wait = timedelta(seconds=view.timeout_seconds)
    store = TCPStore(view.address, view.port, view.world, is_master=view.rank == 0, timeout=wait)
    backend: Any = "nccl" if device.startswith("cuda") else "gloo"
    dist.init_process_group(backend, store=store, rank=view.rank, world_size=view.world, timeout=wait)
    try:
        yield Ranks(view.rank, view.world, slices, view.strategy)
        dist.barrier()
    finally:
        dist.destroy_process_group()


def _shard(module: nn.Module) -> None:
    sharded = fully_shard(module)
    sharded.set_custom_reduce_scatter(OrderedReduceScatter())
    # The loss is scaled by the number of slices already; gradients are added and nothing else.
    sharded.set_force_sum_reduction_for_comms(True)
    sharded.set_gradient_divide_factor(1.0)
