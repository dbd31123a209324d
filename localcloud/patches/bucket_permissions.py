"""The gateway alone decides who may use a bucket.

moto reads bucket policies too, without their conditions: a `Deny` for plain HTTP would refuse everybody.
"""

from __future__ import annotations

import importlib
from typing import Any


def apply() -> None:
    """Let moto permit what the gateway let through."""
    models: Any = importlib.import_module("moto.s3.models")
    permitted: Any = importlib.import_module("moto.iam.access_control").PermissionResult.PERMITTED

    def get_permission(_self: Any, _action: str, _resource: str) -> Any:
        return permitted

    models.FakeBucket.get_permission = get_permission
