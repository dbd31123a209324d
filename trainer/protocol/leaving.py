"""Which words may leave the sandbox once the tenant's own code runs in it: places in that code, and no others.

The code shares its process with ours and can send what it likes in place of our words, training data included.
"""

from __future__ import annotations

import re
from typing import Final

from trainer.errors import Reason

FAILED: Final = "the recipe failed with "
NO_RECIPE: Final = "the bundle has no class Recipe derived from trainer's Recipe"
WRONG_SETTINGS: Final = "the settings are not those of the recipe's class Settings"
_PLACE: Final = re.compile(FAILED + r"[A-Za-z]{1,40}( in bundle/[A-Za-z0-9_./-]{1,64}, line [0-9]{1,6})?")


def leaving(words: str, reason: Reason) -> str:
    """`words` if they are a kind of error and a place in the bundle, or a sentence of ours; else the reason alone."""
    if words in {NO_RECIPE, WRONG_SETTINGS} or _PLACE.fullmatch(words):
        return words
    return f"the recipe stopped the job ({reason}); what it says stays inside, as it may be training data"
