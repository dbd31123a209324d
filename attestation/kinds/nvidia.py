"""NVIDIA GPU evidence (Hopper, Blackwell, NVSwitch): signature, chain, nonce, firmware identity, measurements.

What the SPDM report does *not* say: whether confidential-computing mode is on. No signed field carries `cc_mode`, so
that claim can only come from the guest (measured into a register before any key is released) or from Google's token;
the appraisal policy must require it there or waive it in words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384

from attestation.certificates import Path, Roots, build_path, fingerprint, load_certificates
from attestation.kinds import nvidia_rim
from attestation.kinds.nvidia_report import Device, Report, devices, parse
from attestation.result import Check, Claims, compare, failed, judged, not_evaluated, passed
from attestation.roots import NVIDIA_DEVICE

_DICE_TCB_INFO = ("2.23.133.5.4.1", "2.23.133.5.4.1.1")


def verify(
    evidence: bytes,
    *,
    nonce: bytes | None = None,
    now: datetime | None = None,
    roots: Roots | None = None,
    certificates: Iterable[x509.Certificate] = (),
    manifests: Iterable[bytes] = (),
    manifest_roots: Roots | None = None,
) -> Claims:
    """Claims of one or several NVIDIA devices; every device must verify.

    Args:
        evidence: a report (bytes or hex text), or JSON of devices with their chains.
        nonce: compared with the nonce of the signed request.
        now: when the certificates must be valid; the present unless given.
        roots: NVIDIA's device identity root unless given.
        certificates: the chain, leaf first, when it is not in the evidence.
        manifests: reference integrity manifests (RIM) of driver and VBIOS; without any, measurements are not judged.
        manifest_roots: NVIDIA's RIM root unless given.

    Raises:
        AttestationError: malformed evidence or certificates.
    """
    moment = now or datetime.now(UTC)
    found = devices(evidence)
    rims = [nvidia_rim.read(raw, number, moment, manifest_roots) for number, raw in enumerate(manifests)]
    checks = [check for rim in rims for check in rim.checks]
    listed: list[dict[str, Any]] = []
    anchored = True
    given = tuple(certificates)
    for index, device in enumerate(found):
        prefix = f"gpu{index}_" if len(found) > 1 else ""
        report = parse(device.report)
        chain = load_certificates(device.certificates, f"NVIDIA chain {index}") if device.certificates else given
        values = {
            "architecture": device.architecture,
            **report.claims(),
            "nonce": report.request_nonce.hex(),
            "measurements": {str(i): v.hex() for i, v in sorted(report.measurements.items())},
        }
        if not chain:
            checks.append(failed(f"{prefix}report_signature", detail="no certificate chain was given (--certificates)"))
            anchored = False
        else:
            path = build_path(chain[0], chain[1:], roots or NVIDIA_DEVICE, moment, prefix)
            anchored = anchored and path.anchored
            checks += [_signature_check(prefix, report, chain[0]), *path.checks]
            checks += [_chain_used(prefix, chain, path), _fwid_check(prefix, report, chain[0])]
            values |= {"leaf_sha256": fingerprint(chain[0]), "leaf": chain[0].subject.rfc4514_string()}
            checks += _architecture_check(prefix, device, chain[0])
            if given and device.certificates:
                checks.append(_given_check(prefix, given, path))
        checks += _nonce_checks(prefix, report, device, nonce)
        checks += _measurement_checks(prefix, report, rims)
        listed.append(values)
    checks.append(_distinct(listed))
    values = {
        "devices": listed,
        "device_count": len(listed),
        "cc_mode": None,
        **(listed[0] if len(listed) == 1 else {}),
    }
    return Claims(
        "nvidia", values, tuple(checks), anchored=anchored, evidence_sha256=hashlib.sha256(evidence).hexdigest()
    )


def _distinct(listed: list[dict[str, Any]]) -> Check:
    leaves = [entry.get("leaf_sha256") for entry in listed if entry.get("leaf_sha256")]
    return judged(
        "devices_distinct",
        len(leaves) == len(set(leaves)),
        expected=f"{len(leaves)} different devices",
        actual=len(set(leaves)),
    )


def _signature_check(prefix: str, report: Report, leaf: x509.Certificate) -> Check:
    name = f"{prefix}report_signature"
    try:
        key = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        return failed(name, detail=f"the certificate's key cannot be used: {error}")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        return failed(name, expected="an EC P-384 key", actual=type(key).__name__)
    r, s = (int.from_bytes(report.signature[i : i + 48], "big") for i in (0, 48))
    try:
        key.verify(utils.encode_dss_signature(r, s), report.signed, ec.ECDSA(SHA384()))
    except InvalidSignature:
        return failed(name, detail="the SPDM signature over request and response does not verify")
    return passed(name)


def _chain_used(prefix: str, chain: tuple[x509.Certificate, ...], path: Path) -> Check:
    unused = [c.subject.rfc4514_string() for c in chain if c not in path.certificates]
    return judged(
        f"{prefix}chain_on_path",
        not unused,
        expected="every certificate of the chain on the path",
        actual=unused or "all",
    )


def _given_check(prefix: str, given: tuple[x509.Certificate, ...], path: Path) -> Check:
    """Certificates given beside evidence that carries its own chain say what is expected on that chain."""
    strangers = [c.subject.rfc4514_string() for c in given if c not in path.certificates]
    return judged(
        f"{prefix}certificates_given",
        not strangers,
        expected="every certificate given on the device's own path",
        actual=strangers or "so",
    )


def _fwid_check(prefix: str, report: Report, leaf: x509.Certificate) -> Check:
    """The firmware identity in the report is the one in the certificate's DICE extension (TCG DICE, TcbInfo)."""
    name = f"{prefix}firmware_identity"
    fwid = report.opaque.get("fwid")
    if not fwid:
        return not_evaluated(name, "the report carries no FWID")
    for dotted in _DICE_TCB_INFO:
        try:
            extension = leaf.extensions.get_extension_for_oid(x509.ObjectIdentifier(dotted)).value
        except x509.ExtensionNotFound:
            continue
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
            return failed(name, detail=f"unreadable certificate extensions: {error}")
        if isinstance(extension, x509.UnrecognizedExtension):
            return judged(
                name,
                fwid in extension.value,
                expected=fwid.hex(),
                actual=extension.value[-48:].hex(),
                detail="FWID of the report and of the certificate's TcbInfo",
            )
    return failed(name, detail="the certificate has no DICE TcbInfo extension")


