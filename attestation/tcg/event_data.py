"""Decoding what an event measured, by its type, for people and for policies.

TCG PC Client Platform Firmware Profile 1.06, sections 3.3.4 and 10.4; UEFI 2.10 section 32.4.1 (signature lists).
"""

from __future__ import annotations

import uuid
from typing import Any

from attestation.errors import AttestationError
from attestation.reader import Reader
from attestation.tcg.device_path import path_text
from attestation.tcg.event_types import name_of

_MAX_SHOWN = 512
_VARIABLES = {0x80000001, 0x80000002, 0x8000000C, 0x800000E0}
_IMAGES = {0x80000003, 0x80000004, 0x80000005}
_TEXT = {0x05, 0x0D, 0x80000007}
_DATABASES = {"PK", "KEK", "db", "dbx", "dbt", "dbr"}
_X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
_SHA256 = uuid.UUID("c1c41626-504c-4092-aca9-41f936934328")


def describe(kind: int, data: bytes) -> dict[str, Any]:
    """The decoded data of an event; never raises: what cannot be decoded is shown in hex with the reason."""
    try:
        return _decode(kind, data)
    except (AttestationError, UnicodeDecodeError, ValueError) as error:
        return {"hex": data[:_MAX_SHOWN].hex(), "size": len(data), "undecoded": f"{name_of(kind)}: {error}"}


def _decode(kind: int, data: bytes) -> dict[str, Any]:
    if kind in _VARIABLES:
        return _variable(data)
    if kind in _IMAGES:
        return _image(data)
    if kind == 0x04:
        return {"separator": data.hex(), "error": data == b"\1\0\0\0"}
    if kind == 0x03:
        return _no_action(data)
    if kind in _TEXT:
        return {"text": _text(data)}
    if kind == 0x06:
        return _tagged(data)
    if kind == 0x08:
        return {"version": _text(data)}
    if kind in {0x80000006, 0x8000000D}:
        return _gpt(data)
    if kind == 0x80000008:
        return _blob(Reader(data, "firmware blob"))
    if kind in {0x8000000A}:
        reader = Reader(data, "firmware blob")
        name = reader.take(reader.le(1, "description size"), "description")
        return {"description": name.decode("utf-8", "replace"), **_blob(reader)}
    if kind in {0x01, 0x13} and len(data) == 16:
        return _blob(Reader(data, "POST code"))
    if kind in {0x01, 0x13, 0x0E, 0x0F, 0x10, 0x11, 0x0C, 0x07, 0x09, 0x0A, 0x0B, 0x12}:
        text = _printable(data)
        return {"text": text} if text is not None else {"hex": data[:_MAX_SHOWN].hex(), "size": len(data)}
    return {"hex": data[:_MAX_SHOWN].hex(), "size": len(data)}


def _printable(data: bytes) -> str | None:
    raw = data.rstrip(b"\0")
    if raw and all(32 <= byte < 127 or byte in {9, 10, 13} for byte in raw):
        return raw.decode("ascii")
    return None


def _text(data: bytes) -> str:
    """Text as firmware and boot loaders write it: UTF-16 when every second byte is zero, else UTF-8."""
    if len(data) >= 2 and len(data) % 2 == 0 and not any(data[1::2]):
        return data.decode("utf-16-le").rstrip("\0")
    return data.rstrip(b"\0").decode("utf-8", "replace")


def variable_parts(data: bytes) -> tuple[uuid.UUID, str, bytes]:
    """UEFI_VARIABLE_DATA: vendor GUID, name, value. Bytes after the value are tolerated: shim may log some.

    Raises:
        AttestationError: the lengths do not fit.
    """
    reader = Reader(data, "UEFI variable")
    guid = uuid.UUID(bytes_le=reader.take(16, "GUID"))
    name_units, size = reader.le(8, "name length"), reader.le(8, "data length")
    try:
        name = reader.take(2 * name_units, "name").decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise AttestationError(f"UEFI variable: the name is not UTF-16: {error}") from error
    value = reader.take(size, "value")
    return guid, name, value


def _variable(data: bytes) -> dict[str, Any]:
    guid, name, value = variable_parts(data)
    described: dict[str, Any] = {"variable": name, "guid": str(guid), "size": len(value)}
    if name in _DATABASES:
        try:
            described["signatures"] = _signature_lists(value)
        except AttestationError:
            described["signatures"] = _signature_data(value)
    elif name == "SecureBoot" and len(value) == 1:
        described["enabled"] = value == b"\1"
    elif name.startswith("Boot") and name != "BootOrder" and len(value) > 6:
        described |= _load_option(value)
    elif name == "BootOrder":
        described["order"] = [f"Boot{int.from_bytes(value[i : i + 2], 'little'):04X}" for i in range(0, len(value), 2)]
    else:
        described["value"] = value[:_MAX_SHOWN].hex()
    return described


