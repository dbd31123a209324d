"""TPM algorithm identifiers of hashes (TCG Algorithm Registry, table 3) and what they are called here."""

from __future__ import annotations

import hashlib

HASHES = {0x0004: "sha1", 0x000B: "sha256", 0x000C: "sha384", 0x000D: "sha512"}
"""TPM_ALG_ID to name; SM3-256 (0x0012) is recognised by size only."""
SIZES = {0x0004: 20, 0x000B: 32, 0x000C: 48, 0x000D: 64, 0x0012: 32}
IDS = {name: identifier for identifier, name in HASHES.items()}


def digest(name: str, data: bytes) -> bytes:
    """The hash of `data`; `name` is one of the values of HASHES."""
    return hashlib.new(name, data, usedforsecurity=False).digest()


def extend(name: str, register: bytes, value: bytes) -> bytes:
    """The register after an extend: H(register || value) (TPM 2.0 Part 1, section 11.4.8)."""
    return digest(name, register + value)
