"""Language model: a decoder-only transformer on a stream of tokens."""

from __future__ import annotations

import math

from pydantic import Field
from torch import Tensor, arange, nn

from trainer.data.loader import Batch
from trainer.formats.names import Frozen
from trainer.recipes.base import Recipe, Tensors, numeric


class LanguageSettings(Frozen):
    """Settings of the language recipe."""

    tokens: str = "tokens"
    vocabulary: int = Field(default=256, ge=2)
    block: int = Field(default=128, ge=2)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    width: int = Field(default=128, ge=8)
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Block(nn.Module):
    """Causal attention and a feed-forward layer, each with a residual connection and pre-normalisation."""

    def __init__(self, settings: LanguageSettings) -> None:
        super().__init__()
        width = settings.width
        self.heads, self.dropout = settings.heads, settings.dropout
        self.before_attention = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.attended = nn.Linear(width, width, bias=False)
        self.feed = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width, bias=False),
            nn.GELU(),
            nn.Linear(4 * width, width, bias=False),
            nn.Dropout(settings.dropout),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, time, width) to the same."""
        batch, time, width = hidden.shape
        parts = self.project(self.before_attention(hidden)).view(batch, time, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, dropout_p=self.dropout if self.training else 0.0
        )
        hidden = hidden + self.attended(mixed.transpose(1, 2).reshape(batch, time, width))
        result: Tensor = hidden + self.feed(hidden)
        return result


class LanguageModel(nn.Module):
    """Token and position embeddings, blocks, and an output that shares the embedding's weights."""

    def __init__(self, settings: LanguageSettings) -> None:
        super().__init__()
        self.embed = nn.Embedding(settings.vocabulary, settings.width)
        self.position = nn.Embedding(settings.block, settings.width)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.normalise = nn.LayerNorm(settings.width)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                # Residual branches start smaller, so that depth does not raise the variance (GPT-2, section 2.3).
                shrink = math.sqrt(2 * settings.layers) if name.endswith(("attended.weight", "feed.3.weight")) else 1.0
                nn.init.normal_(weight, std=0.02 / shrink)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, time) token numbers to (batch, time, vocabulary) logits."""
        hidden = self.embed(tokens) + self.position(arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            hidden = block(hidden)
        return nn.functional.linear(self.normalise(hidden), self.embed.weight)


class LanguageRecipe(Recipe):
    """Blocks of tokens; the target of each token is the next one."""

    Settings = LanguageSettings
    settings: LanguageSettings

    @property
    def window(self) -> int:  # type: ignore[override]
        """A block and one token more."""
        return self.settings.block + 1

    def build(self) -> nn.Module:
        """See `Recipe.build`."""
        self.table.view.column(self.settings.tokens)
        return LanguageModel(self.settings)

    def tensors(self, batch: Batch) -> Tensors:
        """See `Recipe.tensors`: (batch, block + 1) int64."""
        return (numeric(batch, self.settings.tokens).long(),)

    def loss(self, model: nn.Module, tensors: Tensors) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Recipe.loss`; there is nothing to sum beside the loss."""
        logits = model(tensors[0][:, :-1])
        return nn.functional.cross_entropy(logits.flatten(0, 1).float(), tensors[0][:, 1:].flatten()), {}
