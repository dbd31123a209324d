"""Appraisal: claims and a policy in, a verdict out. Whether the claims are genuine was settled before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from attestation.appraise_kinds import BY_KIND
from attestation.policy import AppraisalPolicy, ReferenceSet
from attestation.result import Check, Claims, Status, Verdict, failed, judged, not_evaluated, passed

_LATEST = 10**11
"""Seconds since 1970 that no clock shows."""


def appraise(claims: Claims, policy: AppraisalPolicy, *, now: datetime | None = None) -> Verdict:
    """The verdict on claims under a policy.

    Accepted means: the evidence is signed, no verification check failed (or the failed one is waived by name, in
    words, and not expired), and every demand of the policy holds.
    """
    moment = now or datetime.now(UTC)
    checks = [_waive(check, policy, moment) for check in claims.checks]
    if not claims.signed:
        checks.append(failed("evidence_signed", expected="a signature", actual="none"))
    if policy.kinds:
        checks.append(judged("kind", claims.kind in policy.kinds, expected=list(policy.kinds), actual=claims.kind))
    if policy.require_anchored:
        checks.append(
            judged(
                "anchored",
                claims.anchored,
                expected="a signer that leads to a trusted root",
                actual="so" if claims.anchored else "signer of unknown origin",
            )
        )
    if policy.require_nonce:
        evaluated = [c for c in claims.checks if c.name.endswith("nonce") and c.status is not Status.NOT_EVALUATED]
        checks.append(
            judged(
                "nonce_required",
                bool(evaluated),
                expected="a nonce that was compared",
                actual="compared" if evaluated else "none was given",
            )
        )
    checks += _debug(claims, policy)
    checks += _age(claims, policy, moment)
    checks += _shown(claims, policy)
    kind_rules: Callable[[Claims, AppraisalPolicy], list[Check]] = BY_KIND[claims.kind]
    checks += kind_rules(claims, policy)
    checks += reference_checks(claims, policy, moment)
    accepted = claims.signed and bool(claims.checks) and all(check.status is not Status.FAIL for check in checks)
    return Verdict(claims.kind, accepted, claims, tuple(checks), policy.name, policy.sha256())


def _waive(check: Check, policy: AppraisalPolicy, now: datetime) -> Check:
    if check.status is not Status.FAIL:
        return check
    for waiver in policy.waivers:
        if waiver.check != check.name or check.name.endswith("signature"):
            continue
        expires = waiver.expires if waiver.expires.tzinfo else waiver.expires.replace(tzinfo=UTC)
        if now < expires:
            return not_evaluated(
                check.name,
                f"waived until {expires.isoformat()}: {waiver.reason}",
                expected=check.expected,
                actual=check.actual,
            )
        return failed(
            check.name,
            expected=check.expected,
            actual=check.actual,
            detail=f"{check.detail} (its waiver expired {expires.isoformat()})",
        )
    return check


def _debug(claims: Claims, policy: AppraisalPolicy) -> list[Check]:
    """Debug mode, from the claim that says so; a kind without such a claim is not judged here."""
    if "debug" not in claims.values:
        return []
    debug = claims.values["debug"]
    if debug is False:
        return [passed("debug", expected=False, actual=False)]
    if policy.allow_debug:
        return [not_evaluated("debug", f"waived: {policy.allow_debug}", expected=False, actual=debug)]
    return [failed("debug", expected=False, actual=debug, detail="the machine or the enclave runs in debug mode")]


def _age(claims: Claims, policy: AppraisalPolicy, now: datetime) -> list[Check]:
    if policy.maximum_age_seconds is None:
        return []
    made = _made(claims)
    if made is None:
        return [
            failed(
                "age",
                expected=f"at most {policy.maximum_age_seconds} s",
                actual=None,
                detail="this evidence carries no time that can be read: use a nonce",
            )
        ]
    age = now.timestamp() - made
    return [
        judged(
            "age",
            -300 <= age <= policy.maximum_age_seconds,
            expected=f"at most {policy.maximum_age_seconds} s",
            actual=f"{age:.0f} s",
        )
    ]


def _shown(claims: Claims, policy: AppraisalPolicy) -> list[Check]:
    """What a policy demands and this kind of evidence cannot show: a demand that nothing can meet is not met."""
    demands = (
        ("event_log_required", policy.require_event_log, {"tpm", "tdx"}, "an event log"),
        ("secure_boot", policy.require_secure_boot, {"tpm", "gcp-token"}, True),
    )
    return [
        failed(name, expected=expected, detail=f"evidence of the kind {claims.kind} cannot show it: bind registers")
        for name, wanted, kinds, expected in demands
        if wanted and claims.kind not in kinds
    ]


def _made(claims: Claims) -> float | None:
    """Seconds since 1970 when the evidence was made: a Nitro document's time stamp, a token's `iat`."""
    if claims.kind == "nitro":
        return datetime.fromisoformat(claims.values["timestamp"]).timestamp()
    issued = claims.values.get("iat") if claims.kind == "gcp-token" else None
    known = isinstance(issued, int | float) and not isinstance(issued, bool) and 0 < issued < _LATEST
    return float(issued) if known and issued is not None else None


def reference_checks(claims: Claims, policy: AppraisalPolicy, now: datetime) -> list[Check]:
    """The measurements against the accepted reference sets: one of them must match as a whole."""
    if not policy.reference_sets:
        return []
    old = [s for s in policy.reference_sets if s.version < policy.minimum_version]
    lapsed = [s for s in policy.reference_sets if s.expires is not None and _utc(s.expires) <= now]
    usable = [s for s in policy.reference_sets if s not in old and s not in lapsed]
    mismatches = {f"{s.name} v{s.version}": mismatch(claims, s) for s in usable}
    for name, wrong in mismatches.items():
        if not wrong:
            return [passed("reference_values", expected=sorted(mismatches), actual=name)]
    for label, group in (("older than the minimum version", old), ("expired", lapsed)):
        for candidate in group:
            if not mismatch(claims, candidate):
                return [
                    failed(
                        "reference_values",
                        expected=f"version {policy.minimum_version} or later, not expired",
                        actual=f"{candidate.name} v{candidate.version}",
                        detail=f"the image is known but {label}",
                    )
                ]
    return [
        failed(
            "reference_values",
            expected=sorted(mismatches) or "a usable reference set",
            actual=mismatches,
            detail="the measurements are those of no accepted image",
        )
    ]


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def mismatch(claims: Claims, reference: ReferenceSet) -> dict[str, Any]:
    """What differs between claims and one reference set; empty when everything it names matches."""
    wrong: dict[str, Any] = {}
    named = 0
    for bank, registers in reference.pcrs.items():
        actual = pcrs_of(claims, bank)
        for index, values in registers.items():
            named += 1
            if actual.get(str(index)) not in values:
                wrong[f"{bank}:{index}"] = {"expected": list(values), "actual": actual.get(str(index))}
    for name, values in reference.registers.items():
        named += 1
        if claims.values.get(name) not in values:
            wrong[name] = {"expected": list(values), "actual": claims.values.get(name)}
    if reference.image_digests:
        named += 1
        digest = dig(claims.values, "submods", "container", "image_digest")
        if digest not in reference.image_digests:
            wrong["image_digest"] = {"expected": list(reference.image_digests), "actual": digest}
    return wrong if named else {"reference_set": "names no measurement"}


def pcrs_of(claims: Claims, bank: str) -> Mapping[str, str]:
    """PCR values of one bank, as text to hex; Nitro documents have the SHA-384 bank only."""
    pcrs = claims.values.get("pcrs")
    if not isinstance(pcrs, Mapping):
        return {}
    if claims.kind == "nitro":
        return pcrs if bank == "sha384" else {}
    found = pcrs.get(bank, {})
    return found if isinstance(found, Mapping) else {}


def dig(values: Any, *path: str) -> Any:
    """The value at a path of names, None when any part is missing."""
    for name in path:
        if not isinstance(values, Mapping):
            return None
        values = values.get(name)
    return values
