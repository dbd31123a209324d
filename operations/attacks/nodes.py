"""The nodes of both parties, started as an attempt needs them: the machine is genuine, what it booted is not always."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from operations.local import LocalCloud
from operations.nodes.accepted import ROLLED_BACK
from operations.nodes.measurement import CHECKOUT, PACKAGES, Extend, measure
from operations.nodes.process import ARGUMENTS, Chip, booted
from tenancy.tenant import Tenant

Boot = Literal["accepted", "other command line", "older build", "changed trainer"]
"""What a node booted."""


@dataclass(frozen=True)
class NodeOf:
    """A machine of one party: where it stands, its TPM, and its id."""

    cloud: LocalCloud
    tenant: Tenant
    chip: Chip
    machine: str

    @contextmanager
    def on(self, boot: Boot) -> Iterator[Any]:
        """The machine switched on with what it booted; yields its source of attestation documents."""
        from trainer.attest.hosted import HostedTpm  # noqa: PLC0415 - only the attempts that need a node load it

        with booted(self.cloud, self.tenant, self.chip, self.machine, measured(boot)) as node:
            yield HostedTpm(self.address, self.machine, tcti=node.environment["TPM2TOOLS_TCTI"])

    @property
    def address(self) -> str:
        """Where the machine reaches its host."""
        return self.cloud.network(self.tenant.id)

    def recipient(self, boot: Boot) -> dict[str, Any]:
        """KMS's `Recipient` with a fresh and genuine document of this machine."""
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

        key = rsa.generate_private_key(65537, 2048).public_key()
        with self.on(boot) as source:
            document = source.document(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        return {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": document}


def measured(boot: Boot) -> tuple[Extend, ...]:
    """What a node measures that booted so."""
    if boot == "other command line":
        return measure(CHECKOUT, (*ARGUMENTS, "--metrics", "/tmp/metrics"))  # noqa: S108 - measured, never opened
    if boot == "older build":
        return measure(CHECKOUT, ARGUMENTS, ROLLED_BACK)
    if boot == "changed trainer":
        return _changed()
    return measure(CHECKOUT, ARGUMENTS)


def _changed() -> tuple[Extend, ...]:
    """A copy of the trainer in which one byte of one file is another."""
    with tempfile.TemporaryDirectory(prefix="bulkhead-changed-") as folder:
        for package in PACKAGES:
            shutil.copytree(CHECKOUT / package, Path(folder) / package, ignore=shutil.ignore_patterns("__pycache__"))
        victim = Path(folder) / "trainer" / "agent" / "session.py"
        content = bytearray(victim.read_bytes())
        content[-1] ^= 1
        victim.write_bytes(content)
        return measure(Path(folder), ARGUMENTS)
