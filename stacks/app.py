"""The app: builds the stacks that are asked for and writes them as Terraform JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from cdktn import App

from modules.aws.profile import PROFILES, ProfileName
from modules.aws.site import PlatformSite, Site
from stacks.audit import AuditStack
from stacks.compute import ComputeStack
from stacks.errors import StackError
from stacks.organisation import OrganisationStack
from stacks.perimeter import PerimeterStack
from stacks.plan import LAYERS, Layer, StackInfo, stack_name
from stacks.profiles import TARGET_VERSIONS, Target
from stacks.scopes import tenant_scope
from stacks.vault import VaultStack
from tenancy.fleet import Fleet
from tenancy.platform import CloudName
from tenancy.tenant import Tenant

ERROR_LEVEL = "@cdktf/error"
STATE_DIR = Path(".bulkhead/state")


def synthesise(
    fleet: Fleet,
    profile: ProfileName,
    tenants: Iterable[str] | None,
    out_dir: Path,
    endpoint: str | None = None,
    *,
    state_dir: Path | None = None,
    layers: Iterable[Layer] | None = None,
) -> list[StackInfo]:
    """Writes each stack to `out_dir/stacks/<name>/cdk.tf.json` and returns them, dependencies before dependants.

    `tenants` names the tenants whose stacks are wanted (None: all); the organisation always holds the whole fleet,
    because Terraform would close the account of a tenant that is left out. `layers` limits the stacks further: in the
    cloud profile the organisation is deployed before any account's id is known. `endpoint` is the local cloud's
    address. Raises `SpecError` for an unknown tenant or account id, `StackError` and `ConstructError` for what cannot
    be made; the guard of a stack objects with a `StackError`.
    """
    if profile not in PROFILES:
        msg = f"profile {profile}: unknown. Choose one of {', '.join(PROFILES)}"
        raise StackError(msg)
    wanted = _wanted(layers)
    selected = fleet.select(tenants)
    target = Target(profile, endpoint, (state_dir or STATE_DIR).absolute())
    out_dir.mkdir(parents=True, exist_ok=True)
    app = App(outdir=str(out_dir), context={"targetVersions": TARGET_VERSIONS})
    made = [*_on_aws(app, fleet, selected, target, wanted), *_on_gcp(app, fleet, selected, target, wanted)]
    _forget_stacks_not_in(out_dir, {info.name for info in made})
    _write(app)
    return [replace(info, directory=out_dir.absolute() / "stacks" / info.name) for info in made]


def _concerns(cloud: CloudName, fleet: Fleet, selected: Sequence[Tenant]) -> bool:
    """Whether a cloud's platform stacks are wanted: for its tenants, and for all clouds where no tenant is named."""
    return any(tenant.cloud == cloud for tenant in selected or fleet.tenants)


def _on_aws(
    app: App, fleet: Fleet, selected: Sequence[Tenant], target: Target, wanted: frozenset[Layer]
) -> list[StackInfo]:
    if not _concerns("aws", fleet, selected):
        return []
    tenants = [tenant for tenant in selected if tenant.cloud == "aws"]
    return [
        *_platform_stacks(app, fleet, target, wanted),
        *(stack for tenant in tenants for stack in _tenant_stacks(app, fleet, tenant, target, wanted)),
    ]


def _on_gcp(
    app: App, fleet: Fleet, selected: Sequence[Tenant], target: Target, wanted: frozenset[Layer]
) -> list[StackInfo]:
    if not _concerns("gcp", fleet, selected):
        return []
    from stacks import gcp  # noqa: PLC0415 - loads the bindings of another provider, which takes seconds

    tenants = [tenant for tenant in selected if tenant.cloud == "gcp"]
    return [
        *gcp.platform_stacks(app, fleet, target, wanted),
        *gcp.tenant_stacks(app, fleet, tenants, target, wanted),
    ]


