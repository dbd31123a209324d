"""The protocol-buffer message in which google/go-tpm-tools keeps a machine's attestation (`gotpm attest`).

Field numbers: go-tpm-tools, `proto/attest.proto` and `proto/tpm.proto`; encoding: Protocol Buffers, "Encoding". Only
what a quote needs is read: the AK, one quote per PCR bank, the event log, the AK's certificate and its issuers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from attestation.errors import AttestationError
from attestation.reader import Reader
from attestation.tcg.algorithms import HASHES

_VARINT, _BYTES = 0, 2
_AK, _QUOTE, _LOG, _INSTANCE, _CANONICAL_LOG, _AK_CERTIFICATE, _INTERMEDIATE, _SNP, _TDX = range(1, 10)
_LEFT_OUT = {_INSTANCE: "instance_info", _CANONICAL_LOG: "canonical_event_log", _SNP: "sev_snp", _TDX: "tdx"}
_MOST_QUOTES = 8


@dataclass(frozen=True)
class BankQuote:
    """A quote of one bank with the values it covers; `bank` is what the message says."""

    message: bytes
    signature: bytes
    bank: str
    pcrs: Mapping[int, bytes]


@dataclass(frozen=True)
class Message:
    """What was read, and the names of the parts that nothing here looks at."""

    ak_public: bytes
    quotes: tuple[BankQuote, ...]
    event_log: bytes
    certificates: tuple[bytes, ...]
    left_out: tuple[str, ...]


def looks_like(evidence: bytes) -> bool:
    """True for a message whose first field is the AK's public area; an event log begins with a register below 256."""
    return evidence[:1] == b"\x0a" and evidence[1:4] != bytes(3)


def parse(evidence: bytes) -> Message:
    """Reads a message.

    Raises:
        AttestationError: not one, or without an AK or a quote.
    """
    single: dict[int, bytes] = {}
    quotes: list[BankQuote] = []
    intermediates: list[bytes] = []
    left_out: list[str] = []
    for number, value in _fields(evidence, "attestation message"):
        if not isinstance(value, bytes):
            raise AttestationError(f"attestation message: field {number} is a number, expected bytes")
        if number in _LEFT_OUT:
            left_out.append(_LEFT_OUT[number])
        elif number == _QUOTE:
            quotes.append(_quote(value))
        elif number == _INTERMEDIATE:
            intermediates.append(value)
        elif number in {_AK, _LOG, _AK_CERTIFICATE} and number not in single:
            single[number] = value
        else:
            raise AttestationError(f"attestation message: field {number} is unknown or occurs twice")
    if _AK not in single or not 1 <= len(quotes) <= _MOST_QUOTES:
        raise AttestationError(f"attestation message: expected an AK and 1 to {_MOST_QUOTES} quotes")
    certificates = [single[_AK_CERTIFICATE]] if single.get(_AK_CERTIFICATE) else []
    return Message(
        single[_AK], tuple(quotes), single.get(_LOG, b""), (*certificates, *intermediates), tuple(sorted(left_out))
    )


def _quote(data: bytes) -> BankQuote:
    parts = _once(data, "quote", {1: bytes, 2: bytes, 3: bytes})
    if set(parts) != {1, 2, 3}:
        raise AttestationError("quote message: expected quote, signature and PCR values")
    bank, pcrs = 0, {}
    for number, value in _fields(bytes(parts[3]), "PCR message"):
        if number == 1 and isinstance(value, int) and not bank:
            bank = value
        elif number == 2 and isinstance(value, bytes):
            entry = _once(value, "PCR entry", {1: int, 2: bytes})
            index = int(entry.get(1, 0))
            if index in pcrs:
                raise AttestationError(f"PCR message: PCR {index} is listed twice")
            pcrs[index] = bytes(entry.get(2, b""))
        else:
            raise AttestationError(f"PCR message: field {number} is unknown or occurs twice")
    if bank not in HASHES:
        raise AttestationError(f"PCR message: bank {bank:#x} is not one of {sorted(HASHES.values())}")
    return BankQuote(bytes(parts[1]), bytes(parts[2]), HASHES[bank], pcrs)


def _once(data: bytes, what: str, types: Mapping[int, type]) -> dict[int, bytes | int]:
    """The fields of a message in which each of `types` may occur once and nothing else may."""
    found: dict[int, bytes | int] = {}
    for number, value in _fields(data, f"{what} message"):
        if not isinstance(value, types.get(number, ())) or number in found:
            raise AttestationError(f"{what} message: field {number} is unknown, of another type, or occurs twice")
        found[number] = value
    return found


def _fields(data: bytes, what: str) -> Iterator[tuple[int, bytes | int]]:
    reader = Reader(data, what)
    while reader.left:
        tag = _varint(reader)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            yield number, _varint(reader)
        elif wire == _BYTES:
            yield number, reader.take(_varint(reader), f"field {number}")
        else:
            raise AttestationError(f"{what}: field {number} has wire type {wire}, expected 0 or 2")


def _varint(reader: Reader) -> int:
    """An unsigned integer in groups of seven bits, least significant first; at most 64 bits, in the shortest form."""
    value = 0
    for shift in range(0, 64, 7):
        byte = reader.le(1, "varint")
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                raise AttestationError(f"{reader.what}: a number at offset {reader.at} is not in its shortest form")
            return value
    raise AttestationError(f"{reader.what}: a number at offset {reader.at} has more than 64 bits")
