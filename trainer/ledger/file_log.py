"""The ledger as files, one line per record: for tests and single machines."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from trainer.errors import Reason, TrainerError
from trainer.ledger.records import Record, encode_record, next_record, verify_chain

_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")


class FileLog:
    """Streams as `<directory>/<stream>.jsonl`, synchronised to disk before `append` returns."""

    def __init__(self, directory: Path, tenant: str) -> None:
        self._directory = directory
        self._tenant = tenant

    def append(self, stream: str, kind: str, details: dict[str, Any]) -> Record:
        """See `EventLog.append`."""
        records = self.read(stream)
        record = next_record(records[-1] if records else None, self._tenant, stream, kind, details)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with self._path(stream).open("a", encoding="utf-8") as file:
                file.write(encode_record(record) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TrainerError(Reason.LEDGER, f"ledger of {self._tenant}: cannot append {kind}: {error}") from error
        return record

    def read(self, stream: str) -> list[Record]:
        """See `EventLog.read`."""
        path = self._path(stream)
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise TrainerError(Reason.LEDGER, f"ledger of {self._tenant}: cannot read {path}: {error}") from error
        return verify_chain(text.splitlines(), self._tenant, stream)

    def _path(self, stream: str) -> Path:
        if not _NAME.fullmatch(stream):
            raise TrainerError(Reason.LEDGER, f"ledger stream {stream!r}: only letters, digits, dot, dash, underscore")
        return self._directory / f"{stream}.jsonl"
