"""AMD SEV-SNP attestation reports: signature by VCEK or VLEK, chain to AMD's root, TCB bound to the certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384

from attestation.certificates import Path, Roots, build_path, fingerprint, load_certificates, may_issue
from attestation.errors import AttestationError
from attestation.kinds import issuers
from attestation.kinds.snp_report import SIGNED_SIZE, UNSIGNED, VCEK, VLEK, Report, parse, unwrap
from attestation.kinds.tdx import check_report_data
from attestation.result import Check, Claims, compare, failed, judged, passed
from attestation.roots import AMD, AMD_ARK

_AMD_ARC = "1.3.6.1.4.1.3704.1."
_SPL = {"boot_loader": "3.1", "tee": "3.2", "snp": "3.3", "microcode": "3.8", "fmc": "3.9"}
_KEY_NAMES = {VCEK: "VCEK", VLEK: "VLEK", UNSIGNED: "none"}


def verify(
    evidence: bytes,
    *,
    nonce: bytes | None = None,
    now: datetime | None = None,
    roots: Roots | None = None,
    certificates: Iterable[x509.Certificate] = (),
) -> Claims:
    """Claims of an SEV-SNP report.

    Args:
        evidence: the report, bare or in one of the wrappings of `snp_report.unwrap`.
        nonce: compared with `report_data`, also zero-padded or hashed.
        now: when the certificates must be valid; the present unless given.
        roots: AMD's ARKs (Milan, Genoa, Turin) unless given.
        certificates: VCEK or VLEK, ASK or ASVK, ARK, in any order. Where no issuer is among them, AMD's published
            ones are tried; where one is, those given must lead to the root by themselves.

    Raises:
        AttestationError: malformed report or certificate.
    """
    wrapped = unwrap(evidence)
    report = parse(wrapped.report)
    pool = list(certificates)
    for index, raw in enumerate(wrapped.certificates):
        pool += load_certificates(raw, f"SNP evidence, certificate {index}")
    checks = [compare("signature_algorithm", 1, report.signature_algorithm, "1 is ECDSA P-384 with SHA-384")]
    values = _values(report, wrapped.layout)
    leaf = _leaf(report, pool)
    anchored = False
    if leaf is None:
        checks.append(failed("report_signature", detail="no VCEK or VLEK certificate was given (--certificates)"))
    else:
        given = [c for c in pool if c != leaf]
        path = build_path(leaf, given or ([] if roots else issuers.amd()), roots or AMD, now or datetime.now(UTC))
        anchored = path.anchored
        checks += [_signature_check(report, leaf), *path.checks, *_binding_checks(report, leaf)]
        values["signer"] = {"subject": leaf.subject.rfc4514_string(), "sha256": fingerprint(leaf)}
        values["product"] = _product(path)
    if wrapped.runtime_claims is not None:
        bound = {
            hashlib.new(name, wrapped.runtime_claims).digest().ljust(64, b"\0")
            for name in ("sha256", "sha384", "sha512")
        }
        checks.append(
            judged(
                "runtime_claims",
                report.fields["report_data"] in bound,
                expected="report_data is the hash of the HCL's claims",
                actual=report.fields["report_data"].hex(),
            )
        )
    checks.append(check_report_data(report.fields["report_data"], nonce))
    return Claims(
        "snp",
        values,
        tuple(checks),
        anchored=anchored,
        evidence_sha256=hashlib.sha256(evidence).hexdigest(),
        extras={"report": report},
    )


def _values(report: Report, layout: str) -> dict[str, Any]:
    return {
        "layout": layout,
        "version": report.version,
        "guest_svn": report.guest_svn,
        "vmpl": report.vmpl,
        "guest_policy": report.policy_bits(),
        "debug": report.debug,
        "platform_info": report.platform_bits(),
        "signing_key": _KEY_NAMES.get(report.signing_key, f"unknown ({report.signing_key})"),
        **{name: value.hex() for name, value in report.fields.items()},
        "tcb": {name: tcb.as_json() for name, tcb in report.tcbs.items()},
        "signer": None,
        "product": None,
    }


def _product(path: Path) -> str | None:
    return AMD_ARK.get(fingerprint(path.certificates[-1]))


def _p384(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey | None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1) else None


def _leaf(report: Report, pool: list[x509.Certificate]) -> x509.Certificate | None:
    """The certificate whose key signed the report, else the first that could have; None where none could."""
    possible = [c for c in pool if _p384(c) is not None and may_issue(c, 0)]
    return next((c for c in possible if _signed_by(report, c)), possible[0] if possible else None)


def _signed_by(report: Report, leaf: x509.Certificate) -> bool:
    key = _p384(leaf)
    assert key is not None
    r, s = report.signature
    try:
        key.verify(utils.encode_dss_signature(r, s), report.raw[:SIGNED_SIZE], ec.ECDSA(SHA384()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signature_check(report: Report, leaf: x509.Certificate) -> Check:
    if not _signed_by(report, leaf):
        return failed("report_signature", detail="the report's signature does not verify under the certificate's key")
    return passed("report_signature")


def extension_integer(certificate: x509.Certificate, suffix: str) -> int | None:
    """The INTEGER in one of AMD's extensions, None when it is not there.

    Raises:
        AttestationError: the extension is there and is not an INTEGER.
    """
    raw = _extension(certificate, suffix)
    if raw is None:
        return None
    if len(raw) < 3 or raw[0] != 2 or raw[1] != len(raw) - 2:
        raise AttestationError(f"VCEK: extension {_AMD_ARC}{suffix} is not an INTEGER: {raw.hex()}")
    return int.from_bytes(raw[2:], "big", signed=True)


def _extension(certificate: x509.Certificate, suffix: str) -> bytes | None:
    try:
        found = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(_AMD_ARC + suffix)).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise AttestationError(f"VCEK: unreadable extensions: {error}") from error
    return found.value if isinstance(found, x509.UnrecognizedExtension) else None


def _binding_checks(report: Report, leaf: x509.Certificate) -> list[Check]:
    """The certificate is for this chip at the TCB the report claims (AMD 57230, "VCEK certificate")."""
    names = {VCEK: "SEV-VCEK", VLEK: "SEV-VLEK"}
    common = [str(a.value) for a in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    checks = [
        judged(
            "signing_key",
            common == [names.get(report.signing_key)],
            expected=names.get(report.signing_key, "VCEK or VLEK"),
            actual=common,
        )
    ]
    reported = report.tcbs["reported"].as_json()
    certified = {part: extension_integer(leaf, _SPL[part]) for part in reported}
    checks.append(compare("certificate_tcb", certified, reported, "the TCB for which the certificate was made"))
    hardware = _extension(leaf, "4")
    chip = report.fields["chip_id"]
    if report.signing_key == VLEK:
        csp = _extension(leaf, "5")
        checks.append(
            judged(
                "certificate_csp",
                csp is not None,
                expected="a cloud provider's id in the VLEK",
                actual=csp.decode("ascii", "replace") if csp else None,
            )
        )
    elif hardware is not None and hardware[:2] == b"\x04\x40" and len(hardware) == 66:
        checks.append(
            compare("certificate_chip", hardware[2:].hex(), chip.hex(), "the chip the certificate was made for")
        )
    else:
        expected = (hardware or b"").ljust(64, b"\0") if hardware else None
        masked = not chip.strip(b"\0") and report.signer_info >> 1 & 1
        checks.append(
            judged(
                "certificate_chip",
                expected == chip or bool(masked and expected),
                expected=expected.hex() if expected else "a hardware id",
                actual=chip.hex(),
                detail="the chip the certificate was made for",
            )
        )
    return checks
