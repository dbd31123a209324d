"""From the recipe in a job to its class and its settings; a bundle's code is run here, inside the sandboxed worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from trainer.errors import Reason, TrainerError
from trainer.job import RecipeSpec
from trainer.recipes.base import Recipe


def choose_recipe(
    spec: RecipeSpec, bundle: bytes | None, code_begins: Callable[[], None]
) -> tuple[type[Recipe], dict[str, Any]]:
    """The class of a built-in recipe, or `Recipe` of the bundle after its digest has been checked once more.

    `code_begins` is called before any of the bundle is run. The settings are the bundle's own, if it has any, with the
    job's over them.
    """
    from trainer.recipes.language import LanguageRecipe  # noqa: PLC0415 - only what is used is imported
    from trainer.recipes.tabular import TabularRecipe  # noqa: PLC0415
    from trainer.recipes.vision import VisionRecipe  # noqa: PLC0415

    built_in: dict[str, type[Recipe]] = {"tabular": TabularRecipe, "vision": VisionRecipe, "language": LanguageRecipe}
    if spec.name in built_in:
        return built_in[spec.name], spec.settings
    if bundle is None or hashlib.sha256(bundle).hexdigest() != spec.bundle_digest:
        raise TrainerError(Reason.BAD_JOB, f"bundle {spec.bundle}: is not the one whose digest the job names")
    from trainer.recipes.bundle import open_bundle  # noqa: PLC0415

    opened = open_bundle(bundle, f"bundle {spec.bundle}")
    return opened.recipe(f"bundle {spec.bundle}", code_begins), opened.settings | spec.settings
