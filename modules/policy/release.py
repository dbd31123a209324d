"""Keys follow measurements: what the policies of the `data`, `checkpoint` and `export` keys demand of a machine.

The release policy is `attestation.release`'s, compiled here for one tenant from the images that platform.yaml accepts.
While none is accepted the keys open for nobody.
"""

from __future__ import annotations

from typing import Literal, cast

from attestation.release import aws
from attestation.release.policy import AwsTarget, ReleasePolicy
from modules.policy.scope import Statement, TenantScope
from tenancy.names import KeyPurpose

ReleasedPurpose = Literal["data", "checkpoint", "export"]
RELEASED: tuple[ReleasedPurpose, ...] = ("data", "checkpoint", "export")
"""Purposes whose keys are released by measurement. `disk` and `logs` are for AWS's services, which cannot attest."""

NO_CONFIDENTIAL_GPU = (
    "AWS has no confidential GPU; measured boot, an image without operator access and the Nitro system's isolation "
    "are relied on"
)


def sealers(scope: TenantScope, purpose: KeyPurpose) -> tuple[str, ...]:
    """Who makes keys without attesting: the data owner holds the plaintext that it seals."""
    return (scope.role_arn("data-owner"),) if purpose == "data" else ()


def openers(scope: TenantScope, purpose: KeyPurpose) -> tuple[str, ...]:
    """Who opens without attesting: the data owner takes the exported model. That is the export gate."""
    return (scope.role_arn("data-owner"),) if purpose == "export" else ()


def aws_target(scope: TenantScope, purpose: KeyPurpose) -> AwsTarget:
    """The tenant's key for `purpose` as the release policy sees it."""
    trainer = (scope.role_arn("trainer"),)
    return AwsTarget(
        account_id=scope.account_id,
        region=scope.region,
        users=trainer,
        canary_users=trainer if scope.canary else (),
        sealers=sealers(scope, purpose),
        openers=openers(scope, purpose),
        administrators=(scope.deployer_arn,),
        encryption_context={"tenant": scope.names.tenant},
    )


def release_policy(scope: TenantScope, purpose: ReleasedPurpose) -> ReleasePolicy | None:
    """The tenant's release policy for `purpose`; None while no image is accepted from its machines."""
    if not any(image.stage in _stages(scope) for image in scope.images):
        return None
    return ReleasePolicy(
        tenant=scope.names.tenant,
        purpose=purpose,
        version=max(len(scope.images), 1),
        images=scope.images,
        confidential_gpu=NO_CONFIDENTIAL_GPU,
        aws=aws_target(scope, purpose),
    )


def release_denials(scope: TenantScope, purpose: KeyPurpose) -> list[Statement]:
    """Stops every use that no accepted measurement stands behind, by administrators and root as well."""
    policy = release_policy(scope, cast("ReleasedPurpose", purpose))
    return aws.locked_denials(aws_target(scope, purpose)) if policy is None else aws.release_denials(policy)


def _stages(scope: TenantScope) -> tuple[str, ...]:
    return ("active", "canary") if scope.canary else ("active",)
