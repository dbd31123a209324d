"""TPM evidence that lies in several files, as tpm2-tools writes it, put together as one document.

What a file is follows from its content; the two parts that say nothing of themselves, a bare RSA signature and PCR
`values`, are known by their names (`sig`, `pcr`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import utils

from attestation.certificates import load_der
from attestation.documents import load_yaml
from attestation.errors import AttestationError
from attestation.kinds.tpm_pcr_file import is_structured
from attestation.tcg.tpm_structures import parse_public

_GENERATED = b"\xff\x54\x43\x47"
_SCHEMES = {b"\0\x14", b"\0\x16", b"\0\x18"}
_SPEC_ID = b"Spec ID Event"
_NEEDED = ("quote", "signature")
MOST_FILES = 16
MOST_PRINTED = 1 << 16
"""Bytes; real output is a few KB."""
_LONGEST_SIGNATURE = 139
"""Bytes of r and s for P-521 in DER."""


def assemble(files: Mapping[str, bytes]) -> bytes:
    """One document of the layout "Ours" (docs/attestation.md) from files by name.

    Raises:
        AttestationError: a file that is no part of TPM evidence, two of one part, or no quote or signature.
    """
    parts: dict[str, str] = {}
    document: dict[str, str] = {}
    for name, data in files.items():
        part = _part(name, data)
        if part in parts:
            raise AttestationError(
                f"TPM evidence: {parts[part]} and {name} are both taken for the part `{part}`: name one"
            )
        parts[part] = name
        document[part] = _field(name, data)
    for part in _NEEDED:
        if part not in parts:
            raise AttestationError(f"TPM evidence: none of {sorted(files)} is the {part}; give it with --evidence too")
    return json.dumps(document, sort_keys=True).encode()


def _field(name: str, data: bytes) -> str:
    if not data.lstrip().startswith(b"-----BEGIN"):
        return base64.b64encode(data).decode()
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise AttestationError(f"TPM evidence: {name} begins as PEM and is not text at byte {error.start}") from error


def printed(text: bytes) -> dict[str, Any]:
    """The YAML that tpm2_quote prints, as a document of the layout "Ours"; the AK is not in it.

    Raises:
        AttestationError: not that.
    """
    what = "output of tpm2_quote"
    if len(text) > MOST_PRINTED:
        raise AttestationError(f"{what}: {len(text)} bytes, at most {MOST_PRINTED} are read")
    document = load_yaml(text, what, texts=True)
    found = document.get("signature") if isinstance(document, Mapping) else None
    banks = document.get("pcrs", {}) if isinstance(document, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(banks, Mapping):
        raise AttestationError(f"{what}: expected `quoted`, `signature` with `sig` and `pcrs` by bank")
    pcrs = {
        bank: {index: str(value).removeprefix("0x") for index, value in values.items()}
        for bank, values in banks.items()
        if isinstance(values, Mapping)
    }
    return {"quote": document["quoted"], "signature": found.get("sig"), "pcrs": pcrs}


def is_public(data: bytes) -> bool:
    """True for a public key in PEM or DER, or a TPM public area (TPM2B_PUBLIC or TPMT_PUBLIC of an RSA or ECC key)."""
    if b"BEGIN PUBLIC KEY" in data or b"BEGIN RSA PUBLIC KEY" in data:
        return True
    if data[:1] == b"\x30":
        return _der(data) == "ak_public"
    sized = int.from_bytes(data[:2], "big") == len(data) - 2
    return data[2 * sized : 2 * sized + 2] in {b"\0\x01", b"\0\x23"}


def _part(name: str, data: bytes) -> str:
    if data[:4] == _GENERATED or (data[2:6] == _GENERATED and int.from_bytes(data[:2], "big") == len(data) - 2):
        return "quote"
    if b"-----BEGIN CERTIFICATE" in data:
        return "ak_certificate"
    if b"PUBLIC KEY-----" in data:
        return "ak_public"
    if is_structured(data):
        return "pcrs"
    if data[32 : 32 + len(_SPEC_ID)] == _SPEC_ID:
        return "event_log"
    if data[:1] == b"\x30" and (found := _der(data)):
        return found
    if is_public(data) and _reads(parse_public, data):
        return "ak_public"
    if data[:2] in _SCHEMES and len(data) > 6:
        return "signature"
    lower = name.rpartition("/")[2].lower()
    if "sig" in lower and "pcr" not in lower:
        return "signature"
    if "pcr" in lower and "sig" not in lower:
        return "pcrs"
    raise AttestationError(
        f"TPM evidence: {name} is no part of a quote: expected the message, its signature, the PCR file, the AK's "
        "public key or certificate, or an event log; leave it out, or put `sig` or `pcr` into its name"
    )


def _der(data: bytes) -> str | None:
    """What a DER SEQUENCE is: certificate, public key or ECDSA signature."""
    readers: dict[str, Callable[[bytes], object]] = {
        "ak_certificate": lambda der: load_der(der, "certificate"),
        "signature": utils.decode_dss_signature,
        "ak_public": serialization.load_der_public_key,
    }
    if len(data) > _LONGEST_SIGNATURE:  # two integers are also how PKCS #1 writes an RSA key
        del readers["signature"]
    return next((part for part, read in readers.items() if _reads(read, data)), None)


def _reads(read: Callable[[bytes], object], data: bytes) -> bool:
    try:
        read(data)
    except (AttestationError, ValueError, UnsupportedAlgorithm):
        return False
    return True
