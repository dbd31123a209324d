"""The stacks of the tenants on Google Cloud. Imported only where there are any: the bindings take seconds to load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cdktn import App

from modules.gcp.errors import ConstructError
from modules.gcp.site import GcpPlatformSite, GcpSite
from modules.policy.gcp_release import check, gcp_scope, release_policy
from stacks.errors import StackError
from stacks.gcp_audit import GcpAuditStack
from stacks.gcp_compute import GcpComputeStack
from stacks.gcp_organisation import GcpOrganisationStack
from stacks.gcp_perimeter import GcpPerimeterStack
from stacks.gcp_vault import GcpVaultStack
from stacks.plan import Layer, StackInfo, stack_name
from stacks.profiles import Target
from tenancy.fleet import Fleet
from tenancy.tenant import Tenant


def platform_stacks(app: App, fleet: Fleet, target: Target, wanted: frozenset[Layer]) -> list[StackInfo]:
    """The organisation with the whole fleet's projects, and the audit project."""

    def site(layer: Layer) -> GcpPlatformSite:
        return GcpPlatformSite(
            platform=fleet.platform,
            cloud=fleet.platform.clouds["gcp"],
            organisation=fleet.google,
            profile=target.profile,
            layer=layer,
            audit_project=fleet.google_audit_project,
            audit_project_number=(
                fleet.google_audit_project_number(local=target.local) if layer == "gcp-audit" else ""
            ),
        )

    made: list[StackInfo] = []
    if "gcp-organisation" in wanted:
        tenants = [(tenant, fleet.gcp_names(tenant)) for tenant in fleet.tenants if tenant.cloud == "gcp"]
        organisation = GcpOrganisationStack(app, site("gcp-organisation"), target, tenants=tenants)
        made.append(_info("gcp-organisation"))
        if "gcp-audit" in wanted:
            GcpAuditStack(app, site("gcp-audit"), target, organisation)
            made.append(_info("gcp-audit", after=("gcp-organisation",)))
    return made


def tenant_stacks(
    app: App, fleet: Fleet, tenants: Sequence[Tenant], target: Target, wanted: frozenset[Layer]
) -> list[StackInfo]:
    """Vault, perimeter and compute of each of `tenants`.

    Raises `SpecError` where a release condition is longer than IAM takes, `StackError` for what cannot be made.
    """
    check(fleet)
    try:
        return [info for tenant in tenants for info in _layers(app, fleet, tenant, target, wanted)]
    except ConstructError as error:
        raise StackError(str(error)) from error


def _layers(app: App, fleet: Fleet, tenant: Tenant, target: Target, wanted: frozenset[Layer]) -> list[StackInfo]:
    if "vault" not in wanted:
        return []
    cloud = fleet.platform.clouds["gcp"]
    scope = gcp_scope(fleet, tenant, local=target.local)
    release = release_policy(scope, tenant, cloud)

    def site(layer: Layer) -> GcpSite:
        return GcpSite(fleet.platform, tenant, cloud, scope, release, target.profile, layer)

    vault = GcpVaultStack(app, site("vault"), target)
    made = [_info("vault", tenant, after=("gcp-organisation", "gcp-audit"))]
    if "perimeter" in wanted:
        perimeter = GcpPerimeterStack(app, site("perimeter"), target, vault)
        made.append(_info("perimeter", tenant, after=(stack_name("vault", tenant.id),)))
    if "compute" in wanted:
        GcpComputeStack(app, site("compute"), target, vault=vault, perimeter=perimeter)
        made.append(_info("compute", tenant, after=(stack_name("perimeter", tenant.id),)))
    return made


def _info(layer: Layer, tenant: Tenant | None = None, after: tuple[str, ...] = ()) -> StackInfo:
    tenant_id = tenant.id if tenant else None
    return StackInfo(stack_name(layer, tenant_id), Path(), after, tenant_id, layer, "gcp")
