"""Proofs for commands: of collected facts, of plans, and what refuses a deployment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.errors import CommandError, Exit
from operations.plans import read_plans
from tenancy.errors import SpecError

if TYPE_CHECKING:
    from compliance.facts.scope import Scope
    from compliance.prove.result import Proofs
    from stacks.plan import StackInfo
    from tenancy.fleet import Fleet

_SHOWN = 10


def prove_bundle(folder: Path, tenants: Iterable[str] | None = None) -> tuple[Proofs, Scope]:
    """The proof of a bundle of facts; its scope is in it. Raises `CommandError` for a bundle that cannot be read."""
    from compliance.estate.from_facts import estate_of_facts  # noqa: PLC0415 - quick start
    from compliance.facts.bundle import open_bundle  # noqa: PLC0415
    from compliance.facts.errors import BundleError  # noqa: PLC0415
    from compliance.facts.scope import scope_from_json  # noqa: PLC0415
    from compliance.prove.engine import prove  # noqa: PLC0415

    try:
        bundle = open_bundle(folder)
        scope = scope_from_json(bundle.scope)
        double = bool(bundle.manifest.get("local_test_double"))
        estate = estate_of_facts(bundle.facts(), scope, test_double=double)
    except BundleError as error:
        raise CommandError(str(error)) from error
    return prove(estate, tenants), scope


def prove_plans(folder: Path, scope: Scope, tenants: Iterable[str] | None = None) -> Proofs:
    """The proof of the plans in a folder.

    The folder holds `<stack>.json` (`terraform show -json` of a plan) or `<stack>/cdk.tf.json` (synthesised).
    """
    from compliance.errors import ComplianceError  # noqa: PLC0415 - quick start
    from compliance.estate.from_terraform import estate_of_plans  # noqa: PLC0415
    from compliance.prove.engine import prove  # noqa: PLC0415

    documents, _ = read_plans(folder)
    try:
        return prove(estate_of_plans(documents, scope), tenants)
    except ComplianceError as error:
        raise CommandError(str(error)) from error


def concerned_by(fleet: Fleet, stacks: Sequence[StackInfo]) -> Fleet:
    """The fleet without tenants of a cloud of which none of these stacks is: nothing here speaks of them."""
    clouds = {stack.cloud for stack in stacks}
    return replace(fleet, tenants=tuple(tenant for tenant in fleet.tenants if tenant.cloud in clouds))


def require_proof(fleet: Fleet, stacks: Sequence[StackInfo], *, local: bool) -> str:
    """Refuses to deploy stacks that break a proof; what was proved, in a few words.

    Raises:
        CommandError: a proof or a lock is broken, or cannot be judged, and no waiver covers it.
    """
    from compliance.facts.from_tenancy import scope_of  # noqa: PLC0415 - quick start

    concerned = concerned_by(fleet, stacks)
    try:
        scope = scope_of(concerned, local=local)
    except SpecError as error:
        raise CommandError(str(error)) from error
    known = {tenant.id for tenant in concerned.tenants}
    folder = stacks[0].directory.parent
    proofs = prove_plans(folder, scope)
    deployed = {stack.tenant for stack in stacks if stack.tenant is not None} & known
    broken = refusals(proofs, scope, datetime.now(UTC).date(), deployed)
    if broken:
        shown = "\n".join(f"  {reason}" for reason in broken[:_SHOWN])
        more = f"\n  … and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        way_out = "Repair it, or waive it in the tenant's file (rule isolation.<path> or isolation.lock.<lock>)"
        raise CommandError(f"not deployed: {len(broken)} proofs are broken\n{shown}{more}\n{way_out}", Exit.FINDINGS)
    return f"{proofs.count()['proved']} proved, {len(proofs.locks)} lock obligations hold"


def refusals(proofs: Proofs, scope: Scope, today: date, judged: Iterable[str]) -> list[str]:
    """What keeps a plan from being deployed: everything that breaks a proof and is not waived.

    A waiver of rule `isolation.<path>` or `isolation.lock.<lock>` in the victim's tenant file, with owner, reason and
    an expiry that has not passed, lets the deployment through. What could not be judged counts for the tenants that
    are deployed.
    """
    deployed = set(judged)
    found: list[str] = []

    def refuse(victim: str, rule: str, resource: str, text: str) -> None:
        if not waived(scope, victim, rule, resource, today) and text not in found:
            found.append(text)

    for (attacker, victim, path), findings in proofs.findings.items():
        for finding in findings:
            text = f"{finding.verdict}: {'; '.join(finding.reasons)}{told(finding.witness)}"
            why = f"{attacker} to {victim}, {path}: {text}"
            refuse(victim, f"isolation.{path}", finding.resource, why)
    for (victim, path), findings in proofs.against.items():
        for finding in findings:
            if finding.verdict == "violated" or victim in deployed:
                text = f"{finding.verdict}: {'; '.join(finding.reasons)}{told(finding.witness)}"
                why = f"everyone to {victim}, {path}: {text}"
                refuse(victim, f"isolation.{path}", finding.resource, why)
    for lock in proofs.locks:
        if lock.verdict != "proved":
            why = f"{lock.to}, {lock.subject} on {lock.resource}: {'; '.join(lock.reasons)}{told(lock.witness)}"
            refuse(lock.to, f"isolation.lock.{lock.path}", lock.resource, why)
    for leak in proofs.outside:
        why = f"{leak.attacker} to {leak.to}, {leak.path}: {'; '.join(leak.reasons)}"
        refuse(leak.to, f"isolation.{leak.path}", leak.resource, why)
    return found


def told(witness: dict[str, Any] | None) -> str:
    """A witness in words: who asks what of which resource, step by step; empty without steps."""
    steps = (witness or {}).get("steps") or ()
    return "".join(f"; witness: {step['as']} asks {step['action']} on {step['resource']}" for step in steps)


def waived(scope: Scope, tenant: str, rule: str, resource: str, today: date) -> bool:
    """Whether a waiver of the tenant covers a rule and resource and has not expired."""
    return any(
        waiver.rule == rule and waiver.resource in (None, resource) and date.fromisoformat(waiver.expires) >= today
        for known in scope.everybody
        if known.id == tenant
        for waiver in known.waivers
    )
