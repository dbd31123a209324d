"""TPM 2.0 quotes with their event log and the attestation key's credential.

TPM 2.0 Library Part 1 section 17 (PCR), Part 3 section 18.4 (TPM2_Quote); TCG Firmware Profile for the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from attestation.certificates import Roots, may_issue
from attestation.errors import AttestationError
from attestation.kinds.hcl import check_hcl_report
from attestation.kinds.tpm_evidence import SignedQuote, TpmEvidence, certified_key, read
from attestation.kinds.tpm_key import ak_checks, spki, trust_checks
from attestation.kinds.tpm_quote import bare, covered, nonce_checks, quote_checks
from attestation.result import Check, Claims, compare, failed, not_evaluated
from attestation.tcg import replay
from attestation.tcg.algorithms import digest
from attestation.tcg.event_types import SEPARATOR
from attestation.tcg.eventlog import EventLog
from attestation.tcg.eventlog import parse as parse_log
from attestation.tcg.tpm_structures import (
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
        trusted_keys: attestation keys known beforehand (enrolled), instead of a certificate. Evidence that does not
            say its AK is verified with the one of these, or of the certificates, that signed it.
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
    assert parsed.signature is not None
    key, checks = _key(parsed, parsed.signature, trusted_keys, certificates)
    primary = SignedQuote(parsed.quote, parsed.signature, parsed.pcrs, parsed.bank)
    attest, hash_name, found = quote_checks(primary, key)
    checks += found
    quoted = covered(attest, parsed.pcrs)
    for other in parsed.others:
        prefix = f"{other.bank}_"
        also, _, found = quote_checks(other, key, prefix)
        checks += [*found, *nonce_checks(also.extra_data, nonce, parsed.nonce, prefix)]
        quoted |= covered(also, other.pcrs)
    checks += ak_checks(parsed, key)
    trust, anchored = trust_checks(parsed, key, certificates, trusted_keys, roots, now or datetime.now(UTC))
    checks += trust
    checks += nonce_checks(attest.extra_data, nonce, parsed.nonce)
    checks += _log_checks(log, quoted)
    if parsed.left_out:
        checks.append(
            not_evaluated("other_parts", "parts of the file that are not looked at", actual=list(parsed.left_out))
        )
    values = _values(parsed, attest, key, hash_name, quoted, log, checks)
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


def _key(
    parsed: TpmEvidence,
    signature: bytes,
    trusted_keys: tuple[PublicKey, ...],
    certificates: tuple[x509.Certificate, ...],
) -> tuple[PublicKey, list[Check]]:
    """The attestation key: as the file gives it, from Azure's report, or the one of those given that signed."""
    if parsed.hcl_report is not None:
        bound, checks = check_hcl_report(parsed.hcl_report)
        if parsed.key is not None:
            checks.append(
                compare("hcl_key", spki(bound).hex(), spki(parsed.key).hex(), "the report's key and the file's")
            )
        return bound, checks
    if parsed.key is not None:
        return parsed.key, []
    assert parsed.quote is not None
    given = [*trusted_keys, *(certified_key(c) for c in certificates if may_issue(c, 0))]
    if not given:
        raise AttestationError(
            "TPM evidence: no `ak_public` and no `ak_certificate`, and none was given (--certificates): "
            "the quote's signer is unknown"
        )
    body, hash_name = bare(parsed.quote), parse_attest(parsed.quote).digest_hash
    fitting = []
    for key in given:
        try:
            if signature_verifies(parse_signature(signature, key, hash_name), key, body):
                return key, []
        except AttestationError:  # a signature that keys of another kind make
            continue
        fitting.append(key)
    return (fitting or given)[0], []


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
    checks: Sequence[Check],
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
        **(_boot_claims(log) if log and _vouched(quoted, checks) else {}),
    }


def _vouched(quoted: Mapping[str, Mapping[int, bytes]], checks: Sequence[Check]) -> bool:
    """Whether what the log says of Secure Boot is what the quote covers: PCR 7 is quoted, and the log leads to it."""
    return any(7 in values for values in quoted.values()) and not any(
        check.name == "event_log" and check.ok is not True for check in checks
    )


def _boot_claims(log: EventLog) -> dict[str, Any]:
    """What the log says of Secure Boot, for people and policies; only as good as the log's own checks.

    Firmware measures the variable into PCR 7 before the separator there (Firmware Profile, section 3.3.4.8). Elsewhere,
    and after it, the running system can measure what it likes, so an event of that name there says nothing.
    """
    for event in log.events:
        if not event.extends or event.index != 7:
            continue
        if event.type_number == SEPARATOR:
            break
        named = event.type == "EV_EFI_VARIABLE_DRIVER_CONFIG" and event.content.get("variable") == "SecureBoot"
        if named and all(digest(bank, event.data) == event.digests.get(bank) for bank in log.banks):
            return {"secure_boot": event.content.get("enabled", False)}
    return {"secure_boot": None}
