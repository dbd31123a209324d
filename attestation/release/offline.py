"""The release policy as a decision that needs no cloud: the local cloud's KMS, auditors and tests make it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from attestation.appraise import appraise
from attestation.policy import AppraisalPolicy, ReferenceSet
from attestation.release.policy import ReleasePolicy
from attestation.result import Check, Claims, Status, Verdict, failed, judged, sentence


@dataclass(frozen=True)
class Release:
    """Whether a key is released, and everything that spoke for or against."""

    allowed: bool
    tenant: str
    purpose: str
    requester: str
    policy_version: int
    policy_sha256: str
    evidence_sha256: str
    reference_set: str | None
    """Name and version of the image that matched."""
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> list[str]:
        """One sentence per failed check."""
        return [sentence(check) for check in self.checks if check.status is Status.FAIL]

    def as_json(self) -> dict[str, Any]:
        """The decision for reports."""
        return {
            "decision": "allowed" if self.allowed else "denied",
            "tenant": self.tenant,
            "purpose": self.purpose,
            "requester": self.requester,
            "policy": {"version": self.policy_version, "sha256": self.policy_sha256},
            "evidence_sha256": self.evidence_sha256,
            "reference_set": self.reference_set,
            "checks": [check.as_json() for check in self.checks],
            "reasons": self.reasons,
        }


def appraisal_policy(policy: ReleasePolicy, kind: str, *, canary: bool) -> AppraisalPolicy:
    """What is demanded of one kind of evidence from one kind of principal.

    For `nitro` and `tpm` the registers that the AWS form binds; for `gcp-token` what the CEL condition says.
    """
    sets = policy.usable(canary=canary)
    common = {
        "name": f"{policy.tenant}-{policy.purpose}-v{policy.version}",
        "kinds": (kind,),
        "require_anchored": True,
        "maximum_age_seconds": policy.maximum_age_seconds,
    }
    if kind == "gcp-token" and policy.gcp is not None:
        images = tuple(s.model_copy(update={"pcrs": {}, "registers": {}}) for s in sets)
        required = policy.confidential_gpu == "required"
        return AppraisalPolicy.model_validate(
            {
                **common,
                "reference_sets": images,
                "audience": (policy.gcp.audience,),
                "hwmodel": policy.gcp.hwmodel,
                "project_numbers": policy.gcp.workload_projects,
                "zones": policy.gcp.zones,
                "require_stable_image": policy.gcp.stable_image is True,
                "require_empty_overrides": True,
                "gpu_cc_mode": "ON" if required else None,
                "gpu_cc_mode_waiver": None if required else policy.confidential_gpu,
            }
        )
    registers = policy.aws.registers if policy.aws else (4, 7, 12)
    bound = tuple(_bound(s, registers) for s in sets)
    more = {"require_event_log": False, "maximum_age_seconds": None, "require_nonce": True} if kind == "tpm" else {}
    return AppraisalPolicy.model_validate({**common, **more, "reference_sets": bound})


def _bound(reference: ReferenceSet, registers: tuple[int, ...]) -> ReferenceSet:
    pcrs = {bank: {r: values[r] for r in registers if r in values} for bank, values in reference.pcrs.items()}
    kept = {bank: values for bank, values in pcrs.items() if bank == "sha384" and values}
    return reference.model_copy(update={"pcrs": kept, "registers": {}, "image_digests": ()})


def decide(policy: ReleasePolicy, claims: Claims, requester: str, *, now: datetime) -> Release:
    """Whether the key is released to the attester behind `claims`.

    Args:
        policy: the tenant's policy for one purpose.
        claims: verified evidence of kind `nitro` (NitroTPM), `tpm` or `gcp-token`.
        requester: who asks: the role ARN of an authenticated caller. For Google tokens it is one of the token's own
            service accounts, and is looked up there as well.
        now: the time of the decision.

    Returns:
        The decision. Nothing but verified, anchored evidence of an accepted image, from a principal of this tenant, is
        released.
    """
    users, canaries = _principals(policy, claims.kind)
    canary = requester in canaries
    checks = [
        judged(
            "requester", requester in {*users, *canaries}, expected=f"a principal of {policy.tenant}", actual=requester
        )
    ]
    checks += _kind_checks(policy, claims, requester)
    verdict: Verdict = appraise(claims, appraisal_policy(policy, claims.kind, canary=canary), now=now)
    if not policy.usable(canary=canary):
        checks.append(failed("reference_values", expected="an accepted image", actual="none is accepted at all"))
    every = (*checks, *verdict.checks)
    allowed = verdict.accepted and all(check.status is not Status.FAIL for check in every)
    matched = next((c.actual for c in verdict.checks if c.name == "reference_values" and c.ok), None)
    return Release(
        allowed,
        policy.tenant,
        policy.purpose,
        requester,
        policy.version,
        policy.sha256(),
        claims.evidence_sha256,
        matched,
        every,
    )


def _principals(policy: ReleasePolicy, kind: str) -> tuple[Iterable[str], Iterable[str]]:
    if kind == "gcp-token":
        return (policy.gcp.service_accounts, policy.gcp.canary_service_accounts) if policy.gcp else ((), ())
    return (policy.aws.users, policy.aws.canary_users) if policy.aws else ((), ())


def _kind_checks(policy: ReleasePolicy, claims: Claims, requester: str) -> list[Check]:
    if claims.kind == "nitro":
        shape = claims.values.get("shape")
        return [judged("document_shape", shape == "nitrotpm", expected="nitrotpm", actual=shape)]
    if claims.kind == "gcp-token":
        accounts = claims.values.get("google_service_accounts")
        named = isinstance(accounts, list) and requester in accounts
        software = claims.values.get("swname")
        return [
            judged("requester_in_token", named, expected=requester, actual=accounts),
            judged("software", software == "CONFIDENTIAL_SPACE", expected="CONFIDENTIAL_SPACE", actual=software),
        ]
    if claims.kind == "tpm":
        return [judged("target", policy.aws is not None, expected="a target that binds PCRs")]
    return [failed("kind", expected="nitro, tpm or gcp-token", actual=claims.kind)]
