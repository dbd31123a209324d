"""The release policy of a tenant on Google Cloud, and whether the condition that it compiles to is accepted.

One provider of the workload identity pool serves all of the tenant's attested keys: a machine proves itself once. The
compiled policy therefore carries the purpose `data`, and the other keys name the same principal sets.
"""

from __future__ import annotations

from typing import Any

from attestation.errors import AttestationError
from attestation.policy import ReferenceSet
from attestation.release import gcp as compiled
from attestation.release.policy import AcceptedImage, GcpTarget, ReleasePolicy
from modules.policy.gcp_scope import GcpScope
from tenancy.errors import Problem, SpecError
from tenancy.fleet import PLATFORM_FILE, Fleet
from tenancy.names import WORKLOAD_PROVIDER
from tenancy.platform import Cloud, Image, MemoryEncryption, Shape
from tenancy.tenant import Tenant

HWMODEL: dict[MemoryEncryption, tuple[str, ...]] = {
    "TDX": ("GCP_INTEL_TDX", "INTEL_TDX"),
    "SEV": ("GCP_AMD_SEV",),
    "SEV_SNP": ("GCP_AMD_SEV_SNP",),
}
"""What a token says of each kind of machine. Google's two pages spell TDX differently; both are accepted."""


def gcp_scope(fleet: Fleet, tenant: Tenant, *, local: bool) -> GcpScope:
    """The scope of a tenant on Google Cloud. Raises `SpecError` where a project's number is not known yet."""
    return GcpScope(
        names=fleet.gcp_names(tenant),
        project_number=fleet.project_number(tenant, local=local),
        key_project_number=fleet.key_project_number(tenant, local=local),
        region=tenant.region,
        zone=fleet.zone(tenant),
        organisation=fleet.google,
        audit_project=fleet.google_audit_project,
        audit_project_number=fleet.google_audit_project_number(local=local),
    )


def release_policy(scope: GcpScope, tenant: Tenant, cloud: Cloud) -> ReleasePolicy:
    """To whom the tenant's keys are released: its own trainer on its own kind of machine, with an accepted image."""
    shape, image = cloud.shapes[tenant.compute.shape], cloud.images[tenant.compute.image]
    reference = ReferenceSet(name=tenant.compute.image, version=1, image_digests=digests(image, tenant.id))
    return ReleasePolicy(
        tenant=tenant.id,
        purpose="data",
        version=1,
        images=(AcceptedImage(reference=reference),),
        confidential_gpu=_confidential_gpu(cloud, shape),
        gcp=GcpTarget.model_validate(
            {
                "project_number": scope.key_project_number,
                "pool": scope.names.pool,
                "service_accounts": (scope.account("trainer"),),
                "workload_projects": (scope.project_number,),
                "zones": (scope.zone,),
                "stable_image": cloud.stable_image_waiver or True,
                "hwmodel": HWMODEL[shape.confidential] if shape.confidential else (),
            }
        ),
    )


def started(image: Image, tenant_id: str) -> str | None:
    """The image that a tenant's machines run: the one on trial for a canary, else the one for everybody."""
    return image.trial if image.trial is not None and tenant_id in image.canaries else image.container


def digests(image: Image, tenant_id: str) -> tuple[str, ...]:
    """The digests to which a tenant's keys are released.

    The image that its machines run comes first, then the one for everybody (which opens a canary's keys too, so that a
    trial can be broken off), then those that are still accepted.
    """
    named = [one.rpartition("@")[2] for one in (started(image, tenant_id), image.container) if one]
    return tuple(dict.fromkeys((*named, *image.also_accepted)))


def _confidential_gpu(cloud: Cloud, shape: Shape) -> str:
    if shape.confidential_gpu:
        return "required"
    if not shape.gpus:
        return f"{shape.instance_type} has no GPU"
    return cloud.confidential_gpu or "required"


def provider(policy: ReleasePolicy) -> dict[str, Any]:
    """Arguments of the pool's provider, with the compiled condition. Raises `AttestationError`."""
    return compiled.provider(policy) | {"workload_identity_pool_provider_id": WORKLOAD_PROVIDER}


def attested_members(policy: ReleasePolicy) -> list[str]:
    """The principal sets that keys name: one per accepted image, each naming tenant and digest."""
    return [binding["member"] for binding in compiled.kms_bindings(policy)]


def check(fleet: Fleet) -> None:
    """Compiles every tenant's condition. Raises `SpecError` for the ones that IAM would refuse."""
    problems: list[Problem] = []
    for tenant in fleet.tenants:
        if tenant.cloud != "gcp":
            continue
        cloud = fleet.platform.clouds["gcp"]
        try:
            provider(release_policy(gcp_scope(fleet, tenant, local=True), tenant, cloud))
        except AttestationError as error:
            field = f"clouds.gcp.images.{tenant.compute.image}.also_accepted"
            count = len(digests(cloud.images[tenant.compute.image], tenant.id))
            way_out = "Take out digests that no machine runs any more"
            problems.append(Problem(PLATFORM_FILE, 0, field, f"{count} digests", str(error), way_out))
    if problems:
        raise SpecError(problems)
