"""The desk at which every call is decided and written down, whichever protocol it came by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

from localcloud.gcp.access import Access, Authoriser, Caller, Origin
from localcloud.gcp.errors import denied
from localcloud.gcp.inventory import Inventory


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Desk:
    """Decides with the authoriser and appends each decision to a log, as the AWS half does."""

    inventory: Inventory
    authoriser: Authoriser
    log: Path | None = None
    clock: Callable[[], datetime] = _now
    lock: RLock = field(default_factory=RLock)

    def require(self, caller: Caller, origin: Origin, *accesses: Access) -> None:
        """Passes when every access is allowed. Raises `GoogleError` (PERMISSION_DENIED) at the first that is not."""
        for access in accesses:
            if not self.allows(caller, origin, access):
                raise denied(access.permission, access.resource)

    def allows(self, caller: Caller, origin: Origin, access: Access) -> bool:
        """Whether one access is allowed; the decision is in the log before this returns."""
        now = self.clock()
        with self.lock:
            decision = self.authoriser.decide(caller, origin, access, now)
            if self.log is not None:
                line = {
                    "time": now.isoformat(timespec="milliseconds"),
                    "caller": caller.member,
                    "action": access.permission,
                    "resource": access.resource,
                    "decision": "allowed" if decision.allowed else "denied",
                    "decidedBy": decision.decided_by,
                    "endpoint": origin.network or None,
                }
                with self.log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
        return decision.allowed
