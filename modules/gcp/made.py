"""From documents to resources: plain mappings become the bindings' own types, which check every field."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from cdktn import TerraformResource
from constructs import Construct


def made(kind: type[TerraformResource], scope: Construct, name: str, /, **arguments: Any) -> Any:
    """A resource of `kind`. Blocks may be given as plain mappings, in the words of the provider.

    The bindings call the type of a block by its path: `max_run_duration` in `scheduling` of an instance template is
    `ComputeInstanceTemplateSchedulingMaxRunDuration`. Raises `TypeError` for a field that the provider does not have.
    """
    return kind(scope, name, **{field: _typed(kind, field, value) for field, value in arguments.items()})


def _typed(owner: type, field: str, value: Any) -> Any:
    block = _block(owner, field)
    if block is None:
        return value
    if isinstance(value, Mapping):
        return block(**{inner: _typed(block, inner, held) for inner, held in value.items()})
    if isinstance(value, list):
        return [
            block(**{inner: _typed(block, inner, held) for inner, held in entry.items()})
            if isinstance(entry, Mapping)
            else entry
            for entry in value
        ]
    return value


def _block(owner: type, field: str) -> type | None:
    name = owner.__name__ + "".join(part.capitalize() for part in field.split("_"))
    return getattr(sys.modules[owner.__module__], name, None)
