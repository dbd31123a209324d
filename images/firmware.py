"""The firmware's variables: our Secure Boot keys enrolled, and nothing else."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from images import keys
from images.errors import ImageError
from images.workspace import Workspace

OVMF = Path("/usr/share/OVMF")
CODE = OVMF / "OVMF_CODE_4M.secboot.fd"
VARIABLES = OVMF / "OVMF_VARS_4M.fd"
OWNER = uuid.UUID("0d9f9b3c-6d1c-4f0e-8a2b-3d6f7c5e4a11")
"""SignatureOwner of every entry; part of what PCR 7 measures, so it never changes."""
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
"""EFI_GLOBAL_VARIABLE: vendor of SecureBoot, PK, KEK (UEFI 2.10, section 3.3)."""
IMAGE_SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
"""EFI_IMAGE_SECURITY_DATABASE_GUID: vendor of db and dbx (UEFI 2.10, section 32.4.1)."""
X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
"""EFI_CERT_X509_GUID (UEFI 2.10, section 32.4.1)."""


SHA256 = uuid.UUID("c1c41626-504c-4092-aca9-41f936934328")
"""EFI_CERT_SHA256_GUID (UEFI 2.10, section 32.4.1)."""
NOTHING_REVOKED = SHA256.bytes_le + struct.pack("<III", 28 + 48, 0, 48) + OWNER.bytes_le + bytes(32)
"""A `dbx` with one entry that matches no image, so that PCR 7 is the same on firmware that insists on one."""


@dataclass(frozen=True)
class EnrolledKeys:
    """The contents of the Secure Boot variables, as EFI_SIGNATURE_LISTs."""

    pk: bytes
    kek: bytes
    db: bytes
    dbx: bytes = NOTHING_REVOKED


def signature_data(certificate: Path, owner: uuid.UUID = OWNER) -> bytes:
    """One EFI_SIGNATURE_DATA: the owner and a DER certificate.

    Raises:
        ImageError: the file is not a PEM certificate.
    """
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise ImageError(f"{certificate}: not a readable PEM certificate ({error})") from error
    return owner.bytes_le + loaded.public_bytes(Encoding.DER)


def signature_list(certificate: Path, owner: uuid.UUID = OWNER) -> bytes:
    """An EFI_SIGNATURE_LIST with one X.509 certificate (UEFI 2.10, section 32.4.1)."""
    entry = signature_data(certificate, owner)
    return X509.bytes_le + struct.pack("<III", 28 + len(entry), 0, len(entry)) + entry


def enrolled(workspace: Workspace) -> EnrolledKeys:
    """The lists that this checkout's keys make.

    Raises:
        ImageError: a certificate is missing.
    """
    return EnrolledKeys(*(signature_list(keys.certificate(workspace, role)) for role in ("PK", "KEK", "db")))


def write_variables(lists: EnrolledKeys | None, target: Path, template: Path = VARIABLES) -> None:
    """Writes a variable store with the keys enrolled and Secure Boot on; with None, in setup mode and off.

    Raises:
        ImageError: the firmware's template is missing.
    """
    from virt.firmware.efi import siglist  # noqa: PLC0415 - needed for booting only
    from virt.firmware.varstore import edk2  # noqa: PLC0415

    if not template.is_file():
        raise ImageError(f"{template} is missing: install the package ovmf (images/apt-packages.txt)")
    store = edk2.Edk2VarStore(str(template))
    variables = store.get_varlist()
    if lists is not None:
        for name, content in (("PK", lists.pk), ("KEK", lists.kek), ("db", lists.db), ("dbx", lists.dbx)):
            if name not in variables:
                variables.create(name)
            variables[name].sigdb_set(siglist.EfiSigDB(content))
        variables.enable_secureboot()
    target.parent.mkdir(parents=True, exist_ok=True)
    store.write_varstore(str(target), variables)
