"""Image classification: a small convolutional network on images stored as arrays."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from trainer.data.loader import Batch
from trainer.errors import Reason, TrainerError
from trainer.formats.names import Frozen
from trainer.recipes.base import Recipe, Tensors, classification, labels, numeric


class VisionSettings(Frozen):
    """Settings of the vision recipe."""

    image: str = "image"
    target: str = "target"
    classes: int = Field(default=10, ge=2)
    width: int = Field(default=32, ge=4)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class VisionModel(nn.Module):
    """Two convolutions, one halving, mean over the image. Input (batch, channels, height, width)."""

    def __init__(self, channels: int, settings: VisionSettings) -> None:
        super().__init__()
        width = settings.width
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(width, 2 * width, 3, padding=1, stride=2),
            nn.GELU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(settings.dropout),
            nn.Linear(8 * width, settings.classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.body(images)
        return logits


class VisionRecipe(Recipe):
    """Images of shape (height, width) or (height, width, channels); whole numbers are taken as 0 to 255."""

    Settings = VisionSettings
    settings: VisionSettings

    def build(self) -> nn.Module:
        """See `Recipe.build`."""
        column = self.table.view.column(self.settings.image)
        shape = column.shape
        self.table.view.column(self.settings.target)
        if column.variable:
            raise TrainerError(
                Reason.BAD_JOB,
                f"column {column.name}: {column.dtype} is no array of pixels; seal the pictures decoded "
                "(source.decode, or --image-size of `bulkhead data seal`)",
            )
        if len(shape) not in {2, 3}:
            raise TrainerError(Reason.BAD_JOB, f"column {self.settings.image}: {list(shape)} is not an image's shape")
        return VisionModel(shape[2] if len(shape) == 3 else 1, self.settings)

    def tensors(self, batch: Batch) -> Tensors:
        """See `Recipe.tensors`: (batch, channels, height, width) float32 and (batch,) int64."""
        image = numeric(batch, self.settings.image)
        image = image.float() if image.is_floating_point() else image.float() / 255
        image = image.unsqueeze(1) if image.ndim == 3 else image.permute(0, 3, 1, 2)
        return image.contiguous(), labels(batch, self.settings.target, self.settings.classes)

    def loss(self, model: nn.Module, tensors: Tensors) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Recipe.loss`."""
        return classification(model(tensors[0]), tensors[1])
