"""Azure's HCL report: a hardware report and, bound to it, the vTPM's attestation key as a JWK.

Layout (Azure guest attestation, "HCL report"): header of 32 bytes beginning `HCLA`; hardware report of 1184 bytes;
runtime data: size, version, report type, hash type, length of claims (five little-endian 32-bit words), claims as JSON.
The report data of the hardware report is the hash of those claims.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.hazmat.primitives.asymmetric import rsa

from attestation.documents import load_json
from attestation.errors import AttestationError
from attestation.reader import Reader
from attestation.result import Check, judged, not_evaluated

REPORT_AT, REPORT_SIZE = 32, 1184
_TYPES = {2: "sev-snp", 4: "tdx"}
_HASHES = {1: "sha256", 2: "sha384", 3: "sha512"}


def split(report: bytes) -> tuple[bytes, bytes, str, str]:
    """Hardware report, claims, report type and hash name of an HCL report.

    Raises:
        AttestationError: not one.
    """
    reader = Reader(report, "HCL report")
    if reader.take(4, "signature") != b"HCLA":
        raise AttestationError("HCL report: does not begin with HCLA")
    reader.take(REPORT_AT - 4, "header")
    hardware = reader.take(REPORT_SIZE, "hardware report")
    reader.le(4, "data size")
    reader.le(4, "version")
    kind, hash_type = reader.le(4, "report type"), reader.le(4, "hash type")
    claims = reader.take(reader.le(4, "claims length"), "claims")
    if reader.take(reader.left, "padding").strip(b"\0"):
        raise AttestationError("HCL report: bytes that are not zero follow its end")
    if kind not in _TYPES or hash_type not in _HASHES:
        raise AttestationError(f"HCL report: report type {kind}, hash type {hash_type}; known: {_TYPES}, {_HASHES}")
    return hardware, claims, _TYPES[kind], _HASHES[hash_type]


def attestation_key(claims: bytes) -> rsa.RSAPublicKey:
    """The key named `HCLAkPub` of the claims."""
    try:
        document = load_json(claims, "HCL report: claims")
        key = next(k for k in document["keys"] if k["kid"] == "HCLAkPub")
        n, e = (int.from_bytes(base64.urlsafe_b64decode(key[name] + "=="), "big") for name in ("n", "e"))
        return rsa.RSAPublicNumbers(e, n).public_key()
    except (ValueError, KeyError, TypeError, StopIteration, binascii.Error, RecursionError) as error:
        raise AttestationError(f"HCL report: no usable HCLAkPub in the claims: {error!r}") from error


def check_hcl_report(report: bytes) -> tuple[rsa.RSAPublicKey, list[Check]]:
    """The attestation key and whether the hardware report in the same blob is bound to it.

    The hardware report's own signature is the business of the `snp` and `tdx` verifiers.
    """
    hardware, claims, kind, hash_name = split(report)
    report_data = hardware[0x50:0x90] if kind == "sev-snp" else hardware[128:192]
    bound = hashlib.new(hash_name, claims).digest().ljust(64, b"\0")
    return attestation_key(claims), [
        judged(
            "hcl_key_binding",
            bound == report_data,
            expected=bound.hex(),
            actual=report_data.hex(),
            detail="the hardware report's data is the hash of the claims with the key",
        ),
        not_evaluated("hcl_hardware_report", f"verify the {kind} report itself with its own kind"),
    ]
