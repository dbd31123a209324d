"""Binary evidence in text: hex and base64, read so that no changed character goes unnoticed."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from attestation.errors import AttestationError

_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=\r\n")
_SHORTEST = 64
"""Text of fewer characters is not taken for encoded evidence."""


def binary(value: Any, what: str) -> bytes:
    """Bytes from base64 (either alphabet) or hex text, or from a list of numbers.

    Raises:
        AttestationError: neither, or base64 that no encoder would write (stray bits in the last character).
    """
    if isinstance(value, list):
        try:
            return bytes(value)
        except (ValueError, TypeError) as error:
            raise AttestationError(f"{what}: a list of bytes was expected: {error}") from error
    if not isinstance(value, str):
        raise AttestationError(f"{what}: base64 or hex text was expected, got {type(value).__name__}")
    text = "".join(value.split())
    if len(text) % 2 == 0 and text and all(c in "0123456789abcdefABCDEF" for c in text):
        if text not in {text.lower(), text.upper()}:
            raise AttestationError(f"{what}: hex with letters of both cases, which no encoder writes")
        return bytes.fromhex(text)
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AttestationError(f"{what}: not base64 or hex: {error}") from error
    if base64.b64encode(decoded).decode().rstrip("=") != plain:
        raise AttestationError(f"{what}: not canonical base64")
    return decoded


def plain(evidence: bytes, what: str) -> bytes:
    """The bytes of a file that is hex or base64 text as a whole; any other file as it is.

    Raises:
        AttestationError: base64 that no encoder would write.
    """
    text = evidence.strip(b" \t\r\n").removeprefix(b"0x")
    if len(text) < _SHORTEST or not _ALPHABET.issuperset(text):
        return evidence
    return binary(text.decode("ascii"), what)