def _forget_stacks_not_in(out_dir: Path, names: set[str]) -> None:
    """An earlier run may have written more: what is not asked for now must not be read, scanned or deployed."""
    for left_over in (out_dir / "stacks").glob("*/cdk.tf.json"):
        if left_over.parent.name not in names:
            left_over.unlink()


def _write(app: App) -> None:
    try:
        app.synth()
    except RuntimeError as error:  # what jsii makes of every exception of the JavaScript side
        msg = f"the stacks were not written: {error}"
        raise StackError(msg) from error
    # The command lines set CDKTF_CONTINUE_SYNTH_ON_ERROR_ANNOTATIONS, and cdktn then writes what the guard objects to.
    manifest = json.loads((Path(app.outdir) / "manifest.json").read_text(encoding="utf-8"))
    objections = [
        f"[{found['constructPath']}] {found['message']}"
        for stack in manifest["stacks"].values()
        for found in stack["annotations"]
        if found["level"] == ERROR_LEVEL
    ]
    if objections:
        msg = "the stacks must not be deployed:\n" + "\n".join(objections)
        raise StackError(msg)


def _wanted(layers: Iterable[Layer] | None) -> frozenset[Layer]:
    wanted = frozenset(LAYERS if layers is None else layers)
    unknown = sorted(wanted - set(LAYERS))
    if unknown:
        msg = f"layer {', '.join(unknown)}: unknown. Choose from {', '.join(LAYERS)}"
        raise StackError(msg)
    for layer, needs in (
        ("compute", {"vault", "perimeter"}),
        ("perimeter", {"vault"}),
        ("gcp-audit", {"gcp-organisation"}),
    ):
        if layer in wanted and not needs <= wanted:
            msg = f"layer {layer}: refers to {', '.join(sorted(needs - wanted))}. Name those layers as well"
            raise StackError(msg)
    return wanted


def _platform_stacks(app: App, fleet: Fleet, target: Target, wanted: frozenset[Layer]) -> list[StackInfo]:
    made: list[StackInfo] = []
    management = fleet.management_account_id(local=target.local)

    def site(layer: Layer, account_id: str) -> PlatformSite:
        return PlatformSite(fleet.platform, target.profile, layer, account_id, management)

    if "organisation" in wanted:
        known = target.local or fleet.platform.audit.account_id is not None
        audit = fleet.audit_account_id(local=target.local) if known else None
        tenants = tuple(tenant for tenant in fleet.tenants if tenant.cloud == "aws")
        OrganisationStack(app, site("organisation", management), target, tenants=tenants, audit_account_id=audit)
        made.append(_info("organisation"))
    if "audit" in wanted:
        AuditStack(app, site("audit", fleet.audit_account_id(local=target.local)), target)
        made.append(_info("audit", after=("organisation",)))
    return made


def _tenant_stacks(app: App, fleet: Fleet, tenant: Tenant, target: Target, wanted: frozenset[Layer]) -> list[StackInfo]:
    if "vault" not in wanted:
        return []
    scope = tenant_scope(fleet, tenant, target.state_dir if target.local else None)

    def site(layer: Layer) -> Site:
        return Site(fleet.platform, tenant, scope, target.profile, layer)

    vault = VaultStack(app, site("vault"), target)
    made = [_info("vault", tenant, after=("organisation",))]
    if "perimeter" in wanted:
        perimeter = PerimeterStack(app, site("perimeter"), target, vault)
        made.append(_info("perimeter", tenant, after=(stack_name("vault", tenant.id),)))
    if "compute" in wanted:
        ComputeStack(app, site("compute"), target, vault=vault, perimeter=perimeter)
        made.append(_info("compute", tenant, after=(stack_name("perimeter", tenant.id),)))
    return made


def _info(layer: Layer, tenant: Tenant | None = None, after: tuple[str, ...] = ()) -> StackInfo:
    tenant_id = tenant.id if tenant else None
    return StackInfo(stack_name(layer, tenant_id), Path(), after, tenant_id, layer)
