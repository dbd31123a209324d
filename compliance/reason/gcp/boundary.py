"""Principal access boundary policies (IAM v3): to which resources a set of principals is confined.

Source: IAM, "Principal access boundary policies". A principal under no policy is not confined; under several, each
resource of any of them is open to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.gcp.cel.evaluate import holds, is_text_condition
from compliance.reason.gcp.cel.values import OpenMap
from compliance.reason.gcp.outcome import Outcome
from compliance.reason.gcp.principals import Principal
from compliance.reason.gcp.request import Request, among
from compliance.reason.gcp.shapes import a_list, a_text, an_object, texts
from compliance.reason.iam.decision import Reason
from compliance.reason.iam.shape import refuse_lookalikes
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, certain, either, negate

_HIERARCHY: Final = "//cloudresourcemanager.googleapis.com/"
_TYPES: Final = {"serviceAccount": "iam.googleapis.com/ServiceAccount", "user": "iam.googleapis.com/WorkspaceIdentity"}
_WORKSPACE: Final = "//iam.googleapis.com/locations/global/workspace/"


@dataclass(frozen=True, slots=True)
class Boundary:
    """A policy bound to a set of principals, under a condition on the principal."""

    label: str
    principal_set: str
    resources: tuple[str, ...]
    condition: str = ""


def parse_boundary(document: Any, place: str) -> Boundary:
    """`{"policy": {"details": {"rules": [{"resources", "effect"}]}}, "binding": {"target": {"principalSet"}}}`.

    Raises:
        ComplianceError: naming the place of what has another shape.
    """
    body = an_object(document, place, "an object with `policy` and `binding`")
    refuse_lookalikes(dict(body), ("policy", "binding"), place)
    policy = an_object(body.get("policy"), f"{place}.policy", "a principal access boundary policy with `details`")
    details = an_object(policy.get("details"), f"{place}.policy.details", "an object with `rules`")
    where = f"{place}.policy.details.rules"
    found: list[str] = []
    if "rules" not in details:
        raise ComplianceError(f"{place}.policy.details", "expected `rules`, the resources that are open")
    for index, rule in enumerate(a_list(details["rules"], where, "a list of rules")):
        found += texts(
            an_object(rule, f"{where}[{index}]", "a rule with `resources`"), "resources", f"{where}[{index}]"
        )
    binding = an_object(body.get("binding"), f"{place}.binding", "a policy binding with `target`")
    target = an_object(binding.get("target"), f"{place}.binding.target", "an object with `principalSet`")
    refuse_lookalikes(dict(binding), ("target", "condition"), f"{place}.binding")
    principal_set = a_text(target, "principalSet", f"{place}.binding.target")
    if not principal_set:
        raise ComplianceError(f"{place}.binding.target", "expected `principalSet`, whom the policy confines")
    condition = binding.get("condition")
    text = "" if condition is None else is_text_condition(condition, f"{place}.binding.condition")
    return Boundary(place.removeprefix("$."), principal_set, tuple(found), text)


def sets_of(caller: Principal) -> tuple[str, ...] | None:
    """Every principal set that a caller can be in, as bindings name them; None if that is not known."""
    if caller.kind in ("anonymous", "stranger"):
        return ()
    if caller.kind == "serviceAccount" and caller.ancestors:
        return tuple(f"{_HIERARCHY}{node}" for node in (*caller.ancestors, f"projects/{caller.project}"))
    return None


def confined(boundaries: tuple[Boundary, ...], request: Request) -> Outcome:
    """Whether the caller is confined to resources that this one is not among."""
    if request.principal.kind in ("anonymous", "stranger"):
        # A stranger chooses an identity that no boundary of ours is bound to.
        return Outcome(FALSE)
    applies: Truth = FALSE
    opened: Truth = FALSE
    labels: list[str] = []
    for boundary in boundaries:
        truth = _binds(boundary, request.principal)
        if truth == FALSE:
            continue
        labels.append(boundary.label)
        applies = either(applies, truth)
        opened = either(opened, both(truth, _contains(boundary, request)))
    truth = both(applies, negate(opened))
    if truth == FALSE:
        return Outcome(FALSE)
    effect = "denies" if truth == TRUE else "may deny"
    text = f"the principal access boundary {'keeps' if truth == TRUE else 'may keep'} the caller from this resource"
    return Outcome(truth, (Reason(", ".join(labels), "", effect, text),))


def _contains(boundary: Boundary, request: Request) -> Truth:
    named = (resource.rstrip("/*").removeprefix(_HIERARCHY) for resource in boundary.resources)
    return among(frozenset(named), request.target.nodes)


def _binds(boundary: Boundary, caller: Principal) -> Truth:
    truth = _in_set(boundary.principal_set, caller)
    if truth != FALSE and boundary.condition:
        known = {
            "type": _type(caller),
            "subject": caller.id if caller.kind != "federated" else caller.subject,
        }
        environment = {"principal": OpenMap({key: value for key, value in known.items() if value})}
        truth = both(truth, holds(boundary.condition, environment, boundary.label))
    return truth


def _type(caller: Principal) -> str | None:
    if caller.kind == "federated":
        pool = "Workforce" if caller.pool.startswith("locations/") else "Workload"
        return f"iam.googleapis.com/{pool}PoolIdentity"
    return _TYPES.get(caller.kind)


def _in_set(principal_set: str, caller: Principal) -> Truth:
    if principal_set.startswith(_HIERARCHY):
        node = principal_set.removeprefix(_HIERARCHY)
        if caller.kind == "user":
            if not node.startswith("organizations/"):
                return FALSE
            return certain(node in caller.ancestors) if caller.ancestors else UNKNOWN
        if node in (*caller.ancestors, f"projects/{caller.project}"):
            return TRUE
        return FALSE if caller.ancestors else UNKNOWN
    pool = principal_set.removeprefix("//iam.googleapis.com/")
    if caller.kind == "federated":
        return certain(pool == caller.pool)
    if caller.kind != "user" or not principal_set.startswith(_WORKSPACE):
        return FALSE
    return certain(principal_set.removeprefix(_WORKSPACE) == caller.customer) if caller.customer else UNKNOWN
