"""Whom a tenant is on Google Cloud, and whom it can become by acting first.

A step leads from a caller to a service account (a token, a signature, a key, a rewritten policy, compute that runs as
it) or to an identity of a workload pool (a token that its provider accepts). Cycles end because nobody is taken twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

from compliance.estate.google_model import GoogleResource, Provider, ServiceAccount
from compliance.estate.model import PLATFORM
from compliance.reason.gcp.members import Member, parse_member
from compliance.reason.gcp.principals import Principal
from compliance.reason.google_reach.federation import Holder, federated
from compliance.reason.google_reach.goals import BECOME
from compliance.reason.google_reach.world import OUTSIDE, Attacker, World, step

_BOUND: Final = 300
_START: Final = (
    "compute.instances.create",
    "run.services.create",
    "cloudfunctions.functions.create",
    "dataflow.jobs.create",
)
"""Permissions on a project with which code runs there as an attached service account."""


def account_principal(account: ServiceAccount) -> Principal:
    """A service account as a caller."""
    return Principal("serviceAccount", account.email, ancestors=account.ancestors)


def identities_of(world: World, tenant: str) -> list[Attacker]:
    """Whom a tenant is without doing anything: its service accounts, nodes and groups, and any Google account."""
    sources = world.sources(tenant)
    found = [account_principal(account) for account in world.accounts_of(tenant)]
    for provider in world.estate.providers:
        if provider.owner == tenant:
            text = f"principal://iam.googleapis.com/{provider.pool}/subject/any"
            found.append(Principal("federated", text, None, provider.ancestors, provider.pool, "any"))
    own = world.groups_of.get(tenant, ())
    found += [Principal("user", f"someone@{group.partition('@')[2]}", frozenset({group})) for group in own]
    found.append(Principal("user", OUTSIDE.removeprefix("user:"), frozenset()))
    return [Attacker(each, tenant, sources) for each in found]


def fitting(world: World, tenant: str, resource: GoogleResource, attackers: Iterable[Attacker]) -> list[Attacker]:
    """The attackers, and identities of the tenant that policies on the way to a resource name themselves."""
    documents = world.documents(resource)
    members = {m for policy in documents.allow for binding in policy.bindings for m in binding.members}
    members |= {m for entry in (documents.acl.entries if documents.acl else ()) for m in entry.members}
    named = [Attacker(p, tenant, world.sources(tenant)) for m in members for p in _own(world, tenant, m)]
    return list({each.principal: each for each in (*attackers, *named)}.values())


def _own(world: World, tenant: str, member: Member) -> Iterator[Principal]:
    """Identities of the tenant that a member names, which no list of its identities holds."""
    whose = world.estate.whose
    if member.kind == "pool" and whose.of_member(member) == tenant:
        text = f"principal://iam.googleapis.com/{member.value}/subject/any"
        attribute = member.selector.removeprefix("attribute.")
        attributes = ((attribute, member.selected),) if member.selected else ()
        groups = frozenset({member.selected}) if member.selector == "group" else None
        yield Principal("federated", text, None, (), member.value, "any", attributes, groups)
    elif member.kind == "subject" and whose.of_member(member) == tenant:
        yield Principal("federated", member.text, None, (), member.value, member.selected)
    elif member.kind == "serviceAccount" and whose.of_member(member) == tenant:
        node = whose.node(member.value.partition("@")[2].partition(".")[0])
        yield Principal("serviceAccount", member.value, ancestors=world.ancestors_of(node))
    elif member.kind == "group":
        for text in world.estate.groups.get(member.value, ()):
            inner = parse_member(text, "groups")
            if inner.kind == "group":
                yield from _own(world, tenant, inner)
            elif inner.kind == "serviceAccount" and whose.of_member(inner) == tenant:
                yield Principal("serviceAccount", inner.value)


def reach_of(
    world: World, tenant: str, leaky: frozenset[str], holder: Holder, providers: Iterable[Provider]
) -> list[Attacker]:
    """Everyone a tenant can act as, each with the steps that lead to it.

    Args:
        world: the estate.
        tenant: the attacker.
        leaky: names of service accounts that strangers are not certainly kept from; others are tried only by identities
            of somebody else that were taken.
        holder: what tokens the tenant can hold, for providers of workload pools.
        providers: those that may accept a token of somebody else than their owner.
    """
    controlled = identities_of(world, tenant)
    taken = {each.principal.id for each in controlled}
    queue = deque(controlled)
    for provider, principal, steps in federated(world, tenant, holder, providers):
        queue.append(Attacker(principal, provider.owner, world.sources(tenant), steps))
        controlled.append(queue[-1])
    accounts = world.account_resources
    open_ones = [account for account in accounts if account.name in leaky]
    while queue:
        attacker = queue.popleft()
        for account in open_ones if attacker.owner == tenant else accounts:
            email = _email(account)
            if email in taken or account.owner == tenant:
                continue
            taking = _take(world, attacker, account, tenant)
            if taking is None:
                continue
            taken.add(email)
            known = world.estate.accounts.get(email)
            became = Principal("serviceAccount", email, ancestors=known.ancestors if known else account.ancestors)
            next_ = Attacker(became, account.owner, world.sources(tenant), taking)
            controlled.append(next_)
            queue.append(next_)
    return controlled


def _email(account: GoogleResource) -> str:
    return account.name.rsplit("/", 1)[1].lower()


def _take(world: World, attacker: Attacker, account: GoogleResource, tenant: str) -> tuple[dict[str, Any], ...] | None:
    out = world.networks(account.owner, PLATFORM) - world.networks(tenant)
    for each in fitting(world, tenant, account, [attacker]) if attacker.owner == tenant else [attacker]:
        for permission in BECOME:
            result = world.attempt(each, permission, account.name, account, _BOUND, stay_out=out)
            if result.verdict == "possible":
                return (*each.steps, step(result))
        passed = world.attempt(each, "iam.serviceAccounts.actAs", account.name, account, _BOUND, stay_out=out)
        if passed.verdict != "possible":
            continue
        for project in (r for r in world.estate.resources if r.kind == "project" and r.project == account.project):
            for permission in _START:
                started = world.attempt(each, permission, project.name, project, _BOUND, stay_out=out)
                if started.verdict == "possible":
                    return (*each.steps, step(passed), step(started))
    return None
