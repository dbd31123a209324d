"""Whether a statement applies to a request, and what a set of policies says about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from compliance.reason.iam.conditions import evaluate_conditions
from compliance.reason.iam.context import Context
from compliance.reason.iam.globs import disjoint, resource_regex
from compliance.reason.iam.policy import Statement
from compliance.reason.iam.principals import EVERYBODY, NOBODY, Named, Principal, PrincipalElement, names
from compliance.reason.iam.request import Labelled, Request
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, either, negate
from compliance.reason.iam.variables import Template, resolve


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that applies, certainly or possibly, and how it names the caller (`direct` where it need not)."""

    label: str
    statement: Statement
    truth: Truth
    named: Named


@dataclass(slots=True)
class Finding:
    """What one set of policies says: which statements allow and which deny."""

    allows: list[Match] = field(default_factory=list)
    denies: list[Match] = field(default_factory=list)

    @property
    def allow(self) -> Truth:
        """Whether some statement allows."""
        return max((match.truth for match in self.allows), default=FALSE)

    @property
    def deny(self) -> Truth:
        """Whether some statement denies."""
        return max((match.truth for match in self.denies), default=FALSE)

    def allow_to(self, kind: Literal["account", "role", "direct"]) -> Truth:
        """Whether some statement allows and names the caller in this way."""
        result: Truth = FALSE
        for match in self.allows:
            result = either(result, both(match.truth, getattr(match.named, kind)))
        return result


def look_up(
    policies: Iterable[Labelled], request: Request, *, limited: bool = False, allows_only: bool = False
) -> Finding:
    """Evaluates the statements that speak of the request's action.

    Args:
        policies: of one type.
        request: the question.
        limited: whether the caller has a permissions boundary; a `Deny` with `NotPrincipal` then always names it (IAM
            User Guide, "Permissions boundaries for IAM entities").
        allows_only: leaves denies aside.
    """
    finding = Finding()
    action = request.action
    for labelled in policies:
        allows, denies = labelled.policy.about(action)
        for statement in () if allows_only else denies:
            match = _match(labelled.label, statement, request, limited)
            if match is not None:
                finding.denies.append(match)
        for statement in allows:
            match = _match(labelled.label, statement, request, False)
            if match is not None:
                finding.allows.append(match)
    return finding


def _match(label: str, statement: Statement, request: Request, limited: bool) -> Match | None:
    named = _named(statement, request, limited)
    truth = named.anyhow
    if truth == FALSE:
        return None
    truth = both(truth, _about_resource(statement, request))
    if truth == FALSE:
        return None
    truth = both(truth, evaluate_conditions(statement.conditions, request.context))
    return None if truth == FALSE else Match(label, statement, truth, named)


def _named(statement: Statement, request: Request, limited: bool) -> Named:
    if statement.principals is None:
        return EVERYBODY
    if not statement.not_principal:
        return names(statement.principals, request.principal, request.context)
    if limited and not statement.allow and request.principal.in_aws:
        return EVERYBODY
    excepted = negate(_spares(statement.principals, request.principal, request.context))
    return NOBODY if excepted == FALSE else Named(direct=excepted)


def _spares(elements: tuple[PrincipalElement, ...], caller: Principal, context: Context) -> Truth:
    """Whether `NotPrincipal` excepts the caller.

    An account alone excepts all its principals. Beside one of its users, roles or sessions it is only the companion
    that AWS asks for, and the account's other principals are not excepted (IAM User Guide, "NotPrincipal", example of
    the user Bob and his account). Symbolically that stays open, so that no proof rests on it.
    """
    precise = {e.named.account for e in elements if e.named is not None and e.named.kind != "root"}
    result: Truth = FALSE
    for element in elements:
        named = names((element,), caller, context)
        if element.named is not None and element.named.kind == "root" and element.named.account in precise:
            account = both(named.account, UNKNOWN) if context.open_world else FALSE
            named = named._replace(account=account)
        result = either(result, named.anyhow)
    return result


def _about_resource(statement: Statement, request: Request) -> Truth:
    if statement.resources is None:
        return TRUE
    covered: Truth = FALSE
    for template in statement.resources:
        covered = either(covered, _covers(template, request))
        if covered == TRUE:
            break
    return negate(covered) if statement.not_resource else covered


def _covers(template: Template, request: Request) -> Truth:
    if template.text == "*":
        return TRUE
    constant = template.constant
    if request.open_resource:
        return _covers_open(template, request)
    if constant is not None:
        return TRUE if resource_regex(constant).fullmatch(request.resource) is not None else FALSE
    resolved = resolve(template, request.context)
    if resolved.null:
        return FALSE
    if resolved.exact:
        return TRUE if resource_regex(resolved.pieces).fullmatch(request.resource) is not None else FALSE
    return FALSE if disjoint((("literal", request.resource),), resolved.pieces) else UNKNOWN


def _covers_open(template: Template, request: Request) -> Truth:
    """For a resource that is itself a pattern: TRUE if the template covers all of it, FALSE if nothing of it."""
    resolved = resolve(template, request.context)
    if resolved.null or disjoint((("glob", request.resource),), resolved.pieces):
        return FALSE
    if resolved.exact and resource_regex(resolved.pieces).fullmatch(request.resource) is not None:
        return TRUE
    return UNKNOWN
