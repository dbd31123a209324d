"""Judges a bundle: every tenant by every rule, one tenant's facts in memory at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from compliance.facts.bundle import Bundle
from compliance.facts.fact import Fact, Status
from compliance.facts.scope import PLATFORM, Scope, scope_from_json
from compliance.facts.shape import check_manifest
from compliance.graph import Graph
from compliance.results import Judgement, Result
from compliance.rules.catalogue import GOOGLE_RULES, RULES
from compliance.rules.model import Rule
from compliance.rules.runner import covers, judge_google, judge_tenant

UNATTRIBUTED = ""
"""The account of facts whose account could not be told, such as a file of Terraform state that is damaged."""


def judge(bundle: Bundle, rules: Sequence[Rule] = RULES, google: Sequence[Rule] = GOOGLE_RULES) -> Judgement:
    """What the rules say about the tenants of the bundle's scope. Depends on the bundle and the rules alone.

    `rules` are those about AWS, `google` those about Google Cloud. Waivers are held to the day on which the scan ended.

    Raises:
        BundleError: scope or manifest lack what judging needs.
    """
    check_manifest(bundle.manifest)
    scope = scope_from_json(bundle.scope)
    today = str(bundle.manifest["ended"])[:10]
    unattributed = list(bundle.facts(UNATTRIBUTED))
    shared = [*bundle.facts(*scope.platform_accounts), *unattributed]
    results: list[Result] = []
    unread: list[dict[str, Any]] = []
    calls: Counter[tuple[str, str]] = Counter()
    _note(shared, unread, calls)
    above = list(bundle.facts(*scope.google_platform)) if scope.google_platform else []
    _note(above, unread, calls)
    for tenant in scope.judged:
        if scope.google is not None and (tenant == PLATFORM or scope.google.tenant(tenant) is not None):
            facts = [] if tenant == PLATFORM else list(bundle.facts(*scope.accounts_of(tenant)))
            _note(facts, unread, calls)
            results += judge_google(scope, tenant, Graph([*above, *unattributed, *facts]), google, today)
            if tenant != PLATFORM:
                continue
        own = [account for account in scope.accounts_of(tenant) if account not in scope.platform_accounts]
        facts = list(bundle.facts(*own)) if own else []
        _note(facts, unread, calls)
        results += judge_tenant(scope, tenant, Graph([*shared, *facts]), rules, today)
    judged_by = (*rules, *(google if scope.google is not None else ()))
    order = {rule.id: number for number, rule in enumerate(judged_by)}
    results.sort(key=lambda result: (result.tenant, order[result.rule], result.resource))
    return Judgement(tuple(results), _coverage(bundle, scope, results, unread, calls, judged_by))


def _note(facts: Sequence[Fact], unread: list[dict[str, Any]], calls: Counter[tuple[str, str]]) -> None:
    for fact in facts:
        calls[fact.api, str(fact.status)] += 1
        if not fact.status.read:
            unread.append(
                {
                    "account": fact.account,
                    "api": fact.api,
                    "code": fact.error["code"] if fact.error else "",
                    "params": fact.params,
                    "region": fact.region,
                    "status": str(fact.status),
                }
            )


def _coverage(
    bundle: Bundle,
    scope: Scope,
    results: Sequence[Result],
    unread: list[dict[str, Any]],
    calls: Counter[tuple[str, str]],
    rules: Sequence[Rule],
) -> dict[str, Any]:
    apis: dict[str, dict[str, int]] = {}
    for (api, status), count in sorted(calls.items()):
        apis.setdefault(api, {})[status] = count
    population = Counter((result.tenant, result.rule) for result in results)
    idle = [
        {"tenant": tenant.id, "rule": waiver.rule, "resource": waiver.resource, "expires": waiver.expires}
        for tenant in scope.everybody
        if tenant.id in scope.judged
        for waiver in tenant.waivers
        if not any(covers(waiver, result) for result in results if result.tenant == tenant.id)
    ]
    return {
        "accounts": bundle.manifest["accounts"],
        "apis": apis,
        "collected": {
            "began": bundle.manifest["began"],
            "ended": bundle.manifest["ended"],
            "caller": bundle.manifest["caller"],
        },
        "endpoint": bundle.manifest["endpoint"],
        "local_test_double": bundle.manifest["local_test_double"],
        "facts": bundle.manifest["facts"],
        "rules": len(rules),
        "population": [
            {"tenant": tenant, "rule": rule, "resources": count} for (tenant, rule), count in sorted(population.items())
        ],
        "tenants": list(scope.judged),
        "tenants_not_judged": [tenant.id for tenant in scope.everybody if tenant.id not in scope.judged],
        "unread": unread,
        "unimplemented": sorted({entry["api"] for entry in unread if entry["status"] == Status.UNIMPLEMENTED}),
        "waivers_without_effect": idle,
        "not_checked": sorted(f"{rule.id}: {rule.blind}" for rule in rules),
    }
