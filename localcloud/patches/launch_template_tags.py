"""Tags of a launch template are not tags of what is launched from it.

moto copies the template's own tag specification into its data, so that the provider sees a difference for ever.
"""

from __future__ import annotations

import importlib
from typing import Any


def apply() -> None:
    """Leave the template's own tags out of its data."""
    backend: Any = importlib.import_module("moto.ec2.models").EC2Backend
    original = backend.create_launch_template

    def create(self: Any, name: str, description: str, data: dict[str, Any], tag_spec: dict[str, Any]) -> Any:
        specifications = [
            item for item in data.pop("TagSpecifications", []) if item.get("ResourceType") != "launch-template"
        ]
        if specifications:
            data["TagSpecifications"] = specifications
        return original(self, name, description, data, tag_spec)

    backend.create_launch_template = create
