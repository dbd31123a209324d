"""VPC Service Controls: whether a service perimeter stops a request.

Source: VPC Service Controls, "Service perimeter details and configuration", "Ingress and egress rules", "Perimeter
bridges". Only `status` is enforced; `spec` is the dry run. A request for a restricted service crosses into the
perimeter of each project it touches, and out of the perimeter of the network it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from compliance.reason.gcp.access_levels import Levels, meets
from compliance.reason.gcp.outcome import Outcome
from compliance.reason.gcp.perimeter_documents import Operation, Perimeter, Rule
from compliance.reason.gcp.principals import Directory, names
from compliance.reason.gcp.request import Request, Source, among
from compliance.reason.gcp.roles import CustomRole, holds_permission
from compliance.reason.iam.decision import Reason
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, certain, either, negate

_TYPES: Final = {
    "ANY_IDENTITY": ("user", "serviceAccount", "federated", "anonymous", "stranger"),
    "ANY_USER_ACCOUNT": ("user",),
    "ANY_SERVICE_ACCOUNT": ("serviceAccount",),
}


@dataclass(frozen=True, slots=True)
class Borders:
    """Every perimeter that matters, with the access levels and roles that their rules name."""

    perimeters: tuple[Perimeter, ...] = ()
    levels: Levels | None = None


def stopped(borders: Borders, request: Request, directory: Directory, roles: Mapping[str, CustomRole]) -> Outcome:
    """Whether a perimeter stops the request."""
    result: Truth = FALSE
    reasons: list[Reason] = []
    touched = [request.target.nodes] + [(project,) for project in request.also]
    for nodes in touched:
        for perimeter in borders.perimeters:
            for truth, reason in (
                _entering(perimeter, nodes, borders, request, directory, roles),
                _leaving(perimeter, nodes, borders, request, directory, roles),
            ):
                if truth != FALSE:
                    result = either(result, truth)
                    reasons.append(reason)
    reasons.sort(key=lambda reason: reason.effect != "denies")
    return Outcome(result, tuple(reasons))


def _reason(perimeter: Perimeter, truth: Truth, what: str) -> Reason:
    stops = "stops" if truth == TRUE else "may stop"
    return Reason(
        perimeter.label, "", "denies" if truth == TRUE else "may deny", f"perimeter {perimeter.name} {stops} it: {what}"
    )


def _entering(
    perimeter: Perimeter,
    nodes: tuple[str, ...],
    borders: Borders,
    request: Request,
    directory: Directory,
    roles: Mapping[str, CustomRole],
) -> tuple[Truth, Reason]:
    nothing = Reason(perimeter.label, "", "allows", "")
    held = among(perimeter.resources, nodes)
    if perimeter.bridge or held == FALSE or request.service not in perimeter.restricted:
        return FALSE, nothing
    let_in = either(_from_inside(perimeter, request.source), _bridged(borders, nodes, request.source))
    for level in perimeter.access_levels:
        if let_in != TRUE:
            met = meets(level, borders.levels or {}, request.principal, request.source, directory)
            # A level is asked of what comes from outside Google Cloud's own networks.
            let_in = either(let_in, met)
    for rule in perimeter.ingress:
        if let_in != TRUE:
            let_in = either(let_in, _rule(rule, nodes, borders, request, directory, roles))
    truth = both(held, negate(let_in))
    return truth, _reason(
        perimeter, truth, f"{request.service} is restricted, and no ingress rule or access level lets the request in"
    )


def _leaving(
    perimeter: Perimeter,
    nodes: tuple[str, ...],
    borders: Borders,
    request: Request,
    directory: Directory,
    roles: Mapping[str, CustomRole],
) -> tuple[Truth, Reason]:
    nothing = Reason(perimeter.label, "", "allows", "")
    inside = _from_inside(perimeter, request.source)
    if perimeter.bridge or inside == FALSE:
        return FALSE, nothing
    if perimeter.accessible is not None and request.service not in perimeter.accessible:
        truth = inside
        return truth, _reason(perimeter, truth, f"{request.service} is not among its VPC accessible services")
    if request.service not in perimeter.restricted:
        return FALSE, nothing
    let_out = either(among(perimeter.resources, nodes), _bridged(borders, nodes, request.source))
    for rule in perimeter.egress:
        if let_out != TRUE:
            let_out = either(let_out, _rule(rule, nodes, borders, request, directory, roles))
    truth = both(inside, negate(let_out))
    return truth, _reason(perimeter, truth, "the request leaves it, and no egress rule lets it out")


def _from_inside(perimeter: Perimeter, source: Source) -> Truth:
    if source.known and source.network in perimeter.resources:
        return TRUE
    if source.known:
        return among(perimeter.resources, (source.project,)) if source.project else FALSE
    return certain(False) if perimeter.resources <= source.besides else UNKNOWN


def _bridged(borders: Borders, nodes: tuple[str, ...], source: Source) -> Truth:
    """Whether a bridge joins the project that the request comes from and one it goes to."""
    result: Truth = FALSE
    for perimeter in borders.perimeters:
        if perimeter.bridge:
            result = either(result, both(among(perimeter.resources, nodes), _from_inside(perimeter, source)))
    return result


def _rule(
    rule: Rule,
    nodes: tuple[str, ...],
    borders: Borders,
    request: Request,
    directory: Directory,
    roles: Mapping[str, CustomRole],
) -> Truth:
    truth = TRUE if rule.to_anything else among(rule.resources, nodes)
    if truth == FALSE:
        return FALSE
    truth = both(truth, both(_of_identity(rule, request, directory), _of_operation(rule, request, roles)))
    if truth == FALSE:
        return FALSE
    if rule.sources is None:
        return truth
    came: Truth = FALSE
    for kind, value in rule.sources:
        came = either(came, _from_source(kind, value, borders, request, directory))
    return both(truth, came)


def _from_source(kind: str, value: str, borders: Borders, request: Request, directory: Directory) -> Truth:
    source = request.source
    if kind == "resource":
        if not source.known:
            return FALSE if value in source.besides else UNKNOWN
        if value == source.network:
            return TRUE
        return among(frozenset({value}), (source.project,)) if source.project else FALSE
    if value == "*":
        return TRUE
    if not source.known:
        return UNKNOWN
    return meets(value, borders.levels or {}, request.principal, source, directory)


def _of_identity(rule: Rule, request: Request, directory: Directory) -> Truth:
    kind = request.principal.kind
    if rule.identity_type in _TYPES:
        fits = kind in _TYPES[rule.identity_type]
        return TRUE if fits else UNKNOWN if kind == "stranger" else FALSE
    result: Truth = FALSE
    for member in rule.identities:
        result = either(result, names(member, request.principal, directory))
    return result


def _of_operation(rule: Rule, request: Request, roles: Mapping[str, CustomRole]) -> Truth:
    result: Truth = FALSE
    for operation in rule.operations:
        if operation.service in ("*", request.service):
            result = either(result, _selected(operation, request))
    for role in rule.roles:
        result = either(result, holds_permission(role, request.permission, roles))
    return result


def _selected(operation: Operation, request: Request) -> Truth:
    if operation.service == "*" or "*" in operation.methods:
        return TRUE
    if request.permission in operation.permissions:
        return TRUE
    if not operation.methods:
        return FALSE
    if request.method:
        return certain(
            any(request.method == method or request.method.endswith(f".{method}") for method in operation.methods)
        )
    if request.service == "storage.googleapis.com":
        return certain(f"google.{request.permission}" in operation.methods)
    # Which methods ask for the permission is not known here.
    return UNKNOWN
