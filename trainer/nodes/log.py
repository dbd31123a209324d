"""The ledger as a member writes it: one writer per stream, so nodes other than the leader have streams of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainer.ledger.records import EventLog, Record


@dataclass(frozen=True)
class NodeLog:
    """Appends to `node-<rank>.<stream>`, and reads what the leader and data owners wrote."""

    log: EventLog
    rank: int

    def append(self, stream: str, kind: str, details: dict[str, Any]) -> Record:
        """See `EventLog.append`."""
        return self.log.append(f"node-{self.rank}.{stream}", kind, details)

    def read(self, stream: str) -> list[Record]:
        """See `EventLog.read`."""
        return self.log.read(stream)
