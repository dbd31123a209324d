"""A flow log finds its log group by the destination's ARN too.

moto looks for the group under the older parameter, `LogGroupName`, alone, and reports a failed delivery where only
`LogDestination` is given, which is how the AWS provider asks.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any


def apply() -> None:
    """Give moto the group's name where only its ARN was given."""
    backend: Any = importlib.import_module("moto.ec2.models").EC2Backend
    original = backend.create_flow_logs
    signature = inspect.signature(original)

    def create(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(self, *args, **kwargs)
        destination = str(given.arguments.get("log_destination") or "")
        if ":log-group:" in destination and not given.arguments.get("log_group_name"):
            given.arguments["log_group_name"] = destination.partition(":log-group:")[2].removesuffix(":*")
        return original(*given.args, **given.kwargs)

    backend.create_flow_logs = create
