"""moto does not judge key policies: the gateway has done so, with conditions.

moto refuses `kms:DescribeKey` where any Deny statement with `Resource: "*"` names the action or `kms:*`, whatever the
statement's principal and conditions say. Such a Deny, with a condition, is how a key is kept from other accounts.
"""

from __future__ import annotations

import importlib
from typing import Any


def apply() -> None:
    """Take moto's own check out."""
    responses: Any = importlib.import_module("moto.kms.responses")
    responses.validate_policy = lambda _key, _action: None
