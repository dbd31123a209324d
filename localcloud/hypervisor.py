"""The host's attestation service: in the place of the Nitro hypervisor, which signs NitroTPM documents on EC2.

A machine asks for a challenge, has its TPM quote its registers over it, and gets a document in AWS's format with the
quoted registers, signed under this local cloud's own root. The host believes nothing but the quote: it verifies it
with the key that the machine was registered with, and each challenge serves once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.errors import AttestationError
from attestation.kinds import tpm
from attestation.nitro_issuer import Issuer, issue, make_root
from attestation.result import Claims, Status, sentence
from localcloud.errors import LocalCloudError
from localcloud.machines import Machine

LIFETIME = timedelta(minutes=5)
BANK = "sha384"
MOST_CHALLENGES = 4096
_MOST_FIELD = 64 * 1024


class RefusedError(Exception):
    """No document is signed; the message says why."""


@dataclass(frozen=True)
class _Challenge:
    machine: str
    made: datetime


class Hypervisor:
    """Gives challenges and signs documents."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._challenges: dict[bytes, _Challenge] = {}

    def challenge(self, machine: Machine, now: datetime) -> bytes:
        """32 fresh bytes for one document of this machine, within five minutes."""
        for nonce in [nonce for nonce, known in self._challenges.items() if now - known.made > LIFETIME]:
            del self._challenges[nonce]
        while len(self._challenges) >= MOST_CHALLENGES:
            del self._challenges[next(iter(self._challenges))]
        fresh = secrets.token_bytes(32)
        self._challenges[fresh] = _Challenge(machine.id, now)
        return fresh

    def document(self, machine: Machine, asked: Mapping[str, Any], now: datetime) -> bytes:
        """A signed document for `machine` from the request's fields.

        Raises:
            RefusedError: the challenge is not this machine's, too old or used already, or the quote is not genuine.
        """
        nonce = _hex(asked.get("nonce"), "nonce")
        public_key, user_data = _base64(asked, "public_key"), _base64(asked, "user_data")
        document_nonce = (
            None if asked.get("document_nonce") is None else _hex(asked["document_nonce"], "document_nonce")
        )
        self._redeem(nonce or b"", machine, now)
        claims = _verified(asked.get("evidence"), machine, extra_data(nonce, public_key, user_data), now)
        registers: Mapping[str, str] = claims.values["pcrs"].get(BANK, {})
        if not registers:
            raise RefusedError(f"the quote covers no register of the {BANK} bank")
        return issue(
            self._issuer,
            module_id=machine.module_id,
            pcrs={int(index): bytes.fromhex(value) for index, value in registers.items()},
            now=now,
            public_key=public_key,
            user_data=user_data,
            nonce=document_nonce,
        )

    def _redeem(self, nonce: bytes, machine: Machine, now: datetime) -> None:
        """Takes a challenge out; whatever comes of it, it does not serve again."""
        known = self._challenges.pop(nonce, None)
        if known is None:
            raise RefusedError("the nonce is unknown or was used already: ask for a new challenge")
        if known.machine != machine.id:
            raise RefusedError("the nonce was given to another machine")
        if now - known.made > LIFETIME:
            raise RefusedError("the nonce has expired: ask for a new challenge")


def extra_data(nonce: bytes, public_key: bytes | None, user_data: bytes | None) -> bytes:
    """What the machine's quote must be made over: the challenge and all that the document will carry."""
    parts = (nonce, hashlib.sha256(public_key or b"").digest(), hashlib.sha256(user_data or b"").digest())
    return hashlib.sha256(b"".join(parts)).digest()


def _verified(evidence: Any, machine: Machine, expected: bytes, now: datetime) -> Claims:
    try:
        raw = json.dumps(evidence).encode()
        claims = tpm.verify(raw, nonce=expected, now=now, trusted_keys=(machine.attestation_key.key,))
    except AttestationError as error:
        raise RefusedError(f"the evidence is malformed: {error}") from error
    if not claims.genuine or not claims.anchored:
        failed = [sentence(check) for check in claims.checks if check.status is Status.FAIL]
        raise RefusedError(f"the quote is not this machine's: {'; '.join(failed) or 'its key is not known'}")
    if claims.values["extra_data"] != expected.hex():
        raise RefusedError("the quote was made over something else than the challenge and the values asked for")
    return claims


def _hex(value: Any, what: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError) as error:
        raise RefusedError(f"{what}: hexadecimal text is needed") from error


def _base64(asked: Mapping[str, Any], what: str) -> bytes | None:
    value = asked.get(what)
    if value is None:
        return None
    try:
        found = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise RefusedError(f"{what}: base64 text is needed") from error
    if len(found) > _MOST_FIELD:
        raise RefusedError(f"{what}: at most {_MOST_FIELD} bytes")
    return found


def root_in(keys: Path, roots: Path) -> Issuer:
    """The root of this local cloud, made when it is first asked for: the key in `keys`, the certificate in `roots`.

    Raises:
        LocalCloudError: the files are there but cannot be used.
    """
    key_file, certificate_file = keys / "root.key", roots / "local.pem"
    if not key_file.exists() or not certificate_file.exists():
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = make_root("Bulkhead local cloud, a test double", datetime.now(UTC))
        key_file.touch(mode=0o600)
        key_file.write_bytes(
            made.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        certificate_file.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    except ValueError as error:
        raise LocalCloudError(f"{key_file} or {certificate_file} cannot be read ({error}); remove both") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise LocalCloudError(f"{key_file} and {certificate_file} do not belong together; remove both")
    return Issuer(key, certificate)
