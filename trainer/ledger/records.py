"""Ledger records: what they hold and how each is linked to the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json, parse_json_object

GENESIS: Final = "0" * 64
FORMAT: Final = "bulkhead-ledger/1"


class Record(BaseModel):
    """One ledger record. `hash` is SHA-256 of the canonical JSON of everything else, `previous` included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    tenant: str
    stream: str
    sequence: int
    time: str
    kind: str
    details: dict[str, Any]
    previous: str
    hash: str


class EventLog(Protocol):
    """A tenant's append-only log: one chain of records per stream."""

    def append(self, stream: str, kind: str, details: dict[str, Any]) -> Record:
        """Writes the next record of the stream; returns only once the log has acknowledged it."""
        ...

    def read(self, stream: str) -> list[Record]:
        """All records of the stream, oldest first, after checking the whole chain; empty when there is no stream."""
        ...


def next_record(previous: Record | None, tenant: str, stream: str, kind: str, details: dict[str, Any]) -> Record:
    """The record that follows `previous` (None: the first of the stream)."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "tenant": tenant,
        "stream": stream,
        "sequence": previous.sequence + 1 if previous else 0,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "kind": kind,
        "details": details,
        "previous": previous.hash if previous else GENESIS,
    }
    return Record(**body, hash=_hash(body))


def encode_record(record: Record) -> str:
    """The record as one line of canonical JSON."""
    return canonical_json(record.model_dump()).decode()


def verify_chain(lines: Iterable[str], tenant: str, stream: str) -> list[Record]:
    """The records of `lines`, if they form one unbroken chain from the first record on.

    Raises `TrainerError` naming the first record that was changed, removed, inserted or moved.
    """
    records: list[Record] = []
    previous = GENESIS
    for position, line in enumerate(lines):
        where = f"ledger of {tenant}, stream {stream}, record {position}"
        try:
            record = Record.model_validate(parse_json_object(line.encode(), where))
        except ValidationError as error:
            raise TrainerError(
                Reason.LEDGER, f"{where}: not a ledger record: {error.error_count()} problems"
            ) from error
        body = record.model_dump(exclude={"hash"})
        if (record.format, record.tenant, record.stream, record.sequence) != (FORMAT, tenant, stream, position):
            raise TrainerError(Reason.LEDGER, f"{where}: belongs elsewhere; records were removed, moved or inserted")
        if record.previous != previous or record.hash != _hash(body):
            raise TrainerError(
                Reason.LEDGER, f"{where}: the chain breaks here; the record or its predecessor was changed"
            )
        previous = record.hash
        records.append(record)
    return records


def _hash(body: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(body)).hexdigest()
