"""The operations of a response class are looked up once.

moto inspects the class for every request, which takes longer than most operations.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any


def apply() -> None:
    """Remember the method names of each class."""
    responses: Any = importlib.import_module("moto.core.responses")
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
