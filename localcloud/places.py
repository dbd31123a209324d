"""Files of the local cloud below `.bulkhead/local/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Paths below the directory of one local cloud."""

    root: Path

    @property
    def status(self) -> Path:
        """What the running process tells: process id, endpoints, accounts."""
        return self.root / "status.json"

    @property
    def ports(self) -> Path:
        """The ports of the last run, kept so that configured clients stay valid."""
        return self.root / "ports.json"

    @property
    def token(self) -> Path:
        """What the control address asks for; only the owner of the folder can read it."""
        return self.root / "token"

    @property
    def attestation_roots(self) -> Path:
        """Certificates (PEM) that sign the attestation documents of local machines."""
        return self.root / "attestation-roots"

    @property
    def attestation(self) -> Path:
        """The key that signs the attestation documents of local machines."""
        return self.root / "attestation"

    @property
    def ledger(self) -> Path:
        """Release ledgers, a folder per tenant, and the public key of their heads."""
        return self.root / "ledger"

    @property
    def release_policies(self) -> Path:
        """Release policies that deployments left, `<tenant>-<purpose>.json`."""
        return self.root / "release"

    @property
    def machines(self) -> Path:
        """The machines that were started here."""
        return self.root / "machines.json"

    @property
    def decisions(self) -> Path:
        """The decision log."""
        return self.root / "decisions.jsonl"

    @property
    def state(self) -> Path:
        """Snapshots of the accounts and of the store itself."""
        return self.root / "state"

    @property
    def blobs(self) -> Path:
        """Bodies of S3 objects, by SHA-256."""
        return self.root / "state" / "blobs"

    @property
    def log(self) -> Path:
        """What the process writes to its standard output and error."""
        return self.root / "server.log"

    def make(self) -> None:
        """Make the directories; only the owner may read them, for they hold keys."""
        for directory in (self.root, self.state, self.blobs, self.attestation_roots, self.attestation):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
