"""The layout of NVIDIA's GPU attestation reports: an SPDM 1.1 GET_MEASUREMENTS request followed by its response.

DMTF DSP0274 1.1, sections "GET_MEASUREMENTS request" and "MEASUREMENTS response"; the opaque data's field numbers are
those of NVIDIA's own verifier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from attestation.documents import load_json
from attestation.errors import AttestationError
from attestation.reader import Reader
from attestation.text import binary, plain

_LISTS = ("evidences", "evidence_list", "device_evidence_list", "gpu_evidences", "gpuEvidence", "evidence")
"""Where a file of several devices lists them; nonce and architecture may then stand beside the list."""
_REPORTS = ("evidence", "attestation_report", "attestationReport", "attestationReportHexStr", "report")
_CERTIFICATES = ("certificate", "certificate_chain", "cert_chain", "certChainBase64Encoded", "attestationCertChain")
SIGNATURE_SIZE = 96
_MAX_DEVICES = 64
OPAQUE = {
    1: "cert_issuer_name",
    2: "cert_authority_key_identifier",
    3: "driver_version",
    4: "gpu_info",
    5: "sku",
    6: "vbios_version",
    7: "manufacturer_id",
    8: "tamper_detection",
    9: "smc",
    10: "vpr",
    11: "nvdec0_status",
    12: "measurement_counts",
    13: "cpr_info",
    14: "board_id",
    15: "chip_sku",
    16: "chip_sku_mod",
    17: "project",
    18: "project_sku",
    19: "project_sku_mod",
    20: "fwid",
    21: "protected_pcie_status",
    22: "switch_pdi",
    23: "floorswept_ports",
    24: "position_id",
    25: "lock_switch_status",
    32: "gpu_link_conn",
    33: "sys_enable_status",
    34: "opaque_data_version",
    35: "chip_info",
    36: "feature_flag",
    255: "invalid",
}
_TEXT = {
    "driver_version",
    "board_id",
    "chip_sku",
    "chip_sku_mod",
    "project",
    "project_sku",
    "project_sku_mod",
    "chip_info",
}
_FEATURES = {0: "SPT", 1: "MPT", 2: "PPCIE"}


@dataclass(frozen=True)
class Report:
    """A parsed report; nothing in it is verified yet."""

    request_nonce: bytes
    response_nonce: bytes
    measurements: Mapping[int, bytes]
    opaque: Mapping[str, bytes]
    signed: bytes
    signature: bytes

    def claims(self) -> dict[str, Any]:
        """The opaque data in readable form."""
        values: dict[str, Any] = {}
        for name, raw in self.opaque.items():
            if name in _TEXT:
                values[name] = raw.split(b"\0")[0].decode("utf-8", "replace")
            elif name == "vbios_version":
                values[name] = _vbios(raw)
            elif name == "feature_flag":
                flag = int.from_bytes(raw, "little")
                values[name] = _FEATURES.get(flag, str(flag))
            elif name == "measurement_counts":
                values[name] = [int.from_bytes(raw[i : i + 4], "little") for i in range(0, len(raw), 4)]
            else:
                values[name] = raw.hex()
        return values


def _vbios(raw: bytes) -> str:
    """The version as NVIDIA prints it: the upper half of the little-endian number, then the byte below; or text."""
    if raw and all(32 < byte < 127 for byte in raw):
        return raw.decode("ascii")
    digits = raw[::-1].hex().upper()
    half = len(digits) // 2
    shown = digits[half:] + digits[half - 2 : half]
    return ".".join(shown[i : i + 2] for i in range(0, len(shown), 2))


def parse(data: bytes) -> Report:
    """Reads one report.

    Raises:
        AttestationError: not an SPDM 1.1 measurement exchange of the expected form.
    """
    reader = Reader(data, "NVIDIA report")
    if reader.take(2, "request header") != b"\x11\xe0":
        raise AttestationError("NVIDIA report: does not begin with an SPDM 1.1 GET_MEASUREMENTS request (11 e0)")
    reader.take(2, "request parameters")
    request_nonce = reader.take(32, "request nonce")
    reader.take(1, "slot")
    if reader.take(2, "response header") != b"\x11\x60":
        raise AttestationError("NVIDIA report: the request is not followed by a MEASUREMENTS response (11 60)")
    reader.take(2, "response parameters")
    blocks = reader.le(1, "number of blocks")
    record = Reader(reader.take(reader.le(3, "record length"), "measurement record"), "NVIDIA measurement record")
    measurements = _blocks(record, blocks)
    response_nonce = reader.take(32, "response nonce")
    opaque = _opaque(Reader(reader.take(reader.le(2, "opaque length"), "opaque data"), "NVIDIA opaque data"))
    signed = data[: reader.at]
    signature = reader.take(SIGNATURE_SIZE, "signature")
    if reader.take(reader.left, "padding").strip(b"\0"):
        raise AttestationError("NVIDIA report: bytes that are not zero follow its end")
    return Report(request_nonce, response_nonce, measurements, opaque, signed, signature)


def _blocks(reader: Reader, count: int) -> dict[int, bytes]:
    measurements: dict[int, bytes] = {}
    for _ in range(count):
        index, specification = reader.le(1, "index"), reader.le(1, "specification")
        body = Reader(reader.take(reader.le(2, "size"), "measurement"), f"NVIDIA measurement {index}")
        if specification != 1:
            raise AttestationError(f"NVIDIA measurement {index}: specification {specification}, expected 1 (DMTF)")
        if index in measurements:
            raise AttestationError(f"NVIDIA measurement {index} occurs twice")
        body.take(1, "value type")
        measurements[index] = body.take(body.le(2, "value size"), "value")
        body.end()
    reader.end()
    return measurements


def _opaque(reader: Reader) -> dict[str, bytes]:
    fields: dict[str, bytes] = {}
    while reader.left:
        number = reader.le(2, "type")
        name = OPAQUE.get(number, f"field_{number}")
        value = reader.take(reader.le(2, "size"), name)
        if name in fields:
            raise AttestationError(f"NVIDIA opaque data: {name} occurs twice")
        fields[name] = value
    return fields


@dataclass(frozen=True)
class Device:
    """One device's evidence out of a file."""

    architecture: str | None
    report: bytes
    certificates: bytes | None
    nonce: bytes | None
    """The nonce that the file itself names."""


