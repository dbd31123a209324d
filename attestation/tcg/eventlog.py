"""TCG event logs in both encodings: SHA-1 only (TCG 1.2) and crypto agile (TCG 2.0), and Intel's CC event log.

TCG PC Client Platform Firmware Profile 1.06, section 10.2; for CCEL, UEFI 2.10 section 38 (same encoding; the index is
that of a measurement register: 0 is MRTD, 1 to 4 are RTMR 0 to 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from attestation.errors import AttestationError
from attestation.reader import MAX_EVIDENCE, Reader
from attestation.tcg.algorithms import HASHES, SIZES
from attestation.tcg.event_data import describe
from attestation.tcg.event_types import NO_ACTION, name_of

MAX_EVENTS = 20_000
MAX_EVENT_DATA = 4 * 1024 * 1024
_SPEC_ID_2 = b"Spec ID Event03\0"


@dataclass(frozen=True)
class Event:
    """One event: which register it extends, with what, and what was measured."""

    number: int
    index: int
    type_number: int
    digests: Mapping[str, bytes]
    data: bytes

    @property
    def type(self) -> str:
        """The name of the event's type."""
        return name_of(self.type_number)

    @property
    def extends(self) -> bool:
        """False for EV_NO_ACTION, which is information for the reader of the log only."""
        return self.type_number != NO_ACTION

    @cached_property
    def content(self) -> dict[str, Any]:
        """The event's data, decoded by its type; what cannot be decoded is given in hex with the reason."""
        return describe(self.type_number, self.data)

    def as_json(self) -> dict[str, Any]:
        """The event for reports."""
        return {
            "number": self.number,
            "register": self.index,
            "type": self.type,
            "digests": {name: value.hex() for name, value in self.digests.items()},
            "content": self.content,
        }


@dataclass(frozen=True)
class EventLog:
    """A parsed log. `banks` names the hash algorithms that every event carries."""

    events: tuple[Event, ...]
    banks: tuple[str, ...]
    crypto_agile: bool
    padding: int
    """Bytes after the last event, all equal (0xFF or 0)."""

    def summary(self) -> dict[str, Any]:
        """What the claims say about the log; the events themselves are for `attest explain`."""
        counts: dict[str, int] = {}
        for event in self.events:
            counts[event.type] = counts.get(event.type, 0) + 1
        return {
            "format": "crypto-agile" if self.crypto_agile else "sha1",
            "banks": list(self.banks),
            "events": len(self.events),
            "event_types": dict(sorted(counts.items())),
        }


def parse(data: bytes) -> EventLog:
    """Reads a log.

    Raises:
        AttestationError: not an event log, or a length in it is impossible. Nothing may follow the last event but
            padding of one repeated byte.
    """
    if len(data) > MAX_EVIDENCE:
        raise AttestationError(f"event log: {len(data)} bytes, at most {MAX_EVIDENCE} are read")
    reader = Reader(data, "event log")
    first = _legacy_event(reader, 0)
    if first.type_number == NO_ACTION and first.data.startswith(_SPEC_ID_2):
        algorithms = _spec_id(first.data)
        return _agile(reader, first, algorithms)
    events = [first]
    while reader.left and not _padding(reader):
        _bound(events)
        events.append(_legacy_event(reader, len(events)))
    return EventLog(tuple(events), ("sha1",), crypto_agile=False, padding=reader.left)


def _bound(events: list[Event]) -> None:
    if len(events) >= MAX_EVENTS:
        raise AttestationError(f"event log: more than {MAX_EVENTS} events")


def _padding(reader: Reader) -> bool:
    """True when nothing but one repeated filler byte is left: the log sits in a buffer of fixed size."""
    rest = reader.data[reader.at :]
    return rest[0] in {0x00, 0xFF} and rest.count(rest[:1]) == len(rest)


def _legacy_event(reader: Reader, number: int) -> Event:
    """TCG_PCR_EVENT: index, type, SHA-1 digest, size, data."""
    index, kind = _register(reader, number)
    sha1 = reader.take(20, f"event {number} digest")
    data = _event_data(reader, number)
    return Event(number, index, kind, {"sha1": sha1}, data)


def _register(reader: Reader, number: int) -> tuple[int, int]:
    """The register and the type; only EV_NO_ACTION may name the register 0xFFFFFFFF, "none"."""
    index, kind = reader.le(4, f"event {number} register"), reader.le(4, f"event {number} type")
    if index > 31 and not (kind == NO_ACTION and index == 0xFFFFFFFF):
        raise AttestationError(f"event log: event {number} extends register {index}; registers are 0 to 31")
    return index, kind


def _event_data(reader: Reader, number: int) -> bytes:
    size = reader.le(4, f"event {number} data size")
    if size > MAX_EVENT_DATA:
        raise AttestationError(
            f"event log: event {number} says {size} bytes of data, at most {MAX_EVENT_DATA} are read"
        )
    return reader.take(size, f"event {number} data")


def _spec_id(data: bytes) -> tuple[tuple[int, int], ...]:
    """TCG_EfiSpecIdEvent: the algorithms of the log with their digest sizes."""
    reader = Reader(data, "event log, Spec ID event")
    reader.take(16, "signature")
    reader.take(4, "platform class")
    reader.take(4, "version, errata, uintn size")
    count = reader.le(4, "number of algorithms")
    if not 1 <= count <= 8:
        raise AttestationError(f"event log, Spec ID event: {count} algorithms, expected 1 to 8")
    algorithms = []
    for _ in range(count):
        identifier, size = reader.le(2, "algorithm"), reader.le(2, "digest size")
        if SIZES.get(identifier, size) != size or not 1 <= size <= 64:
            raise AttestationError(f"event log, Spec ID event: algorithm {identifier:#x} with digests of {size} bytes")
        algorithms.append((identifier, size))
    reader.take(reader.le(1, "vendor information size"), "vendor information")
    if reader.take(reader.left, "padding").strip(b"\0"):
        raise AttestationError("event log, Spec ID event: bytes that are not zero follow its end")
    return tuple(algorithms)


def _agile(reader: Reader, first: Event, algorithms: tuple[tuple[int, int], ...]) -> EventLog:
    sizes = dict(algorithms)
    events = [first]
    while reader.left and not _padding(reader):
        _bound(events)
        number = len(events)
        index, kind = _register(reader, number)
        count = reader.le(4, f"event {number} number of digests")
        if count > len(sizes):
            raise AttestationError(f"event log: event {number} has {count} digests, the header names {len(sizes)}")
        digests: dict[str, bytes] = {}
        for _ in range(count):
            identifier = reader.le(2, f"event {number} digest algorithm")
            if identifier not in sizes:
                raise AttestationError(f"event log: event {number} uses algorithm {identifier:#x}, not in the header")
            name = HASHES.get(identifier, f"alg-{identifier:04x}")
            if name in digests:
                raise AttestationError(f"event log: event {number} has two digests of {name}")
            digests[name] = reader.take(sizes[identifier], f"event {number} digest")
        events.append(Event(number, index, kind, digests, _event_data(reader, number)))
    banks = tuple(HASHES[identifier] for identifier, _ in algorithms if identifier in HASHES)
    return EventLog(tuple(events), banks, crypto_agile=True, padding=reader.left)
