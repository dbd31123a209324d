"""Whose key signed a TPM quote: the attestation key's attributes, its creation, its certificate or enrolment."""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from attestation.certificates import Roots, build_path, fingerprint
from attestation.kinds import issuers
from attestation.kinds.tpm_evidence import TpmEvidence
from attestation.result import Check, failed, judged, not_evaluated, passed
from attestation.roots import GCP_EK_AK
from attestation.tcg.algorithms import digest
from attestation.tcg.tpm_structures import CREATION, PublicKey, parse_attest, parse_signature, signature_verifies


def ak_checks(parsed: TpmEvidence, key: PublicKey) -> list[Check]:
    """What the file itself shows of the key: its attributes, and that it was made in a TPM.

    Raises:
        AttestationError: a malformed creation certificate.
    """
    checks = []
    if parsed.public is None:
        checks.append(not_evaluated("ak_attributes", "the AK's TPM public area was not given, only its key"))
    else:
        lacking = parsed.public.lacks_for_attestation()
        checks.append(
            judged(
                "ak_attributes",
                not lacking,
                expected="a restricted signing key made in the TPM",
                actual=lacking or "so",
            )
        )
    if parsed.creation is not None and parsed.public is not None:
        checks.append(_creation_check(parsed.creation, parsed.public.name, key))
    return checks


def _creation_check(creation: tuple[bytes, bytes, bytes], name: bytes, key: PublicKey) -> Check:
    """TPM2_CertifyCreation by the AK itself: its public area and creation data belong together."""
    data, raw, signature = creation
    attest = parse_attest(raw)
    bare = data[2:] if int.from_bytes(data[:2], "big") == len(data) - 2 else data
    parsed = parse_signature(signature, key)
    hashes = {digest(bank, bare) for bank in ("sha1", "sha256", "sha384")}
    good = (
        attest.kind == CREATION
        and attest.object_name == name
        and attest.creation_hash in hashes
        and signature_verifies(parsed, key, raw)
    )
    return judged("ak_creation", good, expected="a creation certificate over this AK and its creation data")


def trust_checks(
    parsed: TpmEvidence,
    key: PublicKey,
    certificates: tuple[x509.Certificate, ...],
    trusted_keys: tuple[PublicKey, ...],
    roots: Roots | None,
    now: datetime,
) -> tuple[list[Check], bool]:
    """Whether the key is known: enrolled beforehand, or certified under a trusted root; and whether it is anchored."""
    if trusted_keys:
        known = spki(key) in {spki(trusted) for trusted in trusted_keys}
        return [
            judged(
                "ak_trust",
                known,
                expected="one of the attestation keys given",
                actual=hashlib.sha256(spki(key)).hexdigest(),
            )
        ], known
    pool = [*parsed.ak_certificates, *certificates]
    leaf = next((c for c in pool if _spki_or_none(c) == spki(key)), None)
    if leaf is None:
        if parsed.ak_certificates or certificates:
            return [failed("ak_trust", detail="none of the certificates given is the attestation key's")], False
        if roots is not None:
            return [failed("ak_trust", detail="no certificate of the attestation key leads to the roots given")], False
        return [
            not_evaluated(
                "ak_trust",
                "no AK certificate and no enrolled AK was given: who made the quote is "
                "unknown, only that one key vouches for all of it",
            )
        ], False
    others = [c for c in pool if c != leaf]
    path = build_path(leaf, others or ([] if roots else issuers.google()), roots or GCP_EK_AK, now, "ak_")
    return [passed("ak_trust", actual=fingerprint(leaf), detail="certificate of the key"), *path.checks], path.anchored


def spki(key: PublicKey) -> bytes:
    """DER SubjectPublicKeyInfo."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _spki_or_none(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except (ValueError, TypeError):
        return None
