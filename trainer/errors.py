"""The one exception of the trainer, and the closed list of reasons for which it stops."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why the trainer stopped; stable words that tests, logs and callers may rely on."""

    BAD_JOB = "bad-job"
    """A job, seal or settings document is not acceptable."""
    BAD_SOURCE = "bad-source"
    """The source data of a seal cannot be read as declared."""
    BAD_FORMAT = "bad-format"
    """Bytes are not in the documented format."""
    TRUNCATED = "truncated"
    """An object is shorter or longer than its header says."""
    FOREIGN = "foreign"
    """An object was sealed for another tenant, data set, run, step or place than the one asked for."""
    TAMPERED = "tampered"
    """Authentication of bytes failed: changed, reordered or spliced."""
    WRONG_KEY = "wrong-key"
    """The key does not open what it should open."""
    KEY_UNAVAILABLE = "key-unavailable"
    """The key service refused or does not know the key."""
    ATTESTATION = "attestation"
    """The machine cannot prove what it booted: no document, or an answer that was not made for this machine."""
    BAD_SIGNATURE = "bad-signature"
    """A manifest is unsigned, signed by somebody else, or changed after signing."""
    STALE = "stale"
    """An object is genuine but older than what the ledger or the job demands."""
    NOT_DECLARED = "not-declared"
    """A job asks for a column, purpose or data set that it did not declare or may not use."""
    EXPIRED = "expired"
    """The retention limit of a data set has passed."""
    STORE = "store"
    """The object store failed or refused."""
    LEDGER = "ledger"
    """The tenant's ledger could not be written or its chain does not hold."""
    PROTOCOL = "protocol"
    """The other side of the agent's socket did not keep to the protocol."""
    WORKER = "worker"
    """The worker process failed."""
    PEER = "peer"
    """Another node of the job was lost, is not what it says it is, or the nodes cannot be joined."""
    SANDBOX = "sandbox"
    """The sandbox could not be set up as demanded."""


class TrainerError(Exception):
    """The trainer stopped. `reason` says which kind of cause; the message names what, where and the way out."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
