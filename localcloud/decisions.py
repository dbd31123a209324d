"""The decision log: one line of JSON for each access that was decided."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from localcloud.access import Access, Decision, Request


class DecisionLog:
    """Appends to a file; the file outlives the process."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8") if path is not None else None

    def record(self, now: datetime, request: Request, access: Access, decision: Decision) -> None:
        """Append one decision: time, caller, action, resource, decision, decidedBy."""
        if self._file is None:
            return
        line = {
            "time": now.isoformat(timespec="milliseconds"),
            "caller": request.caller.arn or "anonymous",
            "action": access.action,
            "resource": access.resource,
            "decision": "allowed" if decision.allowed else "denied",
            "decidedBy": decision.decided_by,
            "endpoint": request.endpoint.id if request.endpoint else None,
        }
        self._file.write(json.dumps(line) + "\n")
