"""Tabular classification: a small residual network on standardised numeric columns."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn, zeros

from trainer.data.loader import Batch
from trainer.errors import Reason, TrainerError
from trainer.formats.names import Frozen
from trainer.recipes.base import Recipe, Tensors, classification, labels, numeric


class TabularSettings(Frozen):
    """Settings of the tabular recipe."""

    target: str = "target"
    classes: int = Field(default=2, ge=2)
    width: int = Field(default=64, ge=1)
    depth: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class TabularModel(nn.Module):
    """Standardises with running statistics, then residual blocks. Input (batch, features), output (batch, classes)."""

    def __init__(self, features: int, settings: TabularSettings) -> None:
        super().__init__()
        width = settings.width
        self.normalise = nn.BatchNorm1d(features, affine=False, momentum=0.05)
        self.enter = nn.Linear(features, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Dropout(settings.dropout))
            for _ in range(settings.depth)
        )
        self.leave = nn.Linear(width, settings.classes)

    def forward(self, features: Tensor) -> Tensor:
        """Logits."""
        hidden = self.enter(self.normalise(features))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        logits: Tensor = self.leave(hidden)
        return logits


class TabularRecipe(Recipe):
    """All declared columns but the target are features."""

    Settings = TabularSettings
    settings: TabularSettings

    @property
    def features(self) -> tuple[str, ...]:
        """The feature columns, in the order of the job."""
        return tuple(name for name in self.table.view.columns if name != self.settings.target)

    def build(self) -> nn.Module:
        """See `Recipe.build`."""
        self.table.view.column(self.settings.target)
        if not self.features:
            raise TrainerError(Reason.BAD_JOB, "the tabular recipe needs at least one column beside the target")
        return TabularModel(len(self.features), self.settings)

    def tensors(self, batch: Batch) -> Tensors:
        """See `Recipe.tensors`: (batch, features) float32 and (batch,) int64."""
        target = labels(batch, self.settings.target, self.settings.classes)
        features = zeros(len(target), len(self.features))
        for place, name in enumerate(self.features):
            features[:, place] = numeric(batch, name)
        return features, target

    def loss(self, model: nn.Module, tensors: Tensors) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Recipe.loss`."""
        return classification(model(tensors[0]), tensors[1])
