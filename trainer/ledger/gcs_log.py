"""The ledger in Google Cloud Storage: one object per record in a bucket with a locked retention policy.

Not Cloud Logging: its writes have no precondition, and its reads lag behind its writes. Here the next record is an
object that must not exist yet (generation 0), so two writers cannot both append and a chain has no forks; lists and
reads are strongly consistent; and until the bucket's retention has passed nobody can replace or remove a record, its
owner included (Cloud Storage "Bucket Lock").
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from trainer.errors import Reason, TrainerError
from trainer.ledger.records import Record, encode_record, next_record, verify_chain
from trainer.store.objects import ObjectStore

_STREAM = re.compile(r"[A-Za-z0-9._-]{1,200}")
_RECORD = re.compile(r"[0-9]{12}\.json")
_READERS = 8


class ObjectLog:
    """Appends to and reads one tenant's ledger: `<stream>/<sequence, twelve digits>.json` below a store's URL."""

    def __init__(self, store: ObjectStore, tenant: str) -> None:
        self._store = store
        self._tenant = tenant
        self._heads: dict[str, Record | None] = {}

    def append(self, stream: str, kind: str, details: dict[str, Any]) -> Record:
        """See `EventLog.append`. A second writer of the same stream is refused, and so is its record."""
        if stream not in self._heads:
            records = self.read(stream)
            self._heads[stream] = records[-1] if records else None
        record = next_record(self._heads[stream], self._tenant, stream, kind, details)
        name, line = _object(stream, record.sequence), encode_record(record).encode()
        try:
            self._store.put(name, line, exclusive=True)
        except TrainerError as error:
            # An answer that was lost on the way makes the library ask again, and the second time the record is there.
            if not self._holds(name, line):
                del self._heads[stream]
                raise self._failed(f"cannot append {kind} to {stream}", error) from error
        self._heads[stream] = record
        return record

    def read(self, stream: str) -> list[Record]:
        """See `EventLog.read`."""
        if not _STREAM.fullmatch(stream):
            raise TrainerError(Reason.LEDGER, f"ledger stream {stream!r}: only letters, digits, dot, dash, underscore")
        try:
            names = self._store.names(f"{stream}/")
            with ThreadPoolExecutor(_READERS) as pool:
                lines = [data.decode("utf-8", "replace") for data in pool.map(self._store.get, names)]
        except TrainerError as error:
            raise self._failed(f"cannot read {stream}", error) from error
        if strange := [name for name in names if not _RECORD.fullmatch(name[len(stream) + 1 :])]:
            raise TrainerError(
                Reason.LEDGER, f"ledger {self._store.url} of tenant {self._tenant}: {strange[0]} is not a record"
            )
        return verify_chain(lines, self._tenant, stream)

    def _holds(self, name: str, line: bytes) -> bool:
        try:
            return self._store.get(name) == line
        except TrainerError:
            return False

    def _failed(self, what: str, error: TrainerError) -> TrainerError:
        return TrainerError(Reason.LEDGER, f"ledger {self._store.url} of tenant {self._tenant}: {what}: {error}")


def _object(stream: str, sequence: int) -> str:
    return f"{stream}/{sequence:012d}.json"
