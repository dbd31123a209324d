"""Intel TDX quotes: signatures down to Intel's root, TCB status from collateral, event log against the RTMRs."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from attestation.certificates import Path, Roots, build_path, fingerprint, key_fingerprint, load_certificates
from attestation.kinds import tdx_collateral
from attestation.kinds.tdx_evidence import unwrap
from attestation.kinds.tdx_quote import INTEL_QE_VENDOR, Quote, TdAttributes, parse
from attestation.result import Check, Claims, compare, failed, judged, not_evaluated, passed
from attestation.roots import INTEL_SGX
from attestation.tcg.eventlog import EventLog
from attestation.tcg.eventlog import parse as parse_log
from attestation.tcg.replay import check_rtmrs, consistency, replay


def verify(
    evidence: bytes,
    *,
    nonce: bytes | None = None,
    now: datetime | None = None,
    roots: Roots | None = None,
    collateral: bytes | None = None,
    event_log: EventLog | None = None,
    certificates: tuple[x509.Certificate, ...] = (),
) -> Claims:
    """Claims of a TDX quote.

    Args:
        evidence: the quote, version 4 or 5.
        nonce: compared with `report_data`: equal to it, to its first bytes with zeros after, or its SHA-256 or SHA-512.
        now: the time at which certificates and collateral must be valid; the present unless given.
        roots: Intel's SGX root unless given.
        collateral: JSON with the nine fields of Intel's `sgx_ql_qve_collateral_t`; without it the signatures are
            verified and the TCB status stays not evaluated.
        event_log: the CC event log to replay against RTMR 0 to 3.
        certificates: what is expected on the path from the PCK certificate to the root, in part or whole; the quote
            carries the path itself.

    Raises:
        AttestationError: malformed quote or collateral.
    """
    moment = now or datetime.now(UTC)
    found = unwrap(evidence)
    log = event_log if event_log is not None else (parse_log(found.event_log) if found.event_log else None)
    if found.quote is None:
        return _log_alone(evidence, log)
    quote = parse(found.quote)
    chain = load_certificates(quote.pck_chain, "TDX quote, PCK chain")
    path = build_path(chain[0], chain[1:], roots or INTEL_SGX, moment)
    checks = [*_signature_checks(quote, chain[0]), *path.checks, _all_used(chain, path)]
    if certificates:
        checks.append(_expected_on_path(certificates, path))
    values = _values(quote, path)
    tcb, tcb_claims = tdx_collateral.check(found.quote, collateral, moment, own_roots=roots is not None)
    checks += tcb
    values |= tcb_claims
    checks.append(check_report_data(quote.body["report_data"], nonce))
    if quote.trailing:
        checks.append(not_evaluated("trailing_bytes", f"{quote.trailing} bytes after the quote were not looked at"))
    if log is not None:
        checks += check_rtmrs(log, [quote.body[f"rtmr{index}"] for index in range(4)])
        values["event_log"] = log.summary()
    return Claims(
        kind="tdx",
        values=values,
        checks=tuple(checks),
        anchored=path.anchored,
        evidence_sha256=hashlib.sha256(evidence).hexdigest(),
        extras={"quote": quote, "event_log": log},
    )


def _log_alone(evidence: bytes, log: EventLog | None) -> Claims:
    """A CC event log without its quote: replayed, never genuine."""
    assert log is not None
    replayed = replay(log, "sha384", tdx=True)
    values: dict[str, Any] = {f"rtmr{index - 1}": replayed.get(index, bytes(48)).hex() for index in range(1, 5)}
    values |= {"layout": "event-log", "event_log": log.summary()}
    checks = [failed("quote_signature", detail="an event log alone is not signed: give the quote that vouches for it")]
    return Claims(
        "tdx",
        values,
        (*checks, *consistency(log)),
        signed=False,
        anchored=False,
        evidence_sha256=hashlib.sha256(evidence).hexdigest(),
        extras={"event_log": log},
    )


def _values(quote: Quote, path: Path) -> dict[str, Any]:
    attributes = TdAttributes(int.from_bytes(quote.body["td_attributes"], "little"))
    return {
        "version": quote.version,
        "body_type": quote.body_type,
        "qe_svn": quote.qe_svn,
        "pce_svn": quote.pce_svn,
        **{name: value.hex() for name, value in quote.body.items()},
        "debug": attributes.debug,
        "attributes_untrusted_bits": attributes.untrusted,
        "sept_ve_disable": attributes.sept_ve_disable,
        "pck_sha256": fingerprint(path.certificates[0]),
        "root_sha256": fingerprint(path.certificates[-1]),
    }


def _signature_checks(quote: Quote, pck: x509.Certificate) -> list[Check]:
    """Quote by attestation key; attestation key by QE report; QE report by PCK certificate."""
    checks = [compare("qe_vendor", INTEL_QE_VENDOR.hex(), quote.qe_vendor.hex())]
    x, y = (int.from_bytes(quote.attestation_key[i : i + 32], "big") for i in (0, 32))
    try:
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        checks.append(failed("quote_signature", detail="the attestation key is not a point of P-256"))
    else:
        checks.append(_ecdsa("quote_signature", key, quote.signature, quote.signed))
    bound = hashlib.sha256(quote.attestation_key + quote.qe_auth_data).digest() + bytes(32)
    checks.append(
        compare(
            "attestation_key_binding",
            bound.hex(),
            quote.qe_report[320:384].hex(),
            "the QE report carries the hash of the attestation key",
        )
    )
    try:
        pck_key = pck.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        return [*checks, failed("qe_report_signature", detail=f"the PCK key cannot be used: {error}")]
    checks.append(_ecdsa("qe_report_signature", pck_key, quote.qe_report_signature, quote.qe_report))
    return checks


def _ecdsa(name: str, key: Any, signature: bytes, message: bytes) -> Check:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return failed(name, expected="an EC P-256 key", actual=type(key).__name__)
    r, s = (int.from_bytes(signature[i : i + 32], "big") for i in (0, 32))
    try:
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return failed(name, detail="the ECDSA P-256 signature does not verify")
    return passed(name)


def _all_used(chain: tuple[x509.Certificate, ...], path: Path) -> Check:
    unused = [c.subject.rfc4514_string() for c in chain if c not in path.certificates]
    return judged(
        "pck_chain_on_path", not unused, expected="every certificate of the chain on the path", actual=unused or "all"
    )


def _expected_on_path(given: tuple[x509.Certificate, ...], path: Path) -> Check:
    """Compares by key: Intel has issued its root twice for one key."""
    keys = {key_fingerprint(c) for c in path.certificates}
    strangers = [c.subject.rfc4514_string() for c in given if key_fingerprint(c) not in keys]
    return judged(
        "certificates_given",
        not strangers,
        expected="every certificate given on the quote's own path",
        actual=strangers or "so",
    )


def check_report_data(report_data: bytes, nonce: bytes | None) -> Check:
    """Compares `report_data` with a nonce in the forms that are in use (the nonce, padded with zeros, or hashed)."""
    if nonce is None:
        return not_evaluated("nonce", "no nonce was given to compare with", actual=report_data.hex())
    size = len(report_data)
    forms = {
        nonce.ljust(size, b"\0") if len(nonce) <= size else None,
        hashlib.sha256(nonce).digest().ljust(size, b"\0"),
        hashlib.sha384(nonce).digest().ljust(size, b"\0"),
        hashlib.sha512(nonce).digest(),
    }
    return judged(
        "nonce",
        report_data in forms,
        expected=nonce.hex(),
        actual=report_data.hex(),
        detail="report_data is the nonce (zero-padded) or its SHA-256, SHA-384 or SHA-512",
    )
