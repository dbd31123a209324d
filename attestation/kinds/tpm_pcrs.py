"""PCR values beside a quote, in the shapes in which files list them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attestation.errors import AttestationError
from attestation.tcg.algorithms import HASHES, IDS, SIZES
from attestation.text import binary

_SIZE_BANK = {20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}


def put(pcrs: dict[str, dict[int, bytes]], bank: str, index: int, value: bytes) -> None:
    """Adds one value to `pcrs`.

    Raises:
        AttestationError: a register or size that no PCR has, or one that is there already.
    """
    size = SIZES[IDS[bank]]
    if not 0 <= index < 32 or len(value) != size:
        raise AttestationError(f"TPM evidence: PCR {index} of {bank} has {len(value)} bytes, expected {size}")
    if index in pcrs.setdefault(bank, {}):
        raise AttestationError(f"TPM evidence: PCR {index} of {bank} is listed twice")
    pcrs[bank][index] = value


def read_pcrs(value: Any) -> dict[str, dict[int, bytes]]:
    """PCR values as {bank: {index: hex}}, {index: hex}, or a list of 24 values; the size tells the bank.

    Raises:
        AttestationError: none of these.
    """
    pcrs: dict[str, dict[int, bytes]] = {}
    if value is None:
        return pcrs
    if isinstance(value, list):
        value = {str(index): entry for index, entry in enumerate(value)}
    if not isinstance(value, Mapping):
        raise AttestationError("TPM evidence: pcrs must be an object or a list")
    for name, entry in value.items():
        if isinstance(entry, Mapping):
            bank = str(name).lower().replace("-", "").replace("_", "")
            if bank not in HASHES.values():
                raise AttestationError(f"TPM evidence: unknown PCR bank {name!r}")
            for index, digest in entry.items():
                put(pcrs, bank, _index(index), binary(digest, f"pcrs.{name}.{index}"))
        else:
            digest = binary(entry, f"pcrs.{name}")
            if len(digest) not in _SIZE_BANK:
                raise AttestationError(f"TPM evidence: PCR {name} has {len(digest)} bytes")
            put(pcrs, _SIZE_BANK[len(digest)], _index(name), digest)
    return pcrs


def _index(value: Any) -> int:
    text = str(value).lower().removeprefix("pcr")
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise AttestationError(f"TPM evidence: {value!r} is not a PCR index")
    return int(text)
