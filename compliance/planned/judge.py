"""Judges plans by the rules of the deployed state: those that a plan can answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from compliance.facts.canonical import instant
from compliance.facts.fact import Fact
from compliance.facts.scope import PLATFORM, Scope
from compliance.graph import Graph
from compliance.planned.answers import Source
from compliance.planned.facts import shown_by, unread_types
from compliance.planned.resources import planned_resources
from compliance.results import Judgement, Result, Verdict
from compliance.rules.catalogue import RULES, rule_of
from compliance.rules.model import Rule
from compliance.rules.runner import judge_tenant

ONLY_DEPLOYED: Final[dict[str, str]] = {
    "audit.trail-digests-delivered": "deliveries begin when the trail runs",
    "audit.trail-never-stopped": "stops show after deployment",
    "audit.trail-no-gap": "deliveries begin when the trail runs",
    "budget.quota-known": "quotas are the account's, not Terraform's",
    "coverage.complete": "it is about what a scan could read",
    "coverage.reconciled": "it compares the cloud with Terraform's state",
    "identity.access-keys-fresh": "the age of keys shows in the account's credential report",
    "identity.passwords-long": "passwords show in the account's credential report",
    "identity.roles-reconciled": "it compares two listings of the account",
    "identity.roles-used": "use shows after deployment",
    "identity.root-unused": "use shows after deployment",
    "identity.second-factor": "second factors show in the account's credential report",
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
    documents: Mapping[str, Any], scope: Scope, now: datetime, rules: Sequence[Rule] = RULES
) -> PlanJudgement:
    """What the rules say about plans (`terraform show -json`) or synthesised stacks, by stack name.

    Tenants are judged whose accounts have a stack among the documents. Waivers in tenant files are held to `now`.

    Raises:
        ComplianceError: a document is neither a plan nor a synthesised stack.
    """
    resources = planned_resources(documents, scope)
    shown = shown_by(resources, scope, instant(now))
    told = shown.facts()
    accounts = {account for account, _ in shown.places}
    judged = [name for name in scope.judged if accounts & set(scope.accounts_of(name))]
    chosen = [rule for rule in rules if rule.id not in ONLY_DEPLOYED]
    found: list[Result] = []
    for tenant in judged:
        seen = {*scope.platform_accounts, *scope.accounts_of(tenant)}
        graph = Graph(fact for fact, _ in told if fact.account in seen)
        found += judge_tenant(scope, tenant, graph, chosen, now.date().isoformat())
    order = {rule.id: number for number, rule in enumerate(chosen)}
    found.sort(key=lambda result: (result.tenant, order[result.rule], result.resource))
    behind = {fact.digest: sources for fact, sources in told}
    listed = {fact.digest for fact, _ in told if not fact.params}
    sources = tuple(_sources(result, behind, listed, shown.subjects) for result in found)
    coverage = {
        "stacks": sorted(documents),
        "tenants": judged,
        "tenants_not_judged": sorted({*(tenant.id for tenant in scope.tenants), PLATFORM} - set(judged)),
        "rules": len(chosen),
        "not_on_plans": [{"rule": rule.id, "reason": ONLY_DEPLOYED[rule.id]} for rule in rules if rule not in chosen],
        "resources": len(resources),
        "types_not_read": unread_types(resources),
        "not_checked": sorted(f"{rule.id}: {rule.blind}" for rule in chosen),
    }
    return PlanJudgement(Judgement(tuple(found), coverage), sources, tuple(fact for fact, _ in told))


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
