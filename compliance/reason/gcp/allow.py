"""Allow policies: bindings of roles to members under conditions, inherited from the organisation down.

Source: IAM, "Understanding allow policies"; "Overview of IAM Conditions". A condition that cannot be evaluated does not
grant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.gcp.cel.evaluate import holds, is_text_condition
from compliance.reason.gcp.members import Member, parse_member
from compliance.reason.gcp.outcome import Outcome
from compliance.reason.gcp.principals import Directory, names
from compliance.reason.gcp.request import Request
from compliance.reason.gcp.roles import CustomRole, holds_permission, is_role
from compliance.reason.iam.decision import Reason
from compliance.reason.iam.shape import refuse_lookalikes
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, either


@dataclass(frozen=True, slots=True)
class Binding:
    """A role for members; `condition` is CEL, empty if there is none."""

    label: str
    role: str
    members: tuple[Member, ...]
    condition: str = ""


@dataclass(frozen=True, slots=True)
class AllowPolicy:
    """The allow policy of one level; `label` is its place in the question, `level` the node or resource."""

    label: str
    level: str
    bindings: tuple[Binding, ...]


def parse_allow_policy(document: Any, level: str, place: str) -> AllowPolicy:
    """An allow policy: `{"bindings": [{"role", "members", "condition"}]}`.

    Raises:
        ComplianceError: naming the place of what is no allow policy.
    """
    if not isinstance(document, Mapping):
        raise ComplianceError(place, "expected an allow policy with `bindings`")
    refuse_lookalikes(dict(document), ("bindings",), place)
    bindings = document.get("bindings", [])
    if not isinstance(bindings, list):
        raise ComplianceError(f"{place}.bindings", "expected a list of bindings")
    label = place.removeprefix("$.")
    found = tuple(_binding(b, f"{place}.bindings[{i}]", f"bindings[{i}]") for i, b in enumerate(bindings))
    return AllowPolicy(label, level, found)


def _binding(document: Any, place: str, label: str) -> Binding:
    if not isinstance(document, Mapping):
        raise ComplianceError(place, "expected a binding with `role` and `members`")
    refuse_lookalikes(dict(document), ("role", "members", "condition"), place)
    role, members = document.get("role"), document.get("members", [])
    if not isinstance(role, str) or not is_role(role):
        raise ComplianceError(f"{place}.role", f"{role!r} is no role such as roles/storage.objectViewer")
    if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
        raise ComplianceError(f"{place}.members", "expected a list of principals")
    condition = document.get("condition")
    text = "" if condition is None else is_text_condition(condition, f"{place}.condition")
    return Binding(label, role, tuple(parse_member(m, f"{place}.members[{i}]") for i, m in enumerate(members)), text)


_PUBLIC: Final = ("everyone", "authenticated")


def granted(
    policies: tuple[AllowPolicy, ...],
    request: Request,
    roles: Mapping[str, CustomRole],
    directory: Directory,
    *,
    public_prevented: bool = False,
) -> Outcome:
    """Whether some binding grants the permission; with `public_prevented`, none to everyone does."""
    result: Truth = FALSE
    reasons: list[Reason] = []
    for policy in policies:
        for binding in policy.bindings:
            held = holds_permission(binding.role, request.permission, roles)
            if held == FALSE:
                continue
            named = _named(binding, request, directory, public_prevented)
            if named == FALSE:
                continue
            met = holds(binding.condition, request.environment, policy.label) if binding.condition else TRUE
            truth = both(held, both(named, met))
            if truth != FALSE:
                result = either(result, truth)
                reasons.append(_reason(policy, binding, truth, held, named))
    reasons.sort(key=lambda reason: reason.effect != "allows")
    return Outcome(result, tuple(reasons))


def _named(binding: Binding, request: Request, directory: Directory, public_prevented: bool) -> Truth:
    result: Truth = FALSE
    for member in binding.members:
        if public_prevented and member.kind in _PUBLIC:
            continue
        result = either(result, names(member, request.principal, directory))
        if result == TRUE:
            break
    return result


def _reason(policy: AllowPolicy, binding: Binding, truth: Truth, held: Truth, named: Truth) -> Reason:
    what = f"{binding.label} of {policy.label} ({binding.role} on {policy.level})"
    if truth == TRUE:
        return Reason(policy.label, binding.label, "allows", f"{what} allows it")
    if held == UNKNOWN:
        doubt = f"whether {binding.role} holds the permission is not known"
    elif named == UNKNOWN:
        doubt = "whether the caller is among its members is not known"
    else:
        doubt = "whether its condition holds is not known"
    return Reason(policy.label, binding.label, "may allow", f"{what} may allow it: {doubt}")
