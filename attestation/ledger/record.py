"""From a release decision to what is recorded of it."""

from __future__ import annotations

from datetime import UTC, datetime

from attestation.ledger.entry import ReleaseRecord
from attestation.release.offline import Release

_MAX_REASON = 4096


def record_of(
    release: Release, *, time: datetime, evidence_kind: str, nonce: bytes | None, key: str = "", operation: str = ""
) -> ReleaseRecord:
    """The record of a decision, allowed or denied."""
    return ReleaseRecord(
        tenant=release.tenant,
        time=time.astimezone(UTC),
        decision="allowed" if release.allowed else "denied",
        purpose=release.purpose,
        requester=release.requester[:2048],
        key=key,
        operation=operation,
        evidence_kind=evidence_kind,
        evidence_sha256=release.evidence_sha256 or None,
        policy_sha256=release.policy_sha256,
        policy_version=release.policy_version,
        reference_set=release.reference_set,
        nonce=None if nonce is None else nonce.hex(),
        reasons=tuple(reason[:_MAX_REASON] for reason in release.reasons[:128]),
    )
