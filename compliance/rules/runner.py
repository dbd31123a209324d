"""Judges facts by rules: populations, checks, waivers, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compliance.errors import ComplianceError
from compliance.facts.scope import PLATFORM, Scope
from compliance.facts.waivers import WaiverScope
from compliance.graph import Graph
from compliance.results import Result, Verdict, WaiverNote
from compliance.rules.google.view import GoogleView
from compliance.rules.model import About, Outcome, Resource, Rule
from compliance.rules.view import Unread, View

_ODD_ANSWER = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading a fact raises when the answer lacks what the service's model promises."""


def judge_tenant(scope: Scope, tenant: str, graph: Graph, rules: Sequence[Rule], today: str) -> list[Result]:
    """The results of every rule about a tenant (or the platform). `today` is the ISO date that waivers are held to."""
    return _results(
        View(scope, tenant, graph), rules, today, () if tenant == PLATFORM else scope.tenant(tenant).waivers
    )


def judge_google(scope: Scope, tenant: str, graph: Graph, rules: Sequence[Rule], today: str) -> list[Result]:
    """The results of every rule about a tenant on Google Cloud, or about the platform's part there."""
    view = GoogleView(scope, tenant, graph)
    return _results(view, rules, today, () if tenant == PLATFORM else view.own.waivers)


def _results(view: View, rules: Sequence[Rule], today: str, waivers: Sequence[WaiverScope]) -> list[Result]:
    tenant = view.name
    wanted = {About.BOTH, About.PLATFORM if tenant == PLATFORM else About.TENANT}
    results = [result for rule in rules if rule.about in wanted for result in _judge(rule, view)]
    return [waived(result, waivers, today) for result in results]


def _judge(rule: Rule, view: View) -> Iterator[Result]:
    whole = f"account {view.account}"
    with view.noting() as listing:
        outcome, resources = _population(rule, view)
    if outcome is not None:
        yield _result(rule, view, whole, outcome, listing)
        return
    for resource in resources:
        with view.noting() as used:
            outcome = _checked(rule, view, resource)
        yield _result(rule, view, resource.id, outcome, {**listing, **used})


def _population(rule: Rule, view: View) -> tuple[Outcome | None, list[Resource]]:
    try:
        resources = sorted(rule.population(view), key=lambda resource: resource.id)
    except Unread as unread:
        _note(view, unread)
        return Outcome(Verdict.INDETERMINATE, unread.sentence), []
    except (*_ODD_ANSWER, ComplianceError) as odd:
        return _odd(rule, odd), []
    return (None, resources) if resources else (rule.empty, [])


def _checked(rule: Rule, view: View, resource: Resource) -> Outcome:
    try:
        return rule.check(view, resource)
    except Unread as unread:
        _note(view, unread)
        return Outcome(Verdict.INDETERMINATE, unread.sentence)
    except (*_ODD_ANSWER, ComplianceError) as odd:
        return _odd(rule, odd)


def _note(view: View, unread: Unread) -> None:
    if unread.digest is not None:
        view.used[unread.digest] = None


def _odd(rule: Rule, odd: Exception) -> Outcome:
    what = f"{type(odd).__name__}: {odd}"
    return Outcome(Verdict.INDETERMINATE, f"an answer of {', '.join(rule.needs)} could not be understood ({what})")


def _result(rule: Rule, view: View, resource: str, outcome: Outcome, used: dict[str, None]) -> Result:
    return Result(rule.id, view.name, resource, outcome.verdict, outcome.reason, tuple(sorted(used)))


def waived(result: Result, waivers: Sequence[WaiverScope], today: str) -> Result:
    """The result after the tenant's waivers: a failure that one covers is waived until the end of its last day."""
    if result.status is not Verdict.FAIL:
        return result
    covering = [waiver for waiver in waivers if covers(waiver, result)]
    if not covering:
        return result
    waiver = max(covering, key=lambda one: one.expires)
    if waiver.expires < today:
        reason = f"{result.reason}; the waiver that {waiver.owner} owns expired on {waiver.expires}"
        return Result(result.rule, result.tenant, result.resource, Verdict.FAIL, reason, result.facts)
    reason = (
        f"{result.reason}; waived until {waiver.expires} by {waiver.owner}: {waiver.reason}; "
        f"compensating control: {waiver.compensating_control}"
    )
    note = WaiverNote(waiver.owner, waiver.reason, waiver.compensating_control, waiver.expires)
    return Result(result.rule, result.tenant, result.resource, Verdict.WAIVED, reason, result.facts, note)


def covers(waiver: WaiverScope, result: Result) -> bool:
    """Whether a waiver speaks of a result: same rule, and the resource by id or by the last part of its ARN."""
    if waiver.rule != result.rule:
        return False
    names = {result.resource, result.resource.rpartition(":")[2], result.resource.rpartition("/")[2]}
    return waiver.resource is None or waiver.resource in names
