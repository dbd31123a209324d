"""A changed object, or its body, is written down again.

`localcloud.pickling` writes each body once and keeps the written form of each object; moto changes both in place.
"""

from __future__ import annotations

import importlib
from typing import Any

from localcloud.pickling import forget, forget_body


def apply() -> None:
    """Watch the attributes, the metadata and the body of objects."""
    key: Any = importlib.import_module("moto.s3.models").FakeKey
    body = key.value
    metadata = key.set_metadata

    def replace_body(self: Any, value: bytes) -> None:
        forget_body(self)
        body.fset(self, value)

    def set_metadata(self: Any, *args: Any, **kwargs: Any) -> None:
        forget(self)
        metadata(self, *args, **kwargs)

    def set_attribute(self: Any, name: str, value: Any) -> None:
        forget(self)
        object.__setattr__(self, name, value)

    key.value = property(body.fget, replace_body)
    key.set_metadata = set_metadata
    key.__setattr__ = set_attribute
