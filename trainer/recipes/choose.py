"""From the name in a job to the recipe's class; a bundle's code is run here, inside the sandboxed worker."""

from __future__ import annotations

import hashlib
import types

from trainer.errors import Reason, TrainerError
from trainer.job import RecipeSpec
from trainer.recipes.base import Recipe


def choose_recipe(spec: RecipeSpec, bundle: bytes | None) -> type[Recipe]:
    """The class of a built-in recipe, or `Recipe` of the bundle after its digest has been checked once more."""
    from trainer.recipes.language import LanguageRecipe  # noqa: PLC0415 - only what is used is imported
    from trainer.recipes.tabular import TabularRecipe  # noqa: PLC0415
    from trainer.recipes.vision import VisionRecipe  # noqa: PLC0415

    built_in: dict[str, type[Recipe]] = {"tabular": TabularRecipe, "vision": VisionRecipe, "language": LanguageRecipe}
    if spec.name in built_in:
        return built_in[spec.name]
    if bundle is None or hashlib.sha256(bundle).hexdigest() != spec.bundle_digest:
        raise TrainerError(Reason.BAD_JOB, f"bundle {spec.bundle}: is not the one whose digest the job names")
    module = types.ModuleType("job_bundle")
    exec(compile(bundle, "bundle.py", "exec"), module.__dict__)  # noqa: S102 - a job is code; this is what is confined
    found = getattr(module, "Recipe", None)
    if not (isinstance(found, type) and issubclass(found, Recipe) and found is not Recipe):
        raise TrainerError(Reason.BAD_JOB, f"bundle {spec.bundle}: has no class Recipe derived from trainer's Recipe")
    return found
