"""The proof of the Google Cloud part of an estate, in the same shape as that of AWS.

Resource by resource, first against *anyone else* at once: any identity in the world but the owner's and the platform's,
asking from anywhere but their networks. Only what that leaves open is tried tenant by tenant, with whatever the tenant
can become by acting first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from compliance.estate.google_model import GoogleResource, Provider
from compliance.estate.model import PLATFORM, Estate, Path
from compliance.prove.google_locks import prove_google_locks
from compliance.prove.google_network import prove_google_network
from compliance.prove.result import Finding, Obligation, Proofs, Verdict
from compliance.reason.gcp.symbolic import Possibility
from compliance.reason.google_reach.closure import fitting, reach_of
from compliance.reason.google_reach.federation import Holder, acceptance, open_providers
from compliance.reason.google_reach.goals import BECOME, goals_of
from compliance.reason.google_reach.world import OUTSIDE, Attacker, World, step

OTHERS: Final = "every other account"
_BOUND: Final = 300
_ELSEWHERE: Final = "any@elsewhere.iam.gserviceaccount.com"
_PLATFORM_KINDS: Final = ("bucket", "key", "log-bucket", "account", "project", "folder", "organization")
"""Of what the platform owns, what tenants must be kept from: its records, their keys, what acts or decides for it."""
_VERDICTS: Final[dict[str, Verdict]] = {"impossible": "proved", "possible": "violated", "undecided": "undecided"}

_OF_POOLS: Final[tuple[Path, ...]] = ("role", "key", "data")
"""Paths on which identities of a workload pool may get somewhere."""

Goal = tuple[GoogleResource, str, str]


def prove_google(proofs: Proofs, estate: Estate) -> None:
    """Adds what is to be said of the Google Cloud part of an estate."""
    if estate.google is None:
        return
    network = prove_google_network(estate.google, proofs.tenants)
    for (attacker, victim), finding in network.findings.items():
        proofs.note(attacker, victim, "network", finding)
    entered = network.entered
    world = World(estate.google)
    open_goals = list(_against_strangers(proofs, world))
    leaky = frozenset(r.name for r, p, _ in open_goals if r.kind == "account" and (p in BECOME or p.endswith(".actAs")))
    providers = open_providers(world)
    _note_closed_providers(proofs, world, providers)
    for tenant in proofs.tenants:
        holder = holder_of(world, tenant, estate) if providers else Holder()
        _note_doubtful_providers(proofs, providers, tenant, holder)
        attackers = reach_of(world, tenant, leaky, holder, providers)
        _against_tenant(proofs, world, tenant, attackers, open_goals, entered)
    _against_outsiders(proofs, world, open_goals)
    prove_google_locks(proofs, world)


def holder_of(world: World, tenant: str, estate: Estate) -> Holder:
    """What tokens a tenant can hold: of its projects and accounts, or of others that it makes for itself elsewhere."""
    whose = world.estate.whose
    own = [(n.removeprefix("projects/"), a.removeprefix("projects/")) for n, a in world.estate.aliases.items()]
    projects = tuple(pair for pair in own if whose.of_project(pair[0]) == tenant)
    accounts = tuple(account.email for account in world.accounts_of(tenant)) or (_ELSEWHERE,)
    aws = tuple(account.id for account in estate.accounts.values() if tenant in account.tenants)
    foreign = {name for name, owner in whose.projects.items() if owner != tenant}
    foreign |= {account.email for account in world.estate.accounts.values() if account.owner != tenant}
    foreign |= {account.id for account in estate.accounts.values() if tenant not in account.tenants}
    return Holder(projects, accounts, aws, tuple(sorted(foreign)))


def _judged(resource: GoogleResource, proofs: Proofs) -> bool:
    return resource.kind in _PLATFORM_KINDS if resource.owner == PLATFORM else resource.owner in proofs.tenants


def _against_strangers(proofs: Proofs, world: World) -> Iterable[Goal]:
    """Tries every goal against anyone else; yields what this does not rule out."""
    for resource in world.estate.resources:
        if not _judged(resource, proofs):
            continue
        attacker = Attacker(world.strangers[resource.owner], "", ())
        out = world.networks(resource.owner, PLATFORM)
        for permission, name in goals_of(resource):
            result = world.attempt(attacker, permission, name, resource, 0, stay_out=out)
            if result.verdict != "impossible":
                yield resource, permission, name
            elif resource.owner != PLATFORM:
                proofs.obligations.append(_obligation(OTHERS, resource, permission, name, result))


def _against_tenant(
    proofs: Proofs,
    world: World,
    tenant: str,
    attackers: list[Attacker],
    open_goals: list[Goal],
    entered: frozenset[tuple[str, str]],
) -> None:
    own = [attacker for attacker in attackers if attacker.owner == tenant]
    became = [attacker for attacker in attackers if attacker.owner != tenant]
    everything = (
        [(r, p, n) for r in world.estate.resources if _judged(r, proofs) for p, n in goals_of(r)] if became else []
    )
    for resource, permission, name in open_goals:
        if resource.owner != tenant:
            _try(proofs, world, tenant, (resource, permission, name), fitting(world, tenant, resource, own), entered)
    for resource, permission, name in everything if became else ():
        if resource.owner != tenant:
            _try(proofs, world, tenant, (resource, permission, name), became, entered)


def _try(
    proofs: Proofs,
    world: World,
    tenant: str,
    goal: Goal,
    attackers: list[Attacker],
    entered: frozenset[tuple[str, str]],
) -> None:
    """The worst that the attackers can do about one goal."""
    resource, permission, name = goal
    out = world.networks(resource.owner, PLATFORM)
    if (tenant, resource.owner) in entered:
        out = world.networks(PLATFORM)
    worst: tuple[Possibility, Attacker] | None = None
    for attacker in attackers:
        result = world.attempt(attacker, permission, name, resource, _BOUND, stay_out=out)
        if result.verdict == "possible":
            worst = (result, attacker)
            break
        if worst is None or result.verdict == "undecided":
            worst = (result, attacker)
    if worst is None:
        return
    result, attacker = worst
    proofs.obligations.append(_obligation(tenant, resource, permission, name, result, attacker))
    if result.verdict != "impossible":
        _note(proofs, tenant, resource, _finding(resource, permission, name, result, attacker))


def _note(proofs: Proofs, tenant: str, resource: GoogleResource, finding: Finding) -> None:
    """What the platform keeps or decides concerns every tenant."""
    if resource.owner != PLATFORM:
        proofs.note(tenant, resource.owner, resource.path, finding)
        return
    path: Path = "role" if resource.path == "role" else "log"
    for victim in proofs.tenants:
        if victim != tenant:
            proofs.note(tenant, victim, path, finding)


def _against_outsiders(proofs: Proofs, world: World, open_goals: list[Goal]) -> None:
    """What is left for those who are no tenant's known identity: said apart, since any tenant may be one of them."""
    nobody = Attacker(world.stranger(*world.estate.tenants, PLATFORM), "", world.sources(""))
    for resource, permission, name in open_goals:
        if resource.owner == PLATFORM:
            continue
        out = world.networks(*world.estate.tenants, PLATFORM)
        result = world.attempt(nobody, permission, name, resource, _BOUND, stay_out=out)
        if result.verdict == "impossible":
            continue
        finding = _finding(resource, permission, name, result, nobody)
        if result.verdict == "possible":
            assert result.witness is not None
            who = result.witness.principal.member
            anybody = who in (OUTSIDE, "anonymous")
            proofs.outside.append(_obligation("anyone" if anybody else who, resource, permission, name, result, nobody))
            if anybody:
                continue
            reasons = (f"{permission} on {name}: whether {who} is some tenant's is not known", *finding.reasons)
            finding = Finding("undecided", resource.name, reasons)
        others = [tenant for tenant in proofs.tenants if tenant != resource.owner]
        if any(proofs.verdict(tenant, resource.owner, resource.path) == "proved" for tenant in others):
            proofs.against.setdefault((resource.owner, resource.path), []).append(finding)


