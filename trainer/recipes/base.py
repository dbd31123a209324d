"""What a recipe is. Bring your own: one Python file with a class `Recipe` that is a subclass of this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from trainer.data.loader import Batch
from trainer.data.table import Table
from trainer.errors import Reason, TrainerError
from trainer.formats.names import Frozen

Tensors = tuple[Tensor, ...]


class Recipe(ABC):
    """One kind of training. Everything random must come from torch's default generator, so that resuming is exact."""

    Settings: ClassVar[type[Frozen]]
    window: int = 1
    """Rows of one sample: 1, or a block length plus one for sequences."""

    def __init__(self, settings: Any, table: Table) -> None:
        self.settings = settings
        self.table = table

    @abstractmethod
    def build(self) -> nn.Module:
        """The model, freshly initialised."""

    @abstractmethod
    def tensors(self, batch: Batch) -> Tensors:
        """A batch of columns as the tensors that `loss` takes."""

    @abstractmethod
    def loss(self, model: nn.Module, tensors: Tensors) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of a batch, and the sums over its samples of what is to be averaged (`correct`, …)."""

    def metrics(self, sums: dict[str, float], samples: int) -> dict[str, float]:
        """Metrics of an evaluation from sums over all its samples; `loss` is among the sums already."""
        return {("accuracy" if name == "correct" else name): value / samples for name, value in sums.items()}


def parse_settings(kind: type[Recipe], settings: dict[str, Any]) -> Frozen:
    """The recipe's settings; `TrainerError` naming each wrong field."""
    try:
        return kind.Settings.model_validate(settings)
    except ValidationError as error:
        raise TrainerError(Reason.BAD_JOB, f"recipe settings: {error}") from error


def numeric(batch: Batch, name: str) -> Tensor:
    """A numeric column as a tensor that owns its memory."""
    values = batch[name]
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
        raise TrainerError(Reason.BAD_JOB, f"column {name!r} is not numeric")
    return torch.from_numpy(np.ascontiguousarray(values))


def labels(batch: Batch, name: str, classes: int) -> Tensor:
    """A column of class numbers as int64, each from 0 to `classes` - 1; `TrainerError` for any other."""
    target = numeric(batch, name).long()
    if len(target) and not 0 <= int(target.min()) <= int(target.max()) < classes:
        raise TrainerError(
            Reason.BAD_JOB, f"column {name!r} has labels outside 0 to {classes - 1}: set the recipe's classes to more"
        )
    return target


def classification(logits: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy and the number of correct answers."""
    loss = nn.functional.cross_entropy(logits.float(), target)
    return loss, {"correct": (logits.argmax(1) == target).sum()}
