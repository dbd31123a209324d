"""The layout of SEV-SNP attestation reports (AMD 56860, table 23), certificate table (AMD 56421), file wrappings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestation.documents import load_json
from attestation.errors import AttestationError
from attestation.kinds import hcl
from attestation.reader import Reader
from attestation.text import binary, plain

REPORT_SIZE = 0x4A0
SIGNED_SIZE = 0x2A0
VCEK, VLEK, UNSIGNED = 0, 1, 7
_NESTED = ("snp", "sev_snp", "sevsnp")
"""What an object of several kinds of evidence calls this one."""
_REPORTS = ("report", "attestation_report", "snp_report", "outblob")
_CERTIFICATES = ("vcek", "vlek", "ask", "asvk", "ark", "certificates", "certs", "cert_chain", "certificate_chain")
_OTHER_KINDS = ("CRL", "OTHER")
"""Entries of a certificate table that are no certificates: a revocation list, or what the host's owner put there."""
_TABLES = ("auxblob", "certificate_table")
"""Linux's configfs-tsm hands the report out as `outblob` and the certificate table as `auxblob`."""
_ZERO_GUID = bytes(16)
_POLICY_BITS = {
    16: "smt_allowed",
    18: "migrate_ma",
    19: "debug",
    20: "single_socket",
    21: "cxl_allowed",
    22: "mem_aes_256_xts",
    23: "rapl_disabled",
    24: "ciphertext_hiding",
    25: "page_swap_disabled",
}
_PLATFORM_BITS = {
    0: "smt_enabled",
    1: "tsme_enabled",
    2: "ecc_enabled",
    3: "rapl_disabled",
    4: "ciphertext_hiding",
    5: "alias_check_complete",
    7: "tio_enabled",
}


@dataclass(frozen=True)
class Tcb:
    """A TCB version, decomposed. `fmc` exists from Turin on."""

    boot_loader: int
    tee: int
    snp: int
    microcode: int
    fmc: int | None

    def as_json(self) -> dict[str, int]:
        """The parts by name."""
        parts = {"boot_loader": self.boot_loader, "tee": self.tee, "snp": self.snp, "microcode": self.microcode}
        return parts if self.fmc is None else {**parts, "fmc": self.fmc}


@dataclass(frozen=True)
class Report:
    """A parsed report; nothing in it is verified yet."""

    raw: bytes
    version: int
    guest_svn: int
    policy: int
    vmpl: int
    signature_algorithm: int
    platform_info: int
    signer_info: int
    turin: bool
    fields: Mapping[str, bytes]
    tcbs: Mapping[str, Tcb]

    @property
    def signing_key(self) -> int:
        """0: VCEK, 1: VLEK, 7: none (bits 2 to 4 of the key information)."""
        return self.signer_info >> 2 & 7

    @property
    def debug(self) -> bool:
        """Guest policy bit 19: the host may read and change the guest's memory."""
        return bool(self.policy >> 19 & 1)

    @property
    def signature(self) -> tuple[int, int]:
        """ECDSA P-384 r and s, little-endian in the report."""
        at = SIGNED_SIZE
        return (
            int.from_bytes(self.raw[at : at + 72], "little"),
            int.from_bytes(self.raw[at + 72 : at + 144], "little"),
        )

    def policy_bits(self) -> dict[str, Any]:
        """The guest policy by name."""
        named = {name: bool(self.policy >> bit & 1) for bit, name in _POLICY_BITS.items()}
        return {"abi": f"{self.policy >> 8 & 0xFF}.{self.policy & 0xFF}", **named}

    def platform_bits(self) -> dict[str, bool]:
        """The platform information by name."""
        return {name: bool(self.platform_info >> bit & 1) for bit, name in _PLATFORM_BITS.items()}


_FIELDS = {
    "family_id": (0x10, 0x20),
    "image_id": (0x20, 0x30),
    "report_data": (0x50, 0x90),
    "measurement": (0x90, 0xC0),
    "host_data": (0xC0, 0xE0),
    "id_key_digest": (0xE0, 0x110),
    "author_key_digest": (0x110, 0x140),
    "report_id": (0x140, 0x160),
    "report_id_ma": (0x160, 0x180),
    "chip_id": (0x1A0, 0x1E0),
}


def parse(raw: bytes) -> Report:
    """Reads a report of version 2 to 5.

    Raises:
        AttestationError: another size or version, or bytes that must be zero are not.
    """
    if len(raw) != REPORT_SIZE:
        raise AttestationError(f"SNP report: {len(raw)} bytes, expected {REPORT_SIZE}")
    reader = Reader(raw, "SNP report")
    version, guest_svn, policy = reader.le(4, "version"), reader.le(4, "guest SVN"), reader.le(8, "policy")
    if not 2 <= version <= 5:
        raise AttestationError(f"SNP report: version {version}, expected 2 to 5")
    reader.take(32, "family and image id")
    vmpl, algorithm = reader.le(4, "VMPL"), reader.le(4, "signature algorithm")
    reader.take(8, "current TCB")
    platform, signer = reader.le(8, "platform information"), reader.le(4, "key information")
    turin = version >= 3 and raw[0x188] >= 0x1A
    tcbs = {
        name: _tcb(raw[at : at + 8], turin=turin)
        for name, at in (("current", 0x38), ("reported", 0x180), ("committed", 0x1E0), ("launch", 0x1F0))
    }
    if raw[SIGNED_SIZE + 144 :].strip(b"\0"):
        raise AttestationError("SNP report: bytes after the signature must be zero")
    fields = {name: raw[start:stop] for name, (start, stop) in _FIELDS.items()}
    return Report(raw, version, guest_svn, policy, vmpl, algorithm, platform, signer, turin, fields, tcbs)


