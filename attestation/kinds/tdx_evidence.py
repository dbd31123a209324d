"""The files in which TDX quotes are found: bare, as text, in JSON beside an event log; or a CC event log alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attestation.documents import load_json
from attestation.errors import AttestationError
from attestation.text import binary, plain

_SPEC_ID = b"Spec ID Event03"
_QUOTES = ("quote", "td_quote", "tdx_quote", "intel_quote", "raw_quote", "outblob")


@dataclass(frozen=True)
class TdxEvidence:
    """What a file held."""

    layout: str
    quote: bytes | None = None
    event_log: bytes | None = None


def unwrap(evidence: bytes) -> TdxEvidence:
    """The quote in a file, and the binary event log when one is beside it.

    Raises:
        AttestationError: no known layout.
    """
    if evidence[32:47] == _SPEC_ID:
        return TdxEvidence("event-log", event_log=evidence)
    text = evidence.strip()
    if text[:1] == b"{":
        return _from_json(text)
    quote = plain(evidence, "TDX evidence")
    return TdxEvidence("quote" if quote is evidence else "text", quote=quote)


def _from_json(text: bytes) -> TdxEvidence:
    document = load_json(text, "TDX evidence")
    if not isinstance(document, Mapping):
        raise AttestationError("TDX evidence: expected a JSON object")
    if isinstance(document.get("tdx"), Mapping) and not any(
        document.get(name) for name in _QUOTES
    ):  # Intel Trust Authority's client, which names each kind it asks for
        document = document["tdx"]
    value = next((document[name] for name in _QUOTES if document.get(name)), None)
    if value is None:
        raise AttestationError(f"TDX evidence: the JSON has none of {', '.join(_QUOTES)}")
    if isinstance(value, str):
        value = value.removeprefix("0x")
    logs = (document[name] for name in ("cc_eventlog", "ccel", "event_log") if document.get(name))
    log = next((entry for entry in logs if isinstance(entry, str) and entry.lstrip()[:1] not in {"[", "{"}), None)
    return TdxEvidence("json", binary(value, "quote"), binary(log, "event log") if log else None)
