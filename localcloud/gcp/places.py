"""Files of the Google Cloud half below `.bulkhead/local/gcp/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GcpPlaces:
    """Paths below the directory of one local cloud."""

    root: Path

    @property
    def folder(self) -> Path:
        """Everything of this half."""
        return self.root / "gcp"

    @property
    def status(self) -> Path:
        """What the running process tells."""
        return self.folder / "status.json"

    @property
    def deployed(self) -> Path:
        """What is loaded as if applied: organisation, deployer and the stacks' own documents."""
        return self.folder / "deployed.json"

    @property
    def stacks(self) -> Path:
        """Copies of the loaded stacks: `<stack>.tf.json`."""
        return self.folder / "stacks"

    @property
    def decisions(self) -> Path:
        """The decision log."""
        return self.folder / "decisions.jsonl"

    @property
    def ports(self) -> Path:
        """The ports of the last run."""
        return self.folder / "ports.json"

    @property
    def token(self) -> Path:
        """What the control addresses ask for."""
        return self.folder / "token"

    @property
    def keys(self) -> Path:
        """Key material of Cloud KMS."""
        return self.folder / "keys.json"

    @property
    def objects(self) -> Path:
        """Objects of Cloud Storage."""
        return self.folder / "objects"

    @property
    def issuer(self) -> Path:
        """The attestation issuer's signing key."""
        return self.folder / "issuer.pem"

    @property
    def authority(self) -> Path:
        """Certificate of the authority that gRPC clients trust."""
        return self.folder / "authority.pem"

    @property
    def log(self) -> Path:
        """What the process writes."""
        return self.folder / "server.log"

    def make(self) -> None:
        """Makes the directories; only the owner may read them, for they hold keys."""
        for directory in (self.folder, self.stacks, self.objects):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
