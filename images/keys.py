"""The Secure Boot keys of this checkout, made once by mkosi, and their X.509 files.

PCR 7 depends on all of them, so one set is kept for the life of the images that it signed ("golden" keys).
They are RSA 2048 because firmware of EC2, GCP and OVMF alike accepts that.
"""

from __future__ import annotations

from pathlib import Path

from images import tools
from images.workspace import Workspace

ROLES = {"PK": "Bulkhead platform key", "KEK": "Bulkhead key exchange key", "db": "Bulkhead image signer"}
VALID_DAYS = 3650


def directory(workspace: Workspace, role: str) -> Path:
    """Where a role's `mkosi.key` and `mkosi.crt` lie."""
    return workspace.keys / role


def certificate(workspace: Workspace, role: str) -> Path:
    """A role's certificate, PEM."""
    return directory(workspace, role) / "mkosi.crt"


def db_key(workspace: Workspace) -> Path:
    """The private key that signs images, PEM."""
    return directory(workspace, "db") / "mkosi.key"


def db_certificate(workspace: Workspace) -> Path:
    """The certificate that firmware checks images against, PEM."""
    return certificate(workspace, "db")


def make(workspace: Workspace) -> None:
    """Makes the keys that are missing; never replaces one.

    Raises:
        ImageError: mkosi failed.
    """
    for role, name in ROLES.items():
        if certificate(workspace, role).is_file():
            continue
        place = directory(workspace, role)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        tools.run(
            workspace,
            [
                "mkosi",
                f"--directory={tools.inside(place, workspace)}",
                f"--genkey-valid-days={VALID_DAYS}",
                f"--genkey-common-name={name}",
                "genkey",
            ],
        )
        (place / "mkosi.key").chmod(0o600)
