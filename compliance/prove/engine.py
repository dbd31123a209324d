"""The proof of an estate.

Resource by resource: first against *anyone of any other account* at once, which settles almost everything for all
tenants together; only what that leaves open is tried tenant by tenant, with whatever the tenant can become by acting
first.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from compliance.estate.model import EVERYONE, PATHS, PLATFORM, Estate, Resource
from compliance.prove.cross_cloud import Taken, google_tokens
from compliance.prove.deputies import deputy_findings
from compliance.prove.goals import goals_of
from compliance.prove.google import prove_google
from compliance.prove.locks import prove_locks
from compliance.prove.network import NetworkProof, prove_network
from compliance.prove.outsiders import open_to_outsiders
from compliance.prove.public_tokens import public_tokens
from compliance.prove.result import Finding, Obligation, Proofs, Verdict
from compliance.reason.iam import Possibility
from compliance.reason.reach.attacker import Attacker, step
from compliance.reason.reach.closure import reach_of
from compliance.reason.reach.world import World

OTHERS = "every other account"
_PLATFORM_KINDS = ("role", "bucket", "key", "log-group")
"""Of what the platform owns, what tenants must be kept from: its roles, and the records and keys of the audit."""
_BOUND = 400


def prove(estate: Estate, tenants: Iterable[str] | None = None) -> Proofs:
    """Every ordered pair of the wanted tenants (all, if None) on every path."""
    wanted = tuple(estate.tenants) if tenants is None else tuple(t for t in estate.tenants if t in set(tenants))
    world = World(estate)
    proofs = Proofs(wanted, estate.source)
    network = prove_network(estate, wanted)
    for (attacker, victim), finding in network.findings.items():
        proofs.note(attacker, victim, "network", finding)
    _note_gaps(proofs, estate)
    open_goals = _against_strangers(proofs, world, network)
    _against_tenants(proofs, world, network, open_goals)
    proofs.outside += open_to_outsiders(world, open_goals)
    _note_handovers(proofs, estate)
    prove_locks(proofs, world)
    for taken in chain(google_tokens(proofs, estate, world), public_tokens(proofs, world)):
        _with_taken_role(proofs, world, network, taken)
    prove_google(proofs, estate)
    _ground(proofs, estate, network)
    return proofs


def _note_gaps(proofs: Proofs, estate: Estate) -> None:
    for gap in estate.gaps:
        for owner in gap.owners:
            for path in gap.paths:
                finding = Finding("indeterminate", gap.what, (f"{gap.what} in account {gap.account}: {gap.why}",))
                proofs.against.setdefault((owner, path), []).append(finding)


Goal = tuple[Resource, str, str]


def _against_strangers(proofs: Proofs, world: World, network: NetworkProof) -> list[Goal]:
    """Tries every goal against anyone of any other account; returns the goals that this does not rule out."""
    left: list[Goal] = []
    wanted = {*proofs.tenants, PLATFORM}
    for resource in world.estate.resources:
        if resource.owner not in wanted or (resource.owner == PLATFORM and resource.kind not in _PLATFORM_KINDS):
            continue
        stranger = world.stranger(resource)
        entered = network.entered(resource.owner)
        for action, on in goals_of(resource):
            result = world.attempt(stranger, action, resource, 0, on, network_open=entered)
            if result.verdict == "impossible":
                if resource.owner != PLATFORM:
                    proofs.obligations.append(_obligation(OTHERS, resource, action, result))
            else:
                left.append((resource, action, on))
        if resource.owner != PLATFORM:
            for finding, subject in deputy_findings(world, resource):
                proofs.obligations.append(
                    Obligation(
                        OTHERS,
                        resource.owner,
                        resource.path,
                        subject,
                        resource.arn,
                        finding.verdict,
                        finding.reasons,
                        finding.witness,
                    )
                )
                if finding.verdict != "proved":
                    proofs.against.setdefault((resource.owner, resource.path), []).append(finding)
    return left


def _against_tenants(proofs: Proofs, world: World, network: NetworkProof, open_goals: list[Goal]) -> None:
    leaky = frozenset(
        r.arn
        for r, action, _ in open_goals
        if r.kind == "role" and action in ("sts:AssumeRole", "iam:UpdateAssumeRolePolicy")
    )
    everything = [(r, a, on) for r in world.estate.resources if _judged(r, proofs) for a, on in goals_of(r)]
    for tenant in proofs.tenants:
        for attacker in reach_of(world, tenant, leaky):
            inside = [
                (resource, action, on)
                for resource in world.by_account.get(attacker.account, ())
                if resource.owner not in (tenant, PLATFORM)
                for action, on in goals_of(resource)
            ]
            across = [goal for goal in open_goals if goal[0].account != attacker.account]
            if attacker.account in world.platform_accounts:
                across = everything
            for resource, action, on in (*inside, *across):
                if resource.owner == tenant or not _judged(resource, proofs):
                    continue
                opened = network.reaches(tenant, resource.owner)
                result = world.attempt(attacker, action, resource, _BOUND, on, network_open=opened)
                proofs.obligations.append(_obligation(tenant, resource, action, result, attacker))
                if result.verdict != "impossible":
                    _note(proofs, tenant, resource, _finding(resource, action, result, attacker))


def _with_taken_role(proofs: Proofs, world: World, network: NetworkProof, taken: Taken) -> None:
    """What a tenant reaches with a role that it took with a token."""
    for resource in world.estate.resources:
        if resource.owner == taken.tenant or not _judged(resource, proofs):
            continue
        opened = network.reaches(taken.tenant, resource.owner)
        for action, on in goals_of(resource):
            result = world.attempt(taken.attacker, action, resource, _BOUND, on, network_open=opened)
            if result.verdict != "impossible":
                proofs.obligations.append(_obligation(taken.tenant, resource, action, result, taken.attacker))
                _note(proofs, taken.tenant, resource, _finding(resource, action, result, taken.attacker))


def _judged(resource: Resource, proofs: Proofs) -> bool:
    """Whether reaching the resource counts: a tenant's does, and so do the platform's records of every tenant."""
    if resource.owner == PLATFORM:
        return resource.kind in _PLATFORM_KINDS and resource.kind != "role"
    return resource.owner in proofs.tenants


def _note(proofs: Proofs, tenant: str, resource: Resource, finding: Finding) -> None:
    """What the platform keeps holds the records of every tenant, so reaching it reaches each of them."""
    if resource.owner != PLATFORM:
        proofs.note(tenant, resource.owner, resource.path, finding)
        return
    for victim in proofs.tenants:
        if victim != tenant:
            proofs.note(tenant, victim, "log", finding)


def _finding(resource: Resource, action: str, result: Possibility, attacker: Attacker) -> Finding:
    if result.verdict == "possible":
        steps = [*attacker.steps, step(result)]
        reasons = (f"{action} on {resource.arn}: {result.decision.decided_by.text}",)
        return Finding("violated", resource.arn, reasons, {"steps": steps})
    return Finding("undecided", resource.arn, (f"{action} on {resource.arn}: {result.why}",))


def _obligation(
    attacker: str, resource: Resource, action: str, result: Possibility, acting: Attacker | None = None
) -> Obligation:
    verdicts: dict[str, Verdict] = {"impossible": "proved", "possible": "violated", "undecided": "undecided"}
    verdict = verdicts[result.verdict]
    witness = None
    if verdict == "violated":
        witness = {"steps": [*(acting.steps if acting is not None else ()), step(result)]}
    reasons = (result.why or result.decision.decided_by.text,)
    return Obligation(attacker, resource.owner, resource.path, action, resource.arn, verdict, reasons, witness)


def _note_handovers(proofs: Proofs, estate: Estate) -> None:
    for handed in estate.handovers:
        if handed.owner not in proofs.tenants:
            continue
        witness = {"configuration": {"kind": handed.kind, "source": handed.source, "target": handed.target}}
        reasons = (f"{handed.kind} of {handed.source}: {handed.detail}",)
        finding = Finding("violated", handed.source, reasons, witness)
        if handed.target == EVERYONE:
            proofs.against.setdefault((handed.owner, handed.path), []).append(finding)
        elif handed.target_owner in proofs.tenants:
            proofs.note(handed.target_owner, handed.owner, handed.path, finding)
        if handed.target == EVERYONE or not handed.target_owner:
            name = "anyone" if handed.target == EVERYONE else handed.target
            proofs.outside.append(
                Obligation(name, handed.owner, handed.path, handed.kind, handed.source, "violated", reasons, witness)
            )


def _ground(proofs: Proofs, estate: Estate, network: NetworkProof) -> None:
    """Why the pairs without finding are proved, and what was considered."""
    shown: dict[tuple[str, str], int] = {}
    for obligation in proofs.obligations:
        if obligation.verdict == "proved" and obligation.attacker == OTHERS:
            shown[obligation.to, obligation.path] = shown.get((obligation.to, obligation.path), 0) + 1
    for tenant in proofs.tenants:
        for path in PATHS:
            number = shown.get((tenant, path), 0)
            text = f"{number} requests are impossible for every principal of every other account"
            if path == "network":
                text = network.ground(tenant)
            elif number == 0:
                text = "there is nothing of this kind"
            proofs.grounds[tenant, path] = (text,)
    gaps = [
        {"account": g.account, "tenants": list(g.owners), "paths": list(g.paths), "what": g.what, "why": g.why}
        for g in estate.gaps
    ]
    proofs.coverage = {
        "source": estate.source,
        "tenants": len(proofs.tenants),
        "pairs": len(proofs.tenants) * (len(proofs.tenants) - 1),
        "considered": estate.read,
        "obligations": len(proofs.obligations) + len(proofs.locks),
        "unread": gaps,
        "unknown": [*estate.unknown, *OUT_OF_KNOWLEDGE],
    }


OUT_OF_KNOWLEDGE = (
    "services that no collector reads: a resource policy or share of theirs is not seen",
    "the management account and the platform's own roles are trusted, as far as no tenant can take them over",
    "whom a role's trust names at a public issuer of tokens (an organisation of GitHub's) is taken for its owner",
    "AWS itself, and channels below its interfaces (timing, power, co-location)",
)
