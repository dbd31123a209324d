"""FSDP2's reduce-scatter in our order of addition. A file of its own: torch 2.6 lacks what it builds on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.fsdp._fully_shard._fsdp_api import ReduceScatter

from trainer.worker.reduction import ordered_sum_shares


class OrderedReduceScatter(ReduceScatter):
    """Adds all ranks' gradients in rank order, in the place of FSDP2's reduce-scatter."""

    def allocate(self, size: Sequence[int | torch.SymInt], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """A fresh buffer."""
        return torch.empty(*size, dtype=dtype, device=device)

    def __call__(
        self,
        output_tensor: Tensor,
        input_tensor: Tensor,
        group: dist.ProcessGroup,
        op: Any,
        async_op: bool = False,  # noqa: ARG002 - torch's signature; it passes False
    ) -> None:
        """Fills `output_tensor` with this rank's share of the sum."""
        if op != dist.ReduceOp.SUM:
            raise RuntimeError(f"gradients are added, not reduced by {op}")
        output_tensor.copy_(ordered_sum_shares(input_tensor, group))