def _load_option(value: bytes) -> dict[str, Any]:
    """EFI_LOAD_OPTION (UEFI 2.10 section 3.1.3)."""
    reader = Reader(value, "load option")
    reader.le(4, "attributes")
    path_size = reader.le(2, "device path length")
    end = next((i for i in range(reader.at, len(value) - 1, 2) if value[i : i + 2] == b"\0\0"), None)
    if end is None:
        raise AttestationError("load option: the description has no end")
    title = reader.take(end - reader.at, "description").decode("utf-16-le", "replace")
    reader.take(2, "terminator")
    return {"description": title, "path": path_text(reader.take(path_size, "device path"))}


def _signature_lists(value: bytes) -> list[dict[str, Any]]:
    """EFI_SIGNATURE_LIST, one after another: how many entries of which type, and the certificates' hashes."""
    reader = Reader(value, "signature list")
    lists: list[dict[str, Any]] = []
    while reader.left:
        kind = uuid.UUID(bytes_le=reader.take(16, "type"))
        total, header, size = reader.le(4, "list size"), reader.le(4, "header size"), reader.le(4, "entry size")
        body = Reader(reader.take(total - 28, "entries"), "signature list")
        body.take(header, "header")
        if size <= 16 or body.left % size:
            raise AttestationError(f"signature list: entries of {size} bytes do not fill {body.left}")
        entries = [body.take(size, "entry") for _ in range(body.left // size)]
        lists.append(_entries(kind, entries))
    return lists


def _entries(kind: uuid.UUID, entries: list[bytes]) -> dict[str, Any]:
    import hashlib  # noqa: PLC0415 - only signature lists of certificates need it

    names = {_X509: "x509", _SHA256: "sha256"}
    listed: dict[str, Any] = {"type": names.get(kind, str(kind)), "entries": len(entries)}
    listed["owners"] = sorted({str(uuid.UUID(bytes_le=entry[:16])) for entry in entries})
    if kind == _X509:
        listed["certificates_sha256"] = [hashlib.sha256(entry[16:]).hexdigest() for entry in entries]
    return listed


def _signature_data(value: bytes) -> list[dict[str, Any]]:
    """One EFI_SIGNATURE_DATA, as in EV_EFI_VARIABLE_AUTHORITY: the db entry that authorised an image."""
    if len(value) < 17:
        raise AttestationError(f"signature data: {len(value)} bytes are too few")
    return [_entries(_X509 if value[16] == 0x30 else _SHA256, [value])]


def _image(data: bytes) -> dict[str, Any]:
    """UEFI_IMAGE_LOAD_EVENT: where the image was loaded and the device path it came from."""
    reader = Reader(data, "image load event")
    location, length, link = (reader.le(8, name) for name in ("location", "length", "link-time address"))
    size = reader.le(8, "device path length")
    path = reader.take(size, "device path") if size else reader.take(reader.left, "device path")
    described: dict[str, Any] = {"location": location, "length": length, "link_time": link}
    try:
        described["path"] = path_text(path)
    except AttestationError:
        described["path_hex"] = path.hex()
    return described


def _no_action(data: bytes) -> dict[str, Any]:
    if data.startswith(b"StartupLocality\0") and len(data) == 17:
        return {"startup_locality": data[16]}
    signature = data[:16].rstrip(b"\0").decode("ascii", "replace")
    return {"signature": signature, "size": len(data)}


def _tagged(data: bytes) -> dict[str, Any]:
    """TCG_PCClientTaggedEvent, one or more (Linux's and Windows's loaders)."""
    reader = Reader(data, "tagged event")
    tags: list[dict[str, Any]] = []
    while reader.left and len(tags) < 256:
        tag = reader.le(4, "id")
        value = reader.take(reader.le(4, "size"), "value")
        text = _printable(value)
        tags.append({"id": tag, "size": len(value), **({"text": text} if text else {"hex": value[:64].hex()})})
    return {"tags": tags}


def _gpt(data: bytes) -> dict[str, Any]:
    """UEFI_GPT_DATA: the header's disk GUID and every partition."""
    reader = Reader(data, "GPT event")
    header = reader.take(92, "header")
    count = reader.le(8, "number of partitions")
    if count > 256:
        raise AttestationError(f"GPT event: {count} partitions")
    partitions = []
    for _ in range(count):
        entry = reader.take(128, "partition")
        partitions.append(
            {
                "type": str(uuid.UUID(bytes_le=entry[:16])),
                "guid": str(uuid.UUID(bytes_le=entry[16:32])),
                "name": entry[56:].decode("utf-16-le", "replace").rstrip("\0"),
            }
        )
    return {"disk": str(uuid.UUID(bytes_le=header[56:72])), "partitions": partitions}


def _blob(reader: Reader) -> dict[str, Any]:
    base, length = reader.le(8, "base"), reader.le(8, "length")
    reader.end()
    return {"base": f"{base:#x}", "length": length}
