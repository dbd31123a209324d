"""One TPM quote: its signature, the PCR values it covers, the nonce in it (TPM 2.0 Library Part 3, section 18.4)."""

from __future__ import annotations

from collections.abc import Mapping

from attestation.kinds.tpm_evidence import SignedQuote
from attestation.result import Check, compare, failed, judged, not_evaluated
from attestation.tcg.algorithms import digest
from attestation.tcg.tpm_structures import (
    QUOTE,
    Attest,
    PublicKey,
    parse_attest,
    parse_signature,
    signature_verifies,
)


def bare(message: bytes) -> bytes:
    """A TPMS_ATTEST without its TPM2B size: what the signature covers."""
    return message if message[:4] == b"\xff\x54\x43\x47" else message[2:]


def quote_checks(quote: SignedQuote, key: PublicKey, prefix: str = "") -> tuple[Attest, str, list[Check]]:
    """A quote's contents, the name of its signature's hash, and the checks on both."""
    attest = parse_attest(quote.message)
    signature = parse_signature(quote.signature, key, attest.digest_hash)
    good = signature_verifies(signature, key, bare(quote.message))
    checks = [
        judged(f"{prefix}quote_type", attest.kind == QUOTE, expected=f"{QUOTE:#x}", actual=f"{attest.kind:#x}"),
        judged(f"{prefix}quote_signature", good, detail=f"by the attestation key, with {signature.hash_name}"),
    ]
    if quote.bank is not None:
        banks = sorted(dict(attest.selections))
        checks.append(compare(f"{prefix}quoted_bank", [quote.bank], banks, "the bank the file names"))
    checks += _pcr_checks(attest, quote.pcrs, signature.hash_name, prefix)
    return attest, signature.hash_name, checks


def covered(attest: Attest, pcrs: Mapping[str, Mapping[int, bytes]]) -> dict[str, dict[int, bytes]]:
    """The values that the quote selects."""
    selected = dict(attest.selections)
    found = {bank: {i: v for i, v in values.items() if i in selected.get(bank, ())} for bank, values in pcrs.items()}
    return {bank: values for bank, values in found.items() if values}


def _pcr_checks(attest: Attest, pcrs: Mapping[str, Mapping[int, bytes]], hash_name: str, prefix: str) -> list[Check]:
    """The digest in the quote against the PCR values beside it (Part 3, section 18.4.1)."""
    name = f"{prefix}pcr_digest"
    selected = {bank: list(indexes) for bank, indexes in attest.selections}
    if len(selected) != len(attest.selections):
        return [failed(name, actual=attest.selections, detail="the quote selects a bank twice")]
    if not any(selected.values()):
        return [failed(name, expected="at least one PCR", actual=selected, detail="the quote selects no PCR")]
    missing = [f"{bank}:{i}" for bank, indexes in selected.items() for i in indexes if i not in pcrs.get(bank, {})]
    if missing:
        return [failed(name, expected="a value for every selected PCR", actual=f"missing {missing}")]
    joined = b"".join(pcrs[bank][i] for bank, indexes in attest.selections for i in indexes)
    extra = [f"{bank}:{i}" for bank, values in pcrs.items() for i in values if i not in selected.get(bank, ())]
    checks = [
        compare(
            name,
            attest.pcr_digest.hex(),
            digest(hash_name, joined).hex(),
            "the quoted digest of the PCR values",
        )
    ]
    if extra:
        checks.append(
            not_evaluated(
                f"{prefix}pcrs_outside_quote",
                "values the quote does not cover are left out of the claims",
                actual=extra,
            )
        )
    return checks


def nonce_checks(extra: bytes, nonce: bytes | None, claimed: bytes | None, prefix: str = "") -> list[Check]:
    """The quote's `extraData` against the nonce given, in the forms in use, and against the one that the file names."""
    checks = []
    if claimed is not None:
        checks.append(
            compare(f"{prefix}nonce_in_file", claimed.hex(), extra.hex(), "the nonce that the file itself names")
        )
    if nonce is None:
        return [*checks, not_evaluated(f"{prefix}nonce", "no nonce was given to compare with", actual=extra.hex())]
    forms = {nonce, *(digest(name, nonce) for name in ("sha1", "sha256", "sha384", "sha512"))}
    return [
        *checks,
        judged(
            f"{prefix}nonce",
            extra in forms,
            expected=nonce.hex(),
            actual=extra.hex(),
            detail="the quote's extraData is the nonce or its hash",
        ),
    ]
