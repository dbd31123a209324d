"""Which stacks there are, in which order they are deployed, and where each is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tenancy.platform import CloudName

Layer = Literal["organisation", "audit", "gcp-organisation", "gcp-audit", "vault", "perimeter", "compute"]

LAYERS: tuple[Layer, ...] = get_args(Layer)


@dataclass(frozen=True)
class StackInfo:
    """A synthesised stack: `directory` holds its `cdk.tf.json`; deploy it after every stack in `depends_on`."""

    name: str
    directory: Path
    depends_on: tuple[str, ...]
    tenant: str | None
    layer: Layer
    cloud: CloudName = "aws"


def stack_name(layer: Layer, tenant: str | None = None) -> str:
    """The name of a stack: the layer, after the tenant's id where it belongs to one."""
    return layer if tenant is None else f"{tenant}-{layer}"
