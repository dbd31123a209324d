"""A security group rule keeps the description of its group or prefix list.

moto tells the description of address ranges only, so Terraform would write the others again in the next run.
"""

from __future__ import annotations

import importlib
from typing import Any

_KEPT = "localcloud_description"


def apply() -> None:
    """Remember the description with which a rule of a prefix list is made, and tell those of groups."""
    rule: Any = importlib.import_module("moto.ec2.models.security_groups").SecurityGroupRule
    original, of_range = rule.__init__, rule.description

    def make(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        prefix_list = named.get("prefix_list_id") or (arguments[7] if len(arguments) > 7 else None)
        vars(self)[_KEPT] = (prefix_list or {}).get("Description")

    def description(self: Any) -> str | None:
        found: str | None = of_range.fget(self) or self.source_group.get("Description") or vars(self).get(_KEPT)
        return found

    rule.__init__ = make
    rule.description = property(description)
