"""When a run's key is to be replaced: by order of the job, or because it is old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from trainer.checkpoint.vault import RunVault
from trainer.job import JobSpec
from trainer.ledger.publication import run_stream
from trainer.ledger.records import Record


def rekey_if_due(vault: RunVault, job: JobSpec) -> int | None:
    """Gives the run a new key if the job says so or its newest key is too old; how many file keys were wrapped anew.

    None when the key stays. How old a key is stands in the ledger, where it was recorded before it was made.
    """
    if job.action != "rekey" and not overdue(vault.log.read(run_stream(job.run)), job.rekey_days, datetime.now(UTC)):
        return None
    return vault.rekey()


def overdue(records: list[Record], days: int | None, now: datetime) -> bool:
    """Whether the newest run key in these records is more than `days` old; never when `days` is None."""
    made = [
        datetime.fromisoformat(record.time)
        for record in records
        if record.kind == "key-generate" and record.details["context"]["purpose"] == "checkpoint"
    ]
    return bool(made) and days is not None and now - made[-1] > timedelta(days=days)
