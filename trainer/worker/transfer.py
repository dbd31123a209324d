"""Batches to the device in one copy each: in confidential mode every crossing pays a fixed toll, whatever its size.

See docs/confidential-gpu.md. Copies block, because in that mode asynchronous ones do too.
"""

from __future__ import annotations

import math
from typing import Final

import torch

from trainer.recipes.base import Tensors

_ALIGN: Final = 256
"""Where each tensor begins: the alignment that CUDA's own allocator gives."""


class Transfer:
    """Moves tuples of tensors to one device, packed in a host buffer that is used again; `pin` pins that buffer."""

    def __init__(self, device: str, *, pin: bool = False) -> None:
        self._device = torch.device(device)
        self._pin = pin
        self._host = torch.empty(0, dtype=torch.uint8)

    def __call__(self, tensors: Tensors) -> Tensors:
        """The tensors on the device; those of the CPU are returned as they are."""
        return tensors if self._device.type == "cpu" else self.packed(tensors)

    def packed(self, tensors: Tensors) -> Tensors:
        """The tensors as views of one block of memory on the device, filled by a single copy."""
        places: list[tuple[int, int]] = []
        end = 0
        for tensor in tensors:
            size = math.prod(tensor.shape) * tensor.element_size()
            places.append((end, size))
            end += -(-size // _ALIGN) * _ALIGN
        if self._host.numel() < end:
            self._host = torch.empty(end, dtype=torch.uint8, pin_memory=self._pin)
        for tensor, (begin, size) in zip(tensors, places, strict=True):
            flat = tensor.detach().contiguous().reshape(-1)
            self._host[begin : begin + size].copy_(flat.view(torch.uint8) if size else flat.to(torch.uint8))
        block = torch.empty(end, dtype=torch.uint8, device=self._device)
        block.copy_(self._host[:end])
        return tuple(
            block[begin : begin + size].view(tensor.dtype).view(tensor.shape)
            for tensor, (begin, size) in zip(tensors, places, strict=True)
        )
