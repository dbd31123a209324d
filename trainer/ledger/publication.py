"""What the ledger says about published documents: which one is current, and who signed it.

A publication is two records: the intent before the object is written and the confirmation after it. A crash between
them leaves an intent; the object it names is genuine whether or not it was written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from trainer.errors import Reason, TrainerError
from trainer.ledger.records import Record


@dataclass(frozen=True)
class Publication:
    """One publication in the ledger."""

    digest: str
    signer: str
    confirmed: bool
    details: dict[str, Any]


def data_stream(data_set: str) -> str:
    """The ledger stream of a data set."""
    return f"data.{data_set}"


def run_stream(run: str) -> str:
    """The ledger stream of a training run."""
    return f"run.{run}"


def acceptable(records: Iterable[Record], intent: str, done: str, match: dict[str, Any]) -> list[Publication]:
    """The publications whose document may be what lies in the store now, newest first.

    These are the last confirmed one and every intent after it, among the records whose details contain `match`.
    Anything older is a rollback.
    """
    found: list[Publication] = []
    for record in records:
        details = record.details
        if record.kind not in {intent, done} or any(details.get(name) != value for name, value in match.items()):
            continue
        entry = Publication(str(details["manifest"]), str(details["signer"]), record.kind == done, details)
        found = [entry] if entry.confirmed else [entry, *found]
    return found


def check_current(document_digest: str, publications: list[Publication], name: str, trusted: str | None) -> str:
    """The signer of the document with this digest, if the ledger has it as current and it is `trusted`, when given."""
    if not publications:
        raise TrainerError(Reason.LEDGER, f"{name}: the tenant's ledger has no record of its publication; refused")
    for publication in publications:
        if publication.digest == document_digest:
            if trusted is not None and publication.signer != trusted:
                raise TrainerError(
                    Reason.BAD_SIGNATURE, f"{name}: signed by {publication.signer}, but the job pins {trusted}; refused"
                )
            return publication.signer
    raise TrainerError(
        Reason.STALE,
        f"{name}: is not the newest published one (ledger: {publications[0].digest[:16]}…, found: "
        f"{document_digest[:16]}…); it was rolled back or replaced",
    )
