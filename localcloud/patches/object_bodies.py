"""A changed object body is written down again.

`localcloud.pickling` writes each body once and marks the object; moto replaces bodies in place through a property.
"""

from __future__ import annotations

import importlib
from typing import Any

from localcloud.pickling import forget_body


def apply() -> None:
    """Wrap the setter of an object's body."""
    key: Any = importlib.import_module("moto.s3.models").FakeKey
    original = key.value

    def replace(self: Any, body: bytes) -> None:
        forget_body(self)
        original.fset(self, body)

    key.value = property(original.fget, replace)
