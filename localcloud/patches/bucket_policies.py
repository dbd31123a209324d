"""moto does not judge bucket policies: the gateway has done so, with conditions.

moto refuses an object where any Deny statement of the bucket's policy names the action, whatever the statement's
conditions say, and treats a request that it takes for unsigned as anonymous.
"""

from __future__ import annotations

import importlib
from typing import Any


def apply() -> None:
    """Let moto's own check permit everything."""
    models: Any = importlib.import_module("moto.s3.models")
    access: Any = importlib.import_module("moto.iam.access_control")
    models.FakeBucket.get_permission = lambda _self, _action, _resource: access.PermissionResult.PERMITTED