def _tcb(raw: bytes, *, turin: bool) -> Tcb:
    """TCB_VERSION (AMD 56860, table 3; Turin moved every part and added FMC)."""
    if turin:
        return Tcb(boot_loader=raw[1], tee=raw[2], snp=raw[3], microcode=raw[7], fmc=raw[0])
    return Tcb(boot_loader=raw[0], tee=raw[1], snp=raw[6], microcode=raw[7], fmc=None)


@dataclass(frozen=True)
class Wrapped:
    """A report taken out of its file, with what came along."""

    layout: str
    report: bytes
    certificates: tuple[bytes, ...] = ()
    runtime_claims: bytes | None = None
    """Azure's HCL: what the report data is the hash of."""


def unwrap(evidence: bytes) -> Wrapped:
    """Finds the report in a file: bare, with its certificate table, a guest response, Azure's HCL report, JSON.

    All but JSON may be hex or base64 text as well.

    Raises:
        AttestationError: none of these.
    """
    evidence = plain(evidence, "SNP evidence")
    if evidence[:4] == b"HCLA":
        return _from_hcl(evidence)
    if evidence.lstrip()[:1] == b"{":
        return _from_json(evidence)
    if len(evidence) >= 32 + REPORT_SIZE and evidence[:8] == bytes(4) + REPORT_SIZE.to_bytes(4, "little"):
        if evidence[8:32].strip(b"\0") or evidence[32 + REPORT_SIZE :].strip(b"\0"):
            raise AttestationError("SNP report: bytes around the report in the guest response must be zero")
        return Wrapped("guest-response", evidence[32 : 32 + REPORT_SIZE])
    if len(evidence) > REPORT_SIZE:
        return Wrapped("extended", evidence[:REPORT_SIZE], _table(evidence[REPORT_SIZE:]))
    return Wrapped("report", evidence)


def _from_hcl(evidence: bytes) -> Wrapped:
    report, claims, kind, _ = hcl.split(evidence)
    if kind != "sev-snp":
        raise AttestationError(f"SNP report: the HCL report holds a {kind} report; use that kind")
    return Wrapped("azure-hcl", report, runtime_claims=claims)


def _from_json(evidence: bytes) -> Wrapped:
    document = load_json(evidence, "SNP evidence")
    if not isinstance(document, Mapping):
        raise AttestationError("SNP evidence: expected a JSON object")
    for name in _NESTED:
        if isinstance(document.get(name), Mapping) and not any(document.get(own) for own in (*_REPORTS, "hcl_report")):
            document = document[name]
    certificates = [raw for name in _CERTIFICATES for raw in _certificates(document.get(name), name)]
    for name in _TABLES:
        if document.get(name):
            certificates += _table(binary(document[name], name))
    if document.get("hcl_report"):
        inner = _from_hcl(binary(document["hcl_report"], "hcl_report"))
        return Wrapped("azure-hcl", inner.report, tuple(certificates), inner.runtime_claims)
    for name in _REPORTS:
        if document.get(name):
            report = binary(document[name], name)
            if report[:4] == b"HCLA":
                inner = _from_hcl(report)
                return Wrapped("azure-hcl", inner.report, tuple(certificates), inner.runtime_claims)
            return Wrapped("json", report, tuple(certificates))
    raise AttestationError(f"SNP evidence: none of {', '.join(_REPORTS)} and hcl_report is in the JSON")


def _certificates(value: Any, name: str) -> list[bytes]:
    """Certificates as PEM, base64 or numbers, in lists and objects of them: `{"cert_type": …, "data": …}` too."""
    if not value:
        return []
    if isinstance(value, Mapping):
        kind = value.get("cert_type", "")
        if not isinstance(kind, str) or kind.upper().startswith(_OTHER_KINDS):
            return []
        inner = [value["data"]] if "data" in value else list(value.values())
        return [raw for entry in inner for raw in _certificates(entry, name)]
    if isinstance(value, list) and not isinstance(value[0], int):
        return [raw for entry in value for raw in _certificates(entry, name)]
    pem = isinstance(value, str) and "-----BEGIN" in value
    return [value.encode() if pem else binary(value, name)]


def _table(data: bytes) -> tuple[bytes, ...]:
    """GUID, offset and length of each certificate, ended by a zero GUID; offsets count from the table's start."""
    reader = Reader(data, "SNP certificate table")
    covered: list[tuple[int, int]] = []
    for _ in range(16):
        guid = reader.take(16, "GUID")
        offset, length = reader.le(4, "offset"), reader.le(4, "length")
        if guid == _ZERO_GUID:
            break
        if offset + length > len(data) or length > 65536:
            raise AttestationError(f"SNP certificate table: entry at {offset} of {length} bytes is outside the file")
        covered.append((offset, length))
    else:
        raise AttestationError("SNP certificate table: more than 15 entries or no end")
    rest = bytearray(data)
    rest[: reader.at] = bytes(reader.at)
    for offset, length in covered:
        rest[offset : offset + length] = bytes(length)
    if any(rest):
        raise AttestationError("SNP certificate table: bytes that belong to no certificate must be zero")
    return tuple(data[offset : offset + length] for offset, length in covered if length)
