"""The release policy as a GCP workload identity federation provider and the KMS binding that goes with it.

Google Cloud "Confidential Space: attestation assertions"; IAM "Workload identity federation" (conditions and mappings).
"""

from __future__ import annotations

import re
from typing import Any

from attestation.errors import AttestationError
from attestation.kinds.gcp_token import GOOGLE_ISSUER
from attestation.policy import ReferenceSet
from attestation.release.policy import GcpTarget, ReleasePolicy, utc

DECRYPTER = "roles/cloudkms.cryptoKeyDecrypter"
MAX_CONDITION = 4096
"""Characters of an attribute condition (IAM quotas)."""
_SAFE = re.compile(r"^[\w.:@/ -]+$")


def attribute_condition(policy: ReleasePolicy) -> str:
    """The CEL condition that a token must meet to be exchanged at all.

    Debug images are refused by positive match; expiry is compared with the time at which the token was issued, because
    CEL here knows no clock.

    Raises:
        AttestationError: there is no GCP target, no image is accepted, or the condition is too long.
    """
    target = _target(policy)
    parts = [
        'assertion.swname == "CONFIDENTIAL_SPACE"',
        'assertion.dbgstat == "disabled-since-boot"',
        f"assertion.hwmodel in {_list(target.hwmodel)}",
        f"assertion.submods.gce.project_number in {_list(target.workload_projects)}",
        f"({_images(policy, target)})",
        *(_empty(f"assertion.submods.container.{name}") for name in ("env_override", "cmd_override")),
    ]
    if target.stable_image is True:
        parts.append('"STABLE" in assertion.submods.confidential_space.support_attributes')
    if target.zones:
        parts.append(f"assertion.submods.gce.zone in {_list(target.zones)}")
    if policy.confidential_gpu == "required":
        parts.append('assertion.submods.nvidia_gpu.cc_mode == "ON"')
    else:
        gpu = "assertion.submods.nvidia_gpu"
        parts.append(f'(!has({gpu}) || !has({gpu}.cc_mode) || {gpu}.cc_mode in ["ON", "OFF"])')
    condition = " && ".join(parts)
    if len(condition) > MAX_CONDITION:
        raise AttestationError(
            f"attribute condition of {policy.tenant}: {len(condition)} characters; retire old images"
        )
    return condition


def _target(policy: ReleasePolicy) -> GcpTarget:
    if policy.gcp is None:
        raise AttestationError(f"release policy of {policy.tenant}: no GCP target")
    if not policy.usable(canary=True):
        raise AttestationError(
            f"release policy of {policy.tenant}: no image is accepted; a key nobody can open is a mistake"
        )
    return policy.gcp


def _text(value: str) -> str:
    if not _SAFE.match(value):
        raise AttestationError(f"{value!r} cannot stand in a condition")
    return f'"{value}"'


def _list(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def _empty(path: str) -> str:
    """An override that is not there, null or empty. Real tokens write null, and `size(null)` is an error in CEL."""
    return f"(!has({path}) || {path} == null || size({path}) == 0)"


def _images(policy: ReleasePolicy, target: GcpTarget) -> str:
    """Each image with those who may run it: the canary ones only with a canary's service account."""
    ordinary = policy.usable(canary=False)
    clauses = [_image(reference, target, canary=False) for reference in ordinary]
    clauses += [_image(r, target, canary=True) for r in policy.usable(canary=True) if r not in ordinary]
    return " || ".join(clauses)


def _image(reference: ReferenceSet, target: GcpTarget, *, canary: bool) -> str:
    everybody = tuple(dict.fromkeys((*target.service_accounts, *target.canary_service_accounts)))
    accounts = target.canary_service_accounts if canary else everybody
    named = " || ".join(f"{_text(account)} in assertion.google_service_accounts" for account in accounts)
    clause = f"assertion.submods.container.image_digest in {_list(reference.image_digests)} && ({named})"
    if reference.expires is not None:
        clause += f" && assertion.iat < {int(utc(reference.expires).timestamp())}"
    return f"({clause})"


def attribute_mapping(policy: ReleasePolicy) -> dict[str, str]:
    """Attributes of the federated identity: tenant and image are named, so that the KMS grant can name them too."""
    target = _target(policy)
    prefix = f"{policy.tenant}/{policy.purpose}/"
    where = 'assertion.submods.gce.project_number + "::" + assertion.submods.gce.instance_id'
    return {
        "google.subject": f'"gcpcs::" + assertion.submods.container.image_digest + "::" + {where}',
        "attribute.tenant": _text(policy.tenant),
        "attribute.image_digest": "assertion.submods.container.image_digest",
        "attribute.project_number": "assertion.submods.gce.project_number",
        "attribute.release": f"{_text(prefix)} + assertion.submods.container.image_digest",
        "attribute.audience": _text(target.audience),
    }


def provider(policy: ReleasePolicy) -> dict[str, Any]:
    """Arguments of `google_iam_workload_identity_pool_provider`."""
    target = _target(policy)
    return {
        "workload_identity_pool_provider_id": f"{policy.tenant}-{policy.purpose}"[:32],
        "oidc": {"issuer_uri": GOOGLE_ISSUER, "allowed_audiences": [target.audience]},
        "attribute_mapping": attribute_mapping(policy),
        "attribute_condition": attribute_condition(policy),
    }


def kms_bindings(policy: ReleasePolicy) -> list[dict[str, str]]:
    """Arguments of `google_kms_crypto_key_iam_member`, one per image: the grant itself names tenant and image."""
    target = _target(policy)
    pool = f"projects/{target.project_number}/locations/global/workloadIdentityPools/{target.pool}"
    digests = sorted({digest for reference in policy.usable(canary=True) for digest in reference.image_digests})
    return [
        {
            "role": DECRYPTER,
            "member": f"principalSet://iam.googleapis.com/{pool}/attribute.release/{policy.tenant}/{policy.purpose}/{digest}",
        }
        for digest in digests
    ]
