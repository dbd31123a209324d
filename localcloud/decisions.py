"""The decision log: one line of JSON for each access that was decided."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from localcloud.access import Access, Decision, Request

LARGEST = 64 << 20
"""Bytes after which the log is put aside as `<name>.1` and begun anew; one older part is kept."""


class DecisionLog:
    """Appends to a file; the file outlives the process."""

    def __init__(self, path: Path | None, largest: int = LARGEST) -> None:
        self._path, self._largest = path, largest
        self._file = path.open("a", buffering=1, encoding="utf-8") if path is not None else None

    def record(self, now: datetime, request: Request, access: Access, decision: Decision) -> None:
        """Append one decision: time, caller, action, resource, decision, decidedBy."""
        if self._file is None or self._path is None:
            return
        if self._file.tell() >= self._largest:
            self._file.close()
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._file = self._path.open("a", buffering=1, encoding="utf-8")
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
