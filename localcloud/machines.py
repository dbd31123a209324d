"""The machines of the local cloud: what the hypervisor and the metadata service know of each.

A machine is registered as EC2 would start it: in an account, with an instance profile's role, in the account's
network, with a TPM whose attestation key the host made and therefore knows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import threading
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from attestation.errors import AttestationError
from attestation.tcg.tpm_structures import Public, parse_public
from localcloud.errors import LocalCloudError


@dataclass(frozen=True)
class Machine:
    """One machine.

    Attributes:
        id: `i-…`.
        account: the account that it runs in.
        role: the name of its instance profile's role.
        ak_public: its attestation key, TPM2B_PUBLIC in base64.
        ek_sha256: fingerprint of its endorsement key's certificate; empty for a TPM that was made without one.
        launched: when, RFC 3339.
    """

    id: str
    account: str
    role: str
    ak_public: str
    ek_sha256: str
    launched: str

    @property
    def attestation_key(self) -> Public:
        """The key with which its TPM signs quotes."""
        return parse_public(base64.b64decode(self.ak_public))

    @property
    def module_id(self) -> str:
        """What a NitroTPM document calls the machine's TPM, `i-…-tpm…`."""
        return f"{self.id}-tpm{hashlib.sha256(self.attestation_key.name).hexdigest()[:16]}"


class Machines:
    """The register, kept in one file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, Machine] = {}
        if file.exists():
            try:
                self._known = {entry["id"]: Machine(**entry) for entry in json.loads(file.read_text(encoding="utf-8"))}
            except (ValueError, TypeError, KeyError) as error:
                raise LocalCloudError(f"{file}: not a register of machines ({error}); remove it") from error

    def find(self, machine: Any) -> Machine | None:
        """The machine with this id, or None."""
        return self._known.get(machine) if isinstance(machine, str) else None

    def add(self, machine: Machine) -> None:
        """Remembers a machine; it is on disk when this returns."""
        with self._lock:
            self._known[machine.id] = machine
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps([asdict(entry) for entry in self._known.values()], indent=1), encoding="utf-8")
            new.replace(self._file)


def described(
    machine: str, account: str, role: str, ak_public: Any, ek_certificate: Any, launched: datetime
) -> Machine:
    """A machine from the values of a registration.

    Raises:
        AttestationError: the key is not a TPM's attestation key, or the certificate is not one.
    """
    raw = _base64(ak_public, "ak_public")
    lacking = parse_public(raw).lacks_for_attestation()
    if lacking:
        raise AttestationError(f"ak_public: not an attestation key: it lacks {', '.join(lacking)}")
    fingerprint = ""
    if ek_certificate is not None:
        der = _base64(ek_certificate, "ek_certificate")
        try:
            x509.load_der_x509_certificate(der)
        except ValueError as error:
            raise AttestationError(f"ek_certificate: not a DER certificate: {error}") from error
        fingerprint = hashlib.sha256(der).hexdigest()
    return Machine(machine, account, role, base64.b64encode(raw).decode(), fingerprint, launched.isoformat())


def _base64(value: Any, what: str) -> bytes:
    if not isinstance(value, str):
        raise AttestationError(f"{what}: base64 text is needed")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise AttestationError(f"{what}: not base64: {error}") from error
