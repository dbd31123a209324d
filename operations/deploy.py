"""Deploying: from the tenant files to stacks, plans and resources."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from operations import adoption, contents, default_networks, waves
from operations.errors import CommandError, Exit
from operations.local import running
from operations.nodes import accepted
from operations.terraform import Changes, Terraform, TerraformError
from operations.workspace import Workspace
from tenancy.fleet import Fleet
from tenancy.tenant import Tenant

if TYPE_CHECKING:
    from stacks.plan import StackInfo

ProfileName = Literal["local", "cloud"]
Progress = Callable[[str, str], None]
"""Told of a stack and what it is at."""

ADOPTION_ROUNDS = 8
"""A killed deploy leaves at most one resource per parallel worker; each round takes over those that Terraform met."""


@dataclass(frozen=True)
class Site:
    """Where to deploy: the profile, its environment for Terraform, and the endpoint of the local cloud."""

    ws: Workspace
    profile: ProfileName
    environment: Mapping[str, str]
    endpoint: str | None


def site(ws: Workspace, profile: ProfileName) -> Site:
    """The site of a profile. The local one needs the local cloud to be running."""
    if profile == "cloud":
        return Site(ws, profile, {}, None)
    cloud = running(ws)
    return Site(ws, profile, cloud.administrator("management"), cloud.endpoint)


def synthesise(place: Site, fleet: Fleet, tenants: Sequence[Tenant]) -> list[StackInfo]:
    """Writes the stacks of the platform and of `tenants` as Terraform JSON under `out/cdk/stacks`."""
    os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE", "enabled")
    from modules.aws.errors import ConstructError  # noqa: PLC0415 - starts Node; only this command pays for it
    from stacks.app import synthesise as write  # noqa: PLC0415
    from stacks.errors import StackError  # noqa: PLC0415
    from tenancy.errors import SpecError  # noqa: PLC0415

    ids = [tenant.id for tenant in tenants]
    if place.profile == "local":
        accepted.accept_installed(place.ws.state)
    place.ws.synth.mkdir(parents=True, exist_ok=True)
    try:
        stacks: list[StackInfo] = write(
            fleet, place.profile, ids, place.ws.synth, place.endpoint, state_dir=place.ws.state
        )
    except (StackError, ConstructError, SpecError) as error:
        raise CommandError(str(error)) from error
    return stacks


def terraform(place: Site, stack: StackInfo) -> Terraform:
    """Terraform in the folder of a stack; its output goes to `out/logs/<stack>.log`."""
    program, config = place.ws.terraform()
    log = place.ws.out / "logs" / f"{stack.name}.log"
    return Terraform(program, config, stack.name, stack.directory, log, place.environment)


def plan_file(place: Site, stack: StackInfo) -> Path:
    """Where the plan of a stack is kept."""
    folder = place.ws.out / "plans"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{stack.name}.tfplan"


def deploy(place: Site, fleet: Fleet, stacks: Sequence[StackInfo], progress: Progress) -> dict[str, Changes]:
    """Plans and applies every stack, independent ones at the same time; what each changed, by stack."""
    place.ws.state.mkdir(parents=True, exist_ok=True)
    by_name = {stack.name: stack for stack in stacks}

    def one(name: str) -> Changes:
        tool, file = terraform(place, by_name[name]), plan_file(place, by_name[name])
        progress(name, "looking for providers")
        tool.init()
        progress(name, "planning")
        changes = tool.plan(file)
        if changes.any:
            progress(name, f"applying {changes}")
            apply(tool, file, progress)
        if by_name[name].layer == "vault" and by_name[name].cloud == "aws":
            tenant = fleet.tenant(str(by_name[name].tenant))
            if place.profile == "local":
                accepted.leave_policies(place.ws, fleet, tenant)
            progress(name, "removing the account's default network")
            _remove_default_networks(place, fleet, str(by_name[name].tenant))
        progress(name, str(changes))
        return changes

    return waves.run({stack.name: stack.depends_on for stack in stacks}, one)


def _remove_default_networks(place: Site, fleet: Fleet, tenant_id: str) -> None:
    tenant = fleet.tenant(tenant_id)
    account = fleet.account_id(tenant, local=place.profile == "local")
    default_networks.remove(place.environment, account, fleet.platform.clouds[tenant.cloud].regions)


def apply(tool: Terraform, file: Path, progress: Progress) -> None:
    """Applies a plan; after a failure plans again and applies once more.

    Resources that exist already, from a deploy that was killed, are taken over first.
    """
    again = True
    for _ in range(ADOPTION_ROUNDS):
        try:
            tool.apply(file)
        except TerraformError as error:
            left_behind = list(adoption.adoptable(tool.show(file), error.errors))
            if not left_behind:
                # A cloud's own hiccup (an answer lost, a thing not yet visible) is gone the second time; what is
                # wrong in the configuration is not.
                if not again:
                    raise
                again = False
                progress(tool.stack, "once more")
            for address, resource_id in left_behind:
                progress(tool.stack, f"taking over {resource_id}")
                tool.adopt(address, resource_id)
            tool.plan(file)
        else:
            return
    tool.apply(file)


def plan(place: Site, stacks: Sequence[StackInfo], progress: Progress) -> dict[str, Changes | None]:
    """Plans every stack without changing anything; `out/plans/<stack>.json` is what `bulkhead prove --plans` reads.

    A stack that refers to one that was never deployed cannot be planned yet: its entry is None.
    """
    place.ws.state.mkdir(parents=True, exist_ok=True)
    by_name = {stack.name: stack for stack in stacks}

    def one(name: str) -> Changes | None:
        if place.profile == "local" and not all(_deployed(place, need) for need in by_name[name].depends_on):
            return None
        tool = terraform(place, by_name[name])
        progress(name, "planning")
        tool.init()
        file = plan_file(place, by_name[name])
        changes = tool.plan(file)
        file.with_suffix(".json").write_text(json.dumps(tool.show(file), indent=1), encoding="utf-8")
        return changes

    return waves.run({stack.name: () for stack in stacks}, one)


def _refuse_to_lose_data(place: Site, fleet: Fleet, stacks: Sequence[StackInfo]) -> None:
    full: list[str] = []
    for stack in stacks:
        if stack.layer == "vault" and stack.tenant is not None and stack.cloud == "aws":
            tenant = fleet.tenant(stack.tenant)
            account = fleet.account_id(tenant, local=place.profile == "local")
            full += contents.held_in(place.environment, fleet.names(tenant), account, tenant.region)
    if full:
        msg = f"nothing was destroyed: {', '.join(full)} still hold data. Empty them first; destroying loses no data"
        raise CommandError(msg, Exit.FINDINGS)


def _deployed(place: Site, stack: str) -> bool:
    """Whether a stack has resources in its state. A plan alone leaves a state file that holds none."""
    try:
        state = json.loads((place.ws.state / f"{stack}.tfstate").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return bool(state.get("resources"))


def destroy(
    place: Site, fleet: Fleet, stacks: Sequence[StackInfo], progress: Progress, *, dry_run: bool
) -> dict[str, Changes]:
    """Destroys every stack, dependants first. `dry_run` only says what would go.

    Raises `CommandError` before anything is destroyed where a tenant's buckets still hold something.
    """
    if not dry_run:
        _refuse_to_lose_data(place, fleet, stacks)
    by_name = {stack.name: stack for stack in stacks}
    before: dict[str, list[str]] = {stack.name: [] for stack in stacks}
    for stack in stacks:
        for need in stack.depends_on:
            before.setdefault(need, []).append(stack.name)

    def one(name: str) -> Changes:
        tool, file = terraform(place, by_name[name]), plan_file(place, by_name[name])
        progress(name, "planning to destroy")
        tool.init()
        changes = tool.plan(file, destroy=True)
        if changes.any and not dry_run:
            progress(name, f"destroying {changes.destroy}")
            tool.apply(file)
        return changes

    return waves.run({name: after for name, after in before.items() if name in by_name}, one)
