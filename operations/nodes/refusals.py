"""What the release ledger says of a node's requests: the words that KMS itself does not give."""

from __future__ import annotations

from pathlib import Path

from operations.errors import CommandError


def size(ledger: Path, tenant: str) -> int:
    """How many decisions the tenant's ledger holds; 0 where there is none yet."""
    return len(_entries(ledger, tenant))


def reasons_since(ledger: Path, tenant: str, since: int) -> list[str]:
    """The reasons of the last refusal after the first `since` decisions; empty where there was none."""
    for decision, reasons in reversed(_entries(ledger, tenant)[since:]):
        if decision == "denied":
            return reasons
    return []


def _entries(ledger: Path, tenant: str) -> list[tuple[str, list[str]]]:
    from attestation.errors import AttestationError  # noqa: PLC0415 - only a node that starts needs it
    from attestation.ledger.store import read, tenants  # noqa: PLC0415

    if tenant not in tenants(ledger):
        return []
    try:
        return [(entry.decision, list(entry.reasons)) for entry in read(ledger, tenant).entries]
    except AttestationError as error:
        msg = f"the release ledger cannot be read: {error}"
        raise CommandError(msg) from error