def devices(evidence: bytes) -> list[Device]:
    """The devices of a file: a report as bytes, hex or base64 text, or JSON of one or several with their chains.

    Raises:
        AttestationError: none of these.
    """
    if evidence[:2] == b"\x11\xe0":
        return [Device(None, evidence, None, None)]
    text = evidence.strip()
    if text[:1] in {b"[", b"{"}:
        return _from_json(text)
    report = plain(evidence, "NVIDIA evidence")
    if report is evidence:
        raise AttestationError("NVIDIA evidence: not a report, hex or base64 text, or JSON")
    return [Device(None, report, None, None)]


def _from_json(text: bytes) -> list[Device]:
    document = load_json(text, "NVIDIA evidence")
    common: Mapping[str, Any] = {}
    if isinstance(document, Mapping):
        inner = _first(document, _LISTS)
        common = document if isinstance(inner, list) else {}
        document = inner if isinstance(inner, list) else [document]
    if not isinstance(document, list) or not 1 <= len(document) <= _MAX_DEVICES:
        raise AttestationError(f"NVIDIA evidence: expected a list of 1 to {_MAX_DEVICES} devices")
    found = []
    for index, entry in enumerate(document):
        if not isinstance(entry, Mapping):
            raise AttestationError(f"NVIDIA evidence: entry {index} is not an object")
        report, chain = _first(entry, _REPORTS), _first(entry, _CERTIFICATES)
        nonce = entry.get("nonce", common.get("nonce"))
        architecture = entry.get("arch", common.get("arch"))
        found.append(
            Device(
                architecture if isinstance(architecture, str) else None,
                plain(binary(report, f"NVIDIA evidence {index}, evidence"), f"NVIDIA evidence {index}, evidence"),
                None if chain is None else _chain(chain, index),
                None if nonce is None else binary(nonce, f"NVIDIA evidence {index}, nonce"),
            )
        )
    return found


def _first(entry: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((entry[name] for name in names if entry.get(name) is not None), None)


def _chain(value: Any, index: int) -> bytes:
    if isinstance(value, str) and "-----BEGIN" in value:
        return value.encode()
    return binary(value, f"NVIDIA evidence {index}, certificate")