def _note_closed_providers(proofs: Proofs, world: World, providers: list[Provider]) -> None:
    for provider in world.estate.providers:
        if provider not in providers and provider.owner in proofs.tenants:
            reasons = ("its condition refuses every token of a project or account that is not the owner's",)
            subject = f"tokens of {provider.issuer}"
            proofs.obligations.append(
                Obligation(OTHERS, provider.owner, "role", subject, provider.name, "proved", reasons)
            )


def _note_doubtful_providers(proofs: Proofs, providers: list[Provider], tenant: str, holder: Holder) -> None:
    for provider in providers:
        if provider.owner in (tenant, PLATFORM) or provider.owner not in proofs.tenants:
            continue
        verdict, _ = acceptance(provider, holder)
        issuer = provider.issuer or f"AWS account {provider.aws_account}"
        subject = f"tokens of {issuer}"
        reasons = (f"{provider.name} accepts no token that {tenant} can hold",)
        if verdict == "undecided":
            reasons = (f"whether {tenant} can hold a token of {issuer} that {provider.name} accepts is not known",)
            for path in _OF_POOLS:
                proofs.note(tenant, provider.owner, path, Finding("undecided", provider.name, reasons))
        if verdict != "possible":
            proofs.obligations.append(
                Obligation(tenant, provider.owner, "role", subject, provider.name, _VERDICTS[verdict], reasons)
            )


def _finding(resource: GoogleResource, permission: str, name: str, result: Possibility, attacker: Attacker) -> Finding:
    if result.verdict == "possible":
        reasons = (f"{permission} on {name}: {result.decision.decided_by.text}",)
        return Finding("violated", resource.name, reasons, {"steps": [*attacker.steps, step(result)]})
    return Finding("undecided", resource.name, (f"{permission} on {name}: {result.why}",))


def _obligation(
    attacker: str,
    resource: GoogleResource,
    permission: str,
    name: str,
    result: Possibility,
    acting: Attacker | None = None,
) -> Obligation:
    witness = None
    if result.verdict == "possible":
        witness = {"steps": [*(acting.steps if acting is not None else ()), step(result)]}
    reasons = (result.why or result.decision.decided_by.text,)
    verdict = _VERDICTS[result.verdict]
    return Obligation(attacker, resource.owner, resource.path, permission, name, verdict, reasons, witness)
