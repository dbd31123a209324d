"""The layout of TDX quotes, versions 4 and 5 (Intel TDX DCAP Quoting Library API, appendix A.3 and A.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attestation.errors import AttestationError
from attestation.reader import Reader

TDX_TEE_TYPE = 0x81
INTEL_QE_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
_TD10 = (
    ("tee_tcb_svn", 16),
    ("mr_seam", 48),
    ("mr_signer_seam", 48),
    ("seam_attributes", 8),
    ("td_attributes", 8),
    ("xfam", 8),
    ("mr_td", 48),
    ("mr_config_id", 48),
    ("mr_owner", 48),
    ("mr_owner_config", 48),
    ("rtmr0", 48),
    ("rtmr1", 48),
    ("rtmr2", 48),
    ("rtmr3", 48),
    ("report_data", 64),
)
_TD15 = (*_TD10, ("tee_tcb_svn_2", 16), ("mr_service_td", 48))
_TEXT = frozenset(range(32, 127)) | {9, 10, 13}
_BODIES = {2: _TD10, 3: _TD15}


@dataclass(frozen=True)
class Quote:
    """A parsed quote; nothing in it is verified yet."""

    version: int
    qe_svn: int
    pce_svn: int
    qe_vendor: bytes
    user_data: bytes
    body_type: int
    body: Mapping[str, bytes]
    signed: bytes
    """Header and body: what the attestation key signed."""
    signature: bytes
    attestation_key: bytes
    qe_report: bytes
    qe_report_signature: bytes
    qe_auth_data: bytes
    pck_chain: bytes
    """PEM, leaf first."""
    trailing: int
    """Bytes of text after the quote: nothing signs them and nothing reads them."""


def parse(data: bytes) -> Quote:
    """Reads a quote. Zeros after its end are padding, because interfaces return buffers larger than the quote.

    Whole lines of text after it are counted and not read; anything else there is refused.

    Raises:
        AttestationError: not a TDX quote of version 4 or 5 with an ECDSA P-256 attestation key and its PCK chain.
    """
    reader = Reader(data, "TDX quote")
    version = reader.le(2, "version")
    if version not in {4, 5}:
        raise AttestationError(f"TDX quote: version {version}, expected 4 or 5")
    key_type = reader.le(2, "attestation key type")
    if key_type != 2:
        raise AttestationError(f"TDX quote: attestation key type {key_type}, expected 2 (ECDSA P-256)")
    tee = reader.le(4, "TEE type")
    if tee != TDX_TEE_TYPE:
        raise AttestationError(f"TDX quote: TEE type {tee:#x}, expected {TDX_TEE_TYPE:#x} (TDX; 0 is SGX)")
    qe_svn, pce_svn = reader.le(2, "QE SVN"), reader.le(2, "PCE SVN")
    vendor, user_data = reader.take(16, "QE vendor id"), reader.take(20, "user data")
    body_type = 2
    if version == 5:
        body_type = reader.le(2, "body type")
        size = reader.le(4, "body size")
        if body_type not in _BODIES or size != sum(length for _, length in _BODIES[body_type]):
            raise AttestationError(f"TDX quote: body type {body_type} of {size} bytes, expected 2 (584) or 3 (648)")
    body = {name: reader.take(length, name) for name, length in _BODIES[body_type]}
    signed = data[: reader.at]
    section = Reader(reader.take(reader.le(4, "signature data length"), "signature data"), "TDX quote signature data")
    after = reader.take(reader.left, "padding")
    trailing = len(after) if after.strip(b"\0") else 0
    if trailing and not (after[:1] == after[-1:] == b"\n" and all(byte in _TEXT for byte in after)):
        raise AttestationError("TDX quote: what follows its end is neither zero padding nor whole lines of text")
    signature, key = section.take(64, "signature"), section.take(64, "attestation key")
    outer_type = section.le(2, "certification data type")
    if outer_type != 6:
        raise AttestationError(f"TDX quote: certification data type {outer_type}, expected 6 (QE report)")
    inner = Reader(section.take(section.le(4, "certification data length"), "certification data"), "TDX QE report data")
    section.end()
    qe_report, qe_signature = inner.take(384, "QE report"), inner.take(64, "QE report signature")
    auth = inner.take(inner.le(2, "QE authentication data length"), "QE authentication data")
    chain_type = inner.le(2, "PCK certification data type")
    if chain_type != 5:
        raise AttestationError(f"TDX quote: PCK data type {chain_type}, expected 5 (the PCK certificate chain)")
    chain = inner.take(inner.le(4, "PCK chain length"), "PCK chain")
    inner.end()
    return Quote(
        version,
        qe_svn,
        pce_svn,
        vendor,
        user_data,
        body_type,
        body,
        signed,
        signature,
        key,
        qe_report,
        qe_signature,
        auth,
        chain,
        trailing,
    )


@dataclass(frozen=True)
class TdAttributes:
    """TDATTRIBUTES (Intel TDX Module ABI, table "ATTRIBUTES"): bits 0-7 make the TD untrusted."""

    raw: int

    @property
    def debug(self) -> bool:
        """Bit 0: the host can read and change the TD's state."""
        return bool(self.raw & 1)

    @property
    def untrusted(self) -> int:
        """Bits 0 to 7, the TUD group: any of them set means the TD is not to be trusted."""
        return self.raw & 0xFF

    @property
    def sept_ve_disable(self) -> bool:
        """Bit 28: no virtualisation exception on a page the host took away."""
        return bool(self.raw >> 28 & 1)
