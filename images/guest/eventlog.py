"""One event log of the whole boot: the firmware's, followed by what user space extended after the firmware was gone.

systemd keeps a log of its own extends in /run (systemd-pcrextend(8)): records of the "Canonical Event Log" in JSON text
sequences (RFC 7464). They are re-coded as TCG_PCR_EVENT2 with the text that was hashed as the event's data, so that one
replay accounts for every extend. The log proves nothing by itself; the quote does.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

USERSPACE_LOG = Path("/run/log/systemd/tpm2-measure.log")
EV_IPL = 0x0D
ALGORITHMS = {"sha1": 0x0004, "sha256": 0x000B, "sha384": 0x000C, "sha512": 0x000D}
RECORD_SEPARATOR = "\x1e"


def records(text: str) -> list[dict[str, Any]]:
    """The records of a JSON text sequence, oldest first.

    Raises:
        ValueError: a record is not a JSON object.
    """
    found = [json.loads(piece) for piece in text.split(RECORD_SEPARATOR) if piece.strip()]
    wrong = [entry for entry in found if not isinstance(entry, dict)]
    if wrong:
        raise ValueError(f"a record of the measurement log is no object: {wrong[0]!r}")
    return found


def record(register: int, text: str, digests: Mapping[str, str]) -> dict[str, Any]:
    """A record like systemd's, for an extend of our own."""
    listed = [{"hashAlg": bank, "digest": digest} for bank, digest in digests.items()]
    return {"pcr": register, "digests": listed, "content": {"string": text}}


def event(entry: Mapping[str, Any], algorithms: Iterable[int]) -> bytes:
    """A record as TCG_PCR_EVENT2 (PC Client Platform Firmware Profile 1.06, section 10.2.2).

    Raises:
        ValueError: the record lacks the register, or a digest for one of the log's algorithms.
    """
    digests = {ALGORITHMS.get(item["hashAlg"], 0): bytes.fromhex(item["digest"]) for item in entry["digests"]}
    wanted = list(algorithms)
    if not isinstance(entry.get("pcr"), int) or not set(wanted) <= digests.keys():
        raise ValueError(f"a record of the measurement log lacks its register or a digest: {entry!r}")
    data = str(entry.get("content", {}).get("string", "")).encode()
    head = struct.pack("<III", entry["pcr"], EV_IPL, len(wanted))
    body = b"".join(struct.pack("<H", algorithm) + digests[algorithm] for algorithm in wanted)
    return head + body + struct.pack("<I", len(data)) + data


def algorithms_of(log: bytes) -> list[int]:
    """The algorithms that every event of a crypto-agile log carries (TCG_EfiSpecIDEvent, section 10.4.5.1).

    Raises:
        ValueError: the log does not begin with that event.
    """
    size = struct.unpack_from("<I", log, 28)[0] if len(log) >= 32 else 0
    header = log[32 : 32 + size]
    if not header.startswith(b"Spec ID Event03\0") or len(header) < 28:
        raise ValueError("the firmware's event log is not crypto agile")
    count = struct.unpack_from("<I", header, 24)[0]
    return [struct.unpack_from("<H", header, 28 + 4 * number)[0] for number in range(count)]


def whole(firmware_log: bytes, entries: Iterable[Mapping[str, Any]], quoted: Iterable[int]) -> bytes:
    """The firmware's log with the records of quoted registers appended.

    Raises:
        ValueError: the log or a record is malformed.
    """
    registers = set(quoted)
    algorithms = algorithms_of(firmware_log)
    return firmware_log + b"".join(event(entry, algorithms) for entry in entries if entry.get("pcr") in registers)
