"""Intel's collateral for a TDX quote: every field verified, then judged together with the quote by dcap-qvl.

Intel SGX/TDX PCS API v4. dcap-qvl verifies TCB info, QE identity and both revocation lists; it does not look at every
certificate of every issuer chain, so the chains and the lists' signatures are verified here as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from attestation.certificates import Roots, build_path, load_certificates
from attestation.kinds.tdx_collateral_file import load
from attestation.result import Check, failed, judged, not_evaluated, passed
from attestation.roots import INTEL_SGX

_CHAINS = ("pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain")


def check(
    quote: bytes, collateral: bytes | None, moment: datetime, *, own_roots: bool
) -> tuple[list[Check], dict[str, Any]]:
    """Checks on the collateral and the claims that follow: TCB status, advisories, evaluation number.

    Args:
        quote: the quote as it came.
        collateral: the JSON, or None: then the TCB status stays unknown.
        moment: when the collateral must be current.
        own_roots: True when other roots than Intel's are trusted; collateral is then not judged.

    Raises:
        AttestationError: malformed collateral.
    """
    unknown = {"tcb_status": None, "advisory_ids": None, "tcb_evaluation_data_number": None}
    if collateral is None:
        reason = "no collateral was given: revocation and TCB status are unknown"
        return [not_evaluated("tcb_collateral", reason)], unknown
    if own_roots:
        return [failed("tcb_collateral", detail="collateral is only judged under Intel's own root")], unknown
    import dcap_qvl  # noqa: PLC0415 - a compiled library that only this branch needs

    fields = load(collateral)
    checks = _chain_checks(fields, moment)
    try:
        report = dcap_qvl.verify(quote, dcap_qvl.QuoteCollateralV3(**fields), max(0, int(moment.timestamp())))
    except ValueError as error:
        return [*checks, failed("tcb_collateral", detail=f"collateral does not verify: {error}")], unknown
    tcb = json.loads(fields["tcb_info"])
    claims = {
        "tcb_status": str(report.status),
        "advisory_ids": sorted(report.advisory_ids),
        "tcb_evaluation_data_number": tcb.get("tcbEvaluationDataNumber"),
        "fmspc": tcb.get("fmspc"),
    }
    detail = "collateral is signed, current and for this platform"
    return [*checks, passed("tcb_collateral", actual=claims["tcb_status"], detail=detail)], claims


def _chain_checks(fields: Mapping[str, Any], moment: datetime) -> list[Check]:
    checks: list[Check] = []
    heads: dict[str, x509.Certificate] = {}
    root: x509.Certificate | None = None
    for name in _CHAINS:
        chain = load_certificates(fields[name].encode(), f"TDX collateral, {name}")
        heads[name] = chain[0]
        path = build_path(chain[0], chain[1:], Roots(key_fingerprints=INTEL_SGX.key_fingerprints), moment, f"{name}_")
        unused = [c.subject.rfc4514_string() for c in chain if c not in path.certificates]
        checks += [c for c in path.checks if c.ok is not True]
        checks.append(
            judged(name, path.anchored and not unused, expected="a path to Intel's root", actual=unused or "so")
        )
        root = path.certificates[-1] if path.anchored else root
    checks.append(_crl_check("pck_crl", fields["pck_crl"], heads["pck_crl_issuer_chain"]))
    checks.append(_crl_check("root_ca_crl", fields["root_ca_crl"], root))
    return checks


def _crl_check(name: str, der: bytes, issuer: x509.Certificate | None) -> Check:
    if issuer is None:
        return failed(name, detail="its issuer does not lead to Intel's root")
    try:
        revoked = x509.load_der_x509_crl(der)
        key = issuer.public_key()
        good = revoked.issuer == issuer.subject and revoked.is_signature_valid(key)  # type: ignore[arg-type]
    except (ValueError, TypeError, x509.InvalidVersion, InvalidSignature, UnsupportedAlgorithm) as error:
        return failed(name, detail=f"not a readable revocation list: {error}")
    return judged(name, good, expected=f"signed by {issuer.subject.rfc4514_string()}")
