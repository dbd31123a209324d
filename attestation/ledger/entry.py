"""One entry of the release ledger: a decision, what it rested on, and the hash of the entry before."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attestation.errors import AttestationError

GENESIS = "0" * 64
"""What the first entry has in place of a previous hash."""
MAX_LINE = 256 * 1024
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Tenant = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class ReleaseRecord(BaseModel):
    """What is recorded of one decision, before it takes effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Tenant
    time: datetime
    decision: Literal["allowed", "denied"]
    purpose: str = Field(max_length=64)
    requester: str = Field(max_length=2048)
    key: str = Field(default="", max_length=2048)
    """The key's ARN or resource name."""
    operation: str = Field(default="", max_length=128)
    """The API operation, such as `kms:Decrypt`."""
    evidence_kind: str = Field(default="", max_length=32)
    evidence_sha256: Sha256 | None = None
    """None when the request carried no evidence."""
    policy_sha256: Sha256
    policy_version: int = Field(default=0, ge=0)
    reference_set: str | None = Field(default=None, max_length=256)
    """Name and version of the image that matched; None when none did."""
    nonce: str | None = Field(default=None, pattern=r"^([0-9a-f]{2})*$", max_length=1024)
    reasons: tuple[Annotated[str, Field(max_length=4096)], ...] = Field(default=(), max_length=128)


class Entry(ReleaseRecord):
    """A record in its place."""

    sequence: int = Field(ge=0)
    previous: Sha256

    def line(self) -> bytes:
        """The entry as it is stored and hashed: canonical JSON (RFC 8785), one line without its end."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    def sha256(self) -> str:
        """Hash of the line: what the next entry names as `previous`."""
        return hashlib.sha256(self.line()).hexdigest()


def read_line(line: bytes, place: str) -> Entry:
    """One entry from its line.

    Raises:
        AttestationError: malformed, or not in canonical form (then its hash would say nothing).
    """
    if len(line) > MAX_LINE:
        raise AttestationError(f"{place}: {len(line)} bytes, at most {MAX_LINE} are read")
    try:
        entry = Entry.model_validate_json(line)
        canonical = entry.line()
    except (ValidationError, rfc8785.CanonicalizationError) as error:
        raise AttestationError(f"{place}: not a ledger entry: {error}") from error
    if canonical != line:
        raise AttestationError(f"{place}: not in canonical form")
    return entry
