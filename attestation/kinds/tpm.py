"""TPM 2.0 quotes with their event log and the attestation key's credential.

TPM 2.0 Library Part 1 section 17 (PCR), Part 3 section 18.4 (TPM2_Quote); TCG Firmware Profile for the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from attestation.certificates import Roots
from attestation.errors import AttestationError
from attestation.kinds.hcl import check_hcl_report
from attestation.kinds.tpm_evidence import TpmEvidence, read
from attestation.kinds.tpm_key import ak_checks, spki, trust_checks
from attestation.result import Check, Claims, compare, failed, judged, not_evaluated
from attestation.tcg import replay
from attestation.tcg.algorithms import digest
from attestation.tcg.eventlog import EventLog
from attestation.tcg.eventlog import parse as parse_log
from attestation.tcg.tpm_structures import (
    QUOTE,
    Attest,
    PublicKey,
    parse_attest,
    parse_signature,
    signature_verifies,
)


def verify(
    evidence: bytes,
    *,
    nonce: bytes | None = None,
    now: datetime | None = None,
    roots: Roots | None = None,
    certificates: tuple[x509.Certificate, ...] = (),
    trusted_keys: tuple[PublicKey, ...] = (),
    event_log: bytes | None = None,
) -> Claims:
    """Claims of a TPM quote, or of a bare event log (which is never genuine: nothing signs it).

    Args:
        evidence: one of the layouts of `tpm_evidence`.
        nonce: compared with the quote's `extraData`, also as its SHA-1, SHA-256, SHA-384 or SHA-512.
        now: when the AK certificate must be valid; the present unless given.
        roots: what the AK certificate's path may end in; Google's EK/AK root unless given.
        certificates: AK certificate and intermediates that travel apart from the evidence.
        trusted_keys: attestation keys known beforehand (enrolled), instead of a certificate.
        event_log: a log that travels apart from the evidence.

    Raises:
        AttestationError: no known layout, or a malformed structure.
    """
    parsed = read(evidence)
    raw_log = event_log if event_log is not None else parsed.event_log
    log = parse_log(raw_log) if raw_log is not None else None
    digest_of_evidence = hashlib.sha256(evidence).hexdigest()
    if parsed.quote is None:
        return _log_alone(parsed, log, digest_of_evidence)
    attest = parse_attest(parsed.quote)
    key, checks = _key(parsed)
    body = parsed.quote[2:] if parsed.quote[:4] != b"\xff\x54\x43\x47" else parsed.quote
    assert parsed.signature is not None
    signature = parse_signature(parsed.signature, key)
    checks.append(judged("quote_type", attest.kind == QUOTE, expected=f"{QUOTE:#x}", actual=f"{attest.kind:#x}"))
    checks.append(
        judged(
            "quote_signature",
            signature_verifies(signature, key, body),
            detail=f"by the attestation key, with {signature.hash_name}",
        )
    )
    if parsed.bank is not None:
        checks.append(compare("quoted_bank", [parsed.bank], sorted(dict(attest.selections)), "the bank the file names"))
    checks += _pcr_checks(attest, parsed.pcrs, signature.hash_name)
    checks += ak_checks(parsed, key)
    trust, anchored = trust_checks(parsed, key, certificates, trusted_keys, roots, now or datetime.now(UTC))
    checks += trust
    checks += _nonce_checks(attest.extra_data, nonce, parsed.nonce)
    quoted = {
        bank: {i: v for i, v in values.items() if i in dict(attest.selections).get(bank, ())}
        for bank, values in parsed.pcrs.items()
    }
    quoted = {bank: values for bank, values in quoted.items() if values}
    checks += _log_checks(log, quoted)
    values = _values(parsed, attest, key, signature.hash_name, quoted, log)
    return Claims(
        "tpm",
        values,
        tuple(checks),
        anchored=anchored,
        evidence_sha256=digest_of_evidence,
        extras={"event_log": log, "pcrs": quoted},
    )


def _log_alone(parsed: TpmEvidence, log: EventLog | None, digest_of_evidence: str) -> Claims:
    assert log is not None
    replayed = {bank: replay.replay(log, bank) for bank in log.banks}
    checks = [failed("quote_signature", detail="an event log alone is not signed: give the quote that vouches for it")]
    for bank, given in parsed.pcrs.items():
        checks.append(replay.check_pcrs(log, bank, given)[0])
    checks += replay.consistency(log)
    values: dict[str, Any] = {
        "layout": parsed.layout,
        "pcrs": {bank: {str(i): v.hex() for i, v in sorted(regs.items())} for bank, regs in replayed.items()},
        "pcrs_from": "event log replay",
        "event_log": log.summary(),
        **_boot_claims(log),
    }
    return Claims(
        "tpm",
        values,
        tuple(checks),
        signed=False,
        anchored=False,
        evidence_sha256=digest_of_evidence,
        extras={"event_log": log, "pcrs": replayed},
    )


def _key(parsed: TpmEvidence) -> tuple[PublicKey, list[Check]]:
    if parsed.hcl_report is not None and parsed.key is None:
        return check_hcl_report(parsed.hcl_report)
    if parsed.key is None:
        raise AttestationError("TPM evidence: the attestation key is missing")
    return parsed.key, []


def _pcr_checks(attest: Attest, pcrs: Mapping[str, Mapping[int, bytes]], hash_name: str) -> list[Check]:
    """The digest in the quote against the PCR values beside it (Part 3, section 18.4.1)."""
    selected = {bank: list(indexes) for bank, indexes in attest.selections}
    if len(selected) != len(attest.selections):
        return [failed("pcr_digest", actual=attest.selections, detail="the quote selects a bank twice")]
    if not any(selected.values()):
        return [failed("pcr_digest", expected="at least one PCR", actual=selected, detail="the quote selects no PCR")]
    missing = [f"{bank}:{i}" for bank, indexes in selected.items() for i in indexes if i not in pcrs.get(bank, {})]
    if missing:
        return [failed("pcr_digest", expected="a value for every selected PCR", actual=f"missing {missing}")]
    joined = b"".join(pcrs[bank][i] for bank, indexes in attest.selections for i in indexes)
    extra = [f"{bank}:{i}" for bank, values in pcrs.items() for i in values if i not in selected.get(bank, ())]
    checks = [
        compare(
            "pcr_digest",
            attest.pcr_digest.hex(),
            digest(hash_name, joined).hex(),
            "the quoted digest of the PCR values",
        )
    ]
    if extra:
        checks.append(
            not_evaluated(
                "pcrs_outside_quote", "values the quote does not cover are left out of the claims", actual=extra
            )
        )
    return checks


def _nonce_checks(extra: bytes, nonce: bytes | None, claimed: bytes | None) -> list[Check]:
    checks = []
    if claimed is not None:
        checks.append(compare("nonce_in_file", claimed.hex(), extra.hex(), "the nonce that the file itself names"))
    if nonce is None:
        return [*checks, not_evaluated("nonce", "no nonce was given to compare with", actual=extra.hex())]
    forms = {nonce, *(digest(name, nonce) for name in ("sha1", "sha256", "sha384", "sha512"))}
    return [
        *checks,
        judged(
            "nonce",
            extra in forms,
            expected=nonce.hex(),
            actual=extra.hex(),
            detail="the quote's extraData is the nonce or its hash",
        ),
    ]


def _log_checks(log: EventLog | None, quoted: Mapping[str, Mapping[int, bytes]]) -> list[Check]:
    if log is None:
        return [replay.no_log()]
    checks: list[Check] = []
    for bank, values in quoted.items():
        found = replay.check_pcrs(log, bank, values)
        checks += [found[0], *(found[1:] if not checks else [])]
    return checks


def _values(
    parsed: TpmEvidence,
    attest: Attest,
    key: PublicKey,
    hash_name: str,
    quoted: Mapping[str, Mapping[int, bytes]],
    log: EventLog | None,
) -> dict[str, Any]:
    return {
        "layout": parsed.layout,
        "ak_sha256": hashlib.sha256(spki(key)).hexdigest(),
        "signature_hash": hash_name,
        "extra_data": attest.extra_data.hex(),
        "clock": attest.clock,
        "reset_count": attest.reset_count,
        "restart_count": attest.restart_count,
        "firmware_version": f"{attest.firmware_version:#018x}",
        "pcrs": {bank: {str(i): v.hex() for i, v in sorted(regs.items())} for bank, regs in quoted.items()},
        "pcrs_from": "quote",
        "event_log": log.summary() if log else None,
        **(_boot_claims(log) if log else {}),
    }


def _boot_claims(log: EventLog) -> dict[str, Any]:
    """What the log says of the boot, for people and policies; only as good as the log's own checks."""
    secure_boot = None
    for event in log.events:
        if event.type == "EV_EFI_VARIABLE_DRIVER_CONFIG" and event.content.get("variable") == "SecureBoot":
            secure_boot = event.content.get("enabled", False)
            break
    return {"secure_boot": secure_boot}
