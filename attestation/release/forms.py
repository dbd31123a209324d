"""The three forms of a release policy by name."""

from __future__ import annotations

from typing import Any

from attestation.errors import AttestationError
from attestation.release import aws, gcp
from attestation.release.offline import appraisal_policy
from attestation.release.policy import ReleasePolicy

FORMS = ("aws", "gcp", "offline")


def compile_form(policy: ReleasePolicy, form: str) -> dict[str, Any]:
    """The document of one form: a key policy; provider and KMS bindings; an appraisal policy per kind of evidence.

    Raises:
        AttestationError: unknown form, or the policy has no such target.
    """
    if form == "aws":
        return aws.key_policy(policy)
    if form == "gcp":
        return {"provider": gcp.provider(policy), "kms_bindings": gcp.kms_bindings(policy)}
    if form != "offline":
        raise AttestationError(f"release policy: form {form!r} is not one of {', '.join(FORMS)}")
    kinds = [*(("nitro", "tpm") if policy.aws else ()), *(("gcp-token",) if policy.gcp else ())]
    return {
        "release_policy_sha256": policy.sha256(),
        "policies": {
            kind: {
                "ordinary": appraisal_policy(policy, kind, canary=False).model_dump(mode="json"),
                "canary": appraisal_policy(policy, kind, canary=True).model_dump(mode="json"),
            }
            for kind in kinds
        },
    }
