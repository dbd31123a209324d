"""Deny policies (IAM v2), inherited from the organisation down; they win over every allow.

Source: IAM, "Deny policies". A denial condition that cannot be evaluated denies. A wildcard (`*.*`, `objects.*`,
`*.setIamPolicy`) covers the permissions that deny policies support; for services whose support is not known here it
counts as unknown.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.gcp.cel.evaluate import holds, is_text_condition
from compliance.reason.gcp.members import Member, parse_member
from compliance.reason.gcp.outcome import Outcome
from compliance.reason.gcp.principals import Directory, names
from compliance.reason.gcp.request import Request
from compliance.reason.iam.decision import Reason
from compliance.reason.iam.shape import refuse_lookalikes
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, either, negate

_SUPPORTED: Final = frozenset(
    f"{name}.googleapis.com"
    for name in (
        "iam", "cloudresourcemanager", "storage", "compute", "cloudkms", "secretmanager", "pubsub", "logging",
        "bigquery", "artifactregistry", "container", "run", "orgpolicy", "accesscontextmanager",
    )
)  # fmt: skip
_ELEMENTS: Final = (
    "deniedPrincipals", "exceptionPrincipals", "deniedPermissions", "exceptionPermissions", "denialCondition",
)  # fmt: skip
_SERVICES: Final = {"resourcemanager.googleapis.com": "cloudresourcemanager.googleapis.com"}


@dataclass(frozen=True, slots=True)
class DenyRule:
    """One rule. Permissions are in the v2 form and may be patterns."""

    label: str
    denied: tuple[Member, ...]
    excepted: tuple[Member, ...]
    permissions: tuple[str, ...]
    exceptions: tuple[str, ...]
    condition: str = ""


@dataclass(frozen=True, slots=True)
class DenyPolicy:
    """The rules of one policy, with its place in the question."""

    label: str
    level: str
    rules: tuple[DenyRule, ...]


def parse_deny_policy(document: Any, level: str, place: str) -> DenyPolicy:
    """A deny policy: `{"rules": [{"denyRule": {"deniedPrincipals", "exceptionPrincipals", …}}]}`.

    Raises:
        ComplianceError: naming the place of what is no deny policy.
    """
    if not isinstance(document, Mapping):
        raise ComplianceError(place, "expected a deny policy with `rules`")
    refuse_lookalikes(dict(document), ("rules",), place)
    rules = document.get("rules", [])
    if not isinstance(rules, list):
        raise ComplianceError(f"{place}.rules", "expected a list of rules")
    found = tuple(_rule(rule, f"{place}.rules[{i}]", f"rules[{i}]") for i, rule in enumerate(rules))
    return DenyPolicy(place.removeprefix("$."), level, found)


def _rule(document: Any, place: str, label: str) -> DenyRule:
    body = document.get("denyRule") if isinstance(document, Mapping) else None
    if not isinstance(body, Mapping):
        raise ComplianceError(place, "expected an object with `denyRule`")
    where = f"{place}.denyRule"
    refuse_lookalikes(dict(body), _ELEMENTS, where)
    for name in ("deniedPrincipals", "deniedPermissions"):
        if name not in body:
            raise ComplianceError(where, f"lacks {name}; a rule that was not read whole might have denied")
    condition = body.get("denialCondition")
    permissions = _texts(body, "deniedPermissions", where)
    for index, permission in enumerate(permissions):
        if "/" not in permission:
            raise ComplianceError(
                f"{where}.deniedPermissions[{index}]",
                f"{permission!r} is not in the v2 form, such as storage.googleapis.com/objects.get",
            )
    return DenyRule(
        label,
        _members(body, "deniedPrincipals", where),
        _members(body, "exceptionPrincipals", where),
        permissions,
        _texts(body, "exceptionPermissions", where),
        "" if condition is None else is_text_condition(condition, f"{where}.denialCondition"),
    )


def _texts(body: Mapping[str, Any], name: str, place: str) -> tuple[str, ...]:
    found = body.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ComplianceError(f"{place}.{name}", "expected a list of texts")
    return tuple(found)


def _members(body: Mapping[str, Any], name: str, place: str) -> tuple[Member, ...]:
    return tuple(parse_member(text, f"{place}.{name}[{i}]") for i, text in enumerate(_texts(body, name, place)))


def denied(policies: tuple[DenyPolicy, ...], request: Request, directory: Directory) -> Outcome:
    """Whether some rule denies the request."""
    result: Truth = FALSE
    reasons: list[Reason] = []
    for policy in policies:
        for rule in policy.rules:
            truth = _applies(rule, request, directory, policy.label)
            if truth == FALSE:
                continue
            result = either(result, truth)
            what = f"{rule.label} of {policy.label} (deny policy on {policy.level})"
            if truth == TRUE:
                reasons.append(Reason(policy.label, rule.label, "denies", f"{what} denies it"))
            else:
                reasons.append(Reason(policy.label, rule.label, "may deny", f"{what} may deny it"))
    reasons.sort(key=lambda reason: reason.effect != "denies")
    return Outcome(result, tuple(reasons))


def _applies(rule: DenyRule, request: Request, directory: Directory, place: str) -> Truth:
    truth = both(_covers(rule.permissions, request), negate(_covers(rule.exceptions, request)))
    if truth == FALSE:
        return FALSE
    truth = both(truth, _any(rule.denied, request, directory))
    if truth == FALSE:
        return FALSE
    truth = both(truth, negate(_any(rule.excepted, request, directory)))
    if truth != FALSE and rule.condition:
        truth = both(truth, holds(rule.condition, request.environment, place, on_error=TRUE))
    return truth


def _any(members: tuple[Member, ...], request: Request, directory: Directory) -> Truth:
    result: Truth = FALSE
    for member in members:
        result = either(result, names(member, request.principal, directory))
    return result


def _covers(patterns: tuple[str, ...], request: Request) -> Truth:
    result: Truth = FALSE
    for written in patterns:
        service, _, rest = written.partition("/")
        pattern = f"{_SERVICES.get(service, service)}/{rest}"
        if pattern == request.v2_permission:
            return TRUE
        if "*" in pattern and fnmatch.fnmatchcase(request.v2_permission, pattern):
            result = either(result, TRUE if service in _SUPPORTED else UNKNOWN)
    return result
