"""Judges plans by the rules of the deployed state: those that a plan can answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from compliance.estate.google_owners import google_owners_of
from compliance.facts.canonical import instant
from compliance.facts.fact import Fact
from compliance.facts.scope import PLATFORM, Scope
from compliance.graph import Graph
from compliance.planned.answers import Source
from compliance.planned.facts import shown_by, unread_types
from compliance.planned.google_facts import google_planned
from compliance.planned.google_sources import sources_of
from compliance.planned.resources import planned_resources
from compliance.results import Judgement, Result, Verdict
from compliance.rules.catalogue import GOOGLE_RULES, RULES, rule_of
from compliance.rules.model import Rule
from compliance.rules.runner import judge_google, judge_tenant

ONLY_DEPLOYED: Final[dict[str, str]] = {
    "audit.trail-digests-delivered": "deliveries begin when the trail runs",
    "audit.trail-never-stopped": "stops show after deployment",
    "audit.trail-no-gap": "deliveries begin when the trail runs",
    "budget.quota-known": "quotas are the account's, not Terraform's",
    "coverage.complete": "it is about what a scan could read",
    "coverage.gcp-complete": "it is about what a scan could read",
    "coverage.gcp-reconciled": "it compares the cloud with Terraform's state",
    "coverage.reconciled": "it compares the cloud with Terraform's state",
    "identity.access-keys-fresh": "the age of keys shows in the account's credential report",
    "identity.passwords-long": "passwords show in the account's credential report",
    "identity.roles-reconciled": "it compares two listings of the account",
    "identity.roles-used": "use shows after deployment",
    "identity.root-unused": "use shows after deployment",
    "identity.second-factor": "second factors show in the account's credential report",
    "node.evidence-fresh": "machines show evidence after deployment",
    "node.no-hand-started": "machines started by hand are in no plan",
    "sharing.nothing-received": "what others share is in no plan of ours",
}
"""Rules that no plan can answer, and why. Every other rule is judged."""


@dataclass(frozen=True)
class PlanJudgement:
    """What the rules say about plans.

    Attributes:
        judgement: results and coverage, as for the deployed state.
        sources: by position of a result: the planned resources that it is about.
        facts: the facts that stand for the plans.
    """

    judgement: Judgement
    sources: tuple[tuple[Source, ...], ...]
    facts: tuple[Fact, ...]

    def of(self, *verdicts: Verdict) -> list[tuple[Result, tuple[Source, ...]]]:
        """The results of these values, each with the resources that it is about."""
        pairs = zip(self.judgement.results, self.sources, strict=True)
        return [(result, sources) for result, sources in pairs if result.status in verdicts]


def judge_plans(
    documents: Mapping[str, Any],
    scope: Scope,
    now: datetime,
    rules: Sequence[Rule] = RULES,
    google: Sequence[Rule] = GOOGLE_RULES,
) -> PlanJudgement:
    """What the rules say about plans (`terraform show -json`) or synthesised stacks, by stack name.

    Tenants are judged whose accounts or projects have a stack among the documents: on AWS by `rules`, on Google Cloud
    by `google`. Waivers in tenant files are held to `now`.

    Raises:
        ComplianceError: a document is neither a plan nor a synthesised stack.
    """
    parts = [_on_aws(documents, scope, now, rules), _on_google(documents, scope, now, google)]
    judged = [name for name in scope.judged if any(name in part.tenants for part in parts)]
    order = {rule.id: number for number, rule in enumerate((*rules, *google))}
    found = sorted(
        (pair for part in parts for pair in part.found),
        key=lambda pair: (pair[0].tenant, order[pair[0].rule], pair[0].resource),
    )
    chosen = [rule for part in parts for rule in part.rules]
    asked = [rule for part, of_cloud in zip(parts, (rules, google), strict=True) if part.tenants for rule in of_cloud]
    waiting = [rule for rule in asked if rule not in chosen]
    coverage = {
        "stacks": sorted(documents),
        "tenants": judged,
        "tenants_not_judged": sorted({*(tenant.id for tenant in scope.everybody), PLATFORM} - set(judged)),
        "rules": len(chosen),
        "not_on_plans": [{"rule": rule.id, "reason": ONLY_DEPLOYED[rule.id]} for rule in waiting],
        "resources": sum(part.resources for part in parts),
        "types_not_read": [kind for part in parts for kind in part.unread],
        "not_checked": sorted(f"{rule.id}: {rule.blind}" for rule in chosen),
    }
    return PlanJudgement(
        Judgement(tuple(result for result, _ in found), coverage),
        tuple(sources for _, sources in found),
        tuple(fact for part in parts for fact in part.facts),
    )


@dataclass(frozen=True)
class _Part:
    """What was judged on one cloud: tenants, rules, results with their sources."""

    tenants: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    found: tuple[tuple[Result, tuple[Source, ...]], ...] = ()
    facts: tuple[Fact, ...] = ()
    resources: int = 0
    unread: tuple[str, ...] = ()


def _on_aws(documents: Mapping[str, Any], scope: Scope, now: datetime, rules: Sequence[Rule]) -> _Part:
    resources = [one for one in planned_resources(documents, scope) if not one.type.startswith("google_")]
    if not resources:
        return _Part()
    shown = shown_by(resources, scope, instant(now))
    told = shown.facts()
    accounts = {account for account, _ in shown.places}
    on_aws = {PLATFORM, *(tenant.id for tenant in scope.tenants)}
    judged = [name for name in scope.judged if name in on_aws and accounts & set(scope.accounts_of(name))]
    chosen = _on_plans(rules)
    found: list[Result] = []
    for tenant in judged:
        seen = {*scope.platform_accounts, *scope.accounts_of(tenant)}
        graph = Graph(fact for fact, _ in told if fact.account in seen)
        found += judge_tenant(scope, tenant, graph, chosen, now.date().isoformat())
    behind = {fact.digest: sources for fact, sources in told}
    listed = {fact.digest for fact, _ in told if not fact.params}
    pairs = tuple((result, _sources(result, behind, listed, shown.subjects)) for result in found)
    facts = tuple(fact for fact, _ in told)
    return _Part(frozenset(judged), chosen, pairs, facts, len(resources), tuple(unread_types(resources)))


def _on_google(documents: Mapping[str, Any], scope: Scope, now: datetime, rules: Sequence[Rule]) -> _Part:
    if scope.google is None:
        return _Part()
    shown = google_planned(documents, scope.google, instant(now))
    judged = [name for name in scope.judged if shown.accounts & set(_projects(scope, name))]
    owners = google_owners_of(scope.google)
    chosen = _on_plans(rules)
    found: list[tuple[Result, tuple[Source, ...]]] = []
    for tenant in judged:
        seen = {*scope.google_platform, *_projects(scope, tenant)}
        graph = Graph(fact for fact in shown.facts if fact.account in seen)
        results = judge_google(scope, tenant, graph, chosen, now.date().isoformat())
        found += [(result, sources_of(result, shown, owners)) for result in results]
    facts = shown.facts if judged else ()
    return _Part(frozenset(judged), chosen if judged else (), tuple(found), facts, len(shown.planned), shown.unread)


def _on_plans(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if rule.id not in ONLY_DEPLOYED)


def _projects(scope: Scope, tenant: str) -> tuple[str, ...]:
    """Numbers of a tenant's projects on Google Cloud, or of what the platform has there; nothing for one on AWS."""
    if tenant == PLATFORM:
        return scope.google_platform
    found = scope.google.tenant(tenant) if scope.google is not None else None
    return tuple(found.projects) if found is not None else ()


def _sources(
    result: Result,
    behind: Mapping[str, tuple[Source, ...]],
    listings: set[str],
    subjects: Mapping[str, Mapping[Source, None]],
) -> tuple[Source, ...]:
    """The resources that a result is about: those that speak of its subject, else those behind its facts."""
    used = {source for digest in result.facts for source in behind.get(digest, ())}
    named = set(subjects.get(result.resource, ()))
    close = {source for digest in result.facts if digest not in listings for source in behind.get(digest, ())}
    return tuple(sorted((named & used) or close or used or named))


def way_out(result: Result) -> str:
    """What to do about a failing result."""
    return rule_of(result.rule).remediation
