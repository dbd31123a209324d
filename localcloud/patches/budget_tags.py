"""Budgets can be tagged.

moto's Budgets has no tags; the Terraform provider lists them after it creates a budget.
"""

from __future__ import annotations

import importlib
import json
from typing import Any


def apply() -> None:
    """Add the three tag operations to moto's Budgets."""
    response: Any = importlib.import_module("moto.budgets.responses").BudgetsResponse

    def tags_of(backend: Any) -> dict[str, dict[str, str]]:
        kept: dict[str, dict[str, str]] = vars(backend).setdefault("localcloud_tags", {})
        return kept

    def list_tags_for_resource(self: Any) -> str:
        tags = tags_of(self.backend).get(self._get_param("ResourceARN"), {})
        return json.dumps({"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]})

    def tag_resource(self: Any) -> str:
        tags = tags_of(self.backend).setdefault(self._get_param("ResourceARN"), {})
        tags.update({tag["Key"]: tag["Value"] for tag in self._get_param("ResourceTags") or ()})
        return "{}"

    def untag_resource(self: Any) -> str:
        tags = tags_of(self.backend).setdefault(self._get_param("ResourceARN"), {})
        for key in self._get_param("ResourceTagKeys") or ():
            tags.pop(key, None)
        return "{}"

    original = response.create_budget

    def create_budget(self: Any) -> str:
        answer: str = original(self)
        name = self._get_param("Budget")["BudgetName"]
        arn = f"arn:aws:budgets::{self.current_account}:budget/{name}"
        tags = {tag["Key"]: tag["Value"] for tag in self._get_param("ResourceTags") or ()}
        if tags:
            tags_of(self.backend)[arn] = tags
        return answer

    response.list_tags_for_resource = list_tags_for_resource
    response.tag_resource = tag_resource
    response.untag_resource = untag_resource
    response.create_budget = create_budget