_CHIPS = {"HOPPER": "GH", "BLACKWELL": "GB", "LS10": "LS"}


def _architecture_check(prefix: str, device: Device, leaf: x509.Certificate) -> list[Check]:
    """The architecture that the file names against the chip in the certificate's subject."""
    if device.architecture not in _CHIPS:
        return []
    common = [str(a.value) for a in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    good = bool(common) and common[0].startswith(_CHIPS[device.architecture])
    return [judged(f"{prefix}architecture", good, expected=device.architecture, actual=common)]


def _nonce_checks(prefix: str, report: Report, device: Device, nonce: bytes | None) -> list[Check]:
    checks = []
    if device.nonce is not None:
        checks.append(
            compare(
                f"{prefix}nonce_in_file",
                device.nonce.hex(),
                report.request_nonce.hex(),
                "the nonce that the file itself names",
            )
        )
    if nonce is None:
        return [
            *checks,
            not_evaluated(f"{prefix}nonce", "no nonce was given to compare with", actual=report.request_nonce.hex()),
        ]
    forms = {nonce, hashlib.sha256(nonce).digest()}
    return [
        *checks,
        judged(
            f"{prefix}nonce",
            report.request_nonce in forms,
            expected=nonce.hex(),
            actual=report.request_nonce.hex(),
            detail="the request's nonce is it, or its SHA-256",
        ),
    ]


def _measurement_checks(prefix: str, report: Report, rims: list[nvidia_rim.Manifest]) -> list[Check]:
    if not rims:
        reason = "no reference integrity manifest was given: firmware is named, not judged"
        return [not_evaluated(f"{prefix}measurements", reason)]
    return nvidia_rim.judge(report, rims, prefix)
