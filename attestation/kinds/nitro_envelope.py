"""The envelope in which dstack keeps a Nitro Enclave document, and how its outside is tied to the signed inside.

Nothing of the envelope is signed, yet every field of it repeats or derives from a signed one, so it can be checked
byte for byte. Layout (SCALE codec): version 0, variant 2, the document with its compact length, a vector of runtime
events, 64 bytes of report data (a copy of `user_data`), the configuration as JSON text with its compact length, in
which `os_image_hash` is the SHA-256 of PCR 0, 1 and 2. Read from the real document of docs/attestation.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

import cbor2

from attestation.errors import AttestationError
from attestation.reader import Reader
from attestation.result import Check, compare, judged, not_evaluated


@dataclass(frozen=True)
class Envelope:
    """What stands around a document."""

    document: bytes
    events: tuple[tuple[bytes, bytes], ...]
    report_data: bytes
    config: bytes


def compact(reader: Reader, field: str, limit: int) -> int:
    """A SCALE compact integer in its shortest form, at most `limit`."""
    first = reader.le(1, field)
    size = {0: 1, 1: 2, 2: 4}.get(first & 3)
    if size is None:
        raise AttestationError(f"{reader.what}: {field} is not a length")
    rest = reader.take(size - 1, field)
    value = int.from_bytes(bytes([first]) + rest, "little") >> 2
    if value > limit or (size == 2 and value < 64) or (size == 4 and value < 1 << 14):
        raise AttestationError(f"{reader.what}: {field} {value} is over {limit} or not in its shortest form")
    return value


def open_envelope(evidence: bytes) -> Envelope | None:
    """The envelope around a document, or None when the evidence is the bare document."""
    if evidence[:1] in {b"\x84", b"\xd2"}:
        return None
    if _is_array(evidence[4:]):
        return Envelope(evidence[4:], (), b"", b"")
    if evidence[:2] != b"\x00\x02":
        return None
    reader = Reader(evidence, "nitro envelope")
    reader.take(2, "version")
    document = reader.take(compact(reader, "document length", 262144), "document")
    if not reader.left:
        return Envelope(document, (), b"", b"")
    events = []
    for _ in range(compact(reader, "number of events", 1024)):
        name = reader.take(compact(reader, "event name length", 4096), "event name")
        events.append((name, reader.take(compact(reader, "event payload length", 65536), "event payload")))
    report_data = reader.take(64, "report data")
    config = reader.take(compact(reader, "configuration length", 65536), "configuration")
    reader.end()
    return Envelope(document, tuple(events), report_data, config)


def _is_array(data: bytes) -> bool:
    """True for one CBOR value that begins like a COSE_Sign1 and fills `data`: a bare document after a 4-byte prefix."""
    if data[:1] not in {b"\x84", b"\xd2"}:
        return False
    stream = BytesIO(data)
    try:
        cbor2.CBORDecoder(stream).decode()
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError, MemoryError):
        return False
    return not stream.read(1)


def check_envelope(envelope: Envelope, user_data: bytes | None, pcrs: Mapping[int, bytes]) -> list[Check]:
    """Compares every unsigned byte of the envelope with the signed content that it repeats."""
    if not envelope.report_data:
        return []
    checks = [
        compare(
            "envelope_report_data",
            (user_data or b"").hex(),
            envelope.report_data.hex(),
            "the envelope repeats the signed user_data",
        )
    ]
    image = hashlib.sha256(b"".join(pcrs.get(index, b"") for index in (0, 1, 2))).hexdigest()
    expected = json.dumps({"os_image_hash": image}, separators=(",", ":")).encode()
    checks.append(
        judged(
            "envelope_configuration",
            envelope.config == expected,
            expected=expected.decode(),
            actual=envelope.config[:400].decode("utf-8", "replace"),
            detail="the image hash must be that of PCR 0, 1 and 2, and nothing else may be there",
        )
    )
    if envelope.events:
        checks.append(
            not_evaluated(
                "envelope_events",
                "runtime events in the envelope are not signed by it",
                actual=[name.decode("utf-8", "replace") for name, _ in envelope.events],
            )
        )
    return checks
