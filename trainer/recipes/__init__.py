"""Recipes: what is trained. A recipe makes the model, turns batches into tensors, and says what the loss is.

Everything that a recipe of one's own needs (docs/training.md) can be imported from here.
"""

from trainer.data.loader import Batch
from trainer.data.table import Table
from trainer.formats.names import Frozen as Settings
from trainer.recipes.base import Recipe, Tensors, classification, labels, numeric

__all__ = ["Batch", "Recipe", "Settings", "Table", "Tensors", "classification", "labels", "numeric"]
