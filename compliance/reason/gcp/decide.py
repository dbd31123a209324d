"""The decision: how the layers combine.

Source: IAM, "Policy evaluation": principal access boundaries, then deny policies, then allow policies; Cloud Storage
adds access control lists; organisation policies and VPC Service Controls refuse whatever IAM says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from compliance.reason.gcp.acl import Acl, listed
from compliance.reason.gcp.allow import AllowPolicy, granted
from compliance.reason.gcp.boundary import Boundary, confined
from compliance.reason.gcp.deny import DenyPolicy, denied
from compliance.reason.gcp.organisation_policy import ConstraintPolicy, public_access_prevented, refused
from compliance.reason.gcp.outcome import Decision, Outcome
from compliance.reason.gcp.perimeter import Borders, stopped
from compliance.reason.gcp.principals import EMPTY, Directory
from compliance.reason.gcp.request import Request
from compliance.reason.gcp.roles import CustomRole
from compliance.reason.iam.decision import Reason
from compliance.reason.iam.truth import FALSE, TRUE, either

_NOBODY: Final = Reason("allowPolicies", "", "does not allow", "no binding of any level allows it")


@dataclass(frozen=True)
class Documents:
    """Everything that applies to a request.

    Attributes:
        allow: allow policies of the resource and of everything above it.
        constraints: organisation policies, from the organisation to the project.
        acl: of the bucket and object, where Cloud Storage is asked.
    """

    allow: tuple[AllowPolicy, ...] = ()
    deny: tuple[DenyPolicy, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    constraints: tuple[ConstraintPolicy, ...] = ()
    borders: Borders = field(default_factory=Borders)
    acl: Acl | None = None
    roles: Mapping[str, CustomRole] = field(default_factory=dict)
    directory: Directory = EMPTY


def authorise(request: Request, documents: Documents) -> Decision:
    """Whether Google Cloud would let the request through, and what decides."""
    stops: list[Outcome] = []
    for outcome in _guards(request, documents):
        if outcome.truth == TRUE:
            reasons = tuple(r for each in (*stops, outcome) for r in each.reasons)
            return Decision("denied", outcome.reasons[0], reasons)
        stops.append(outcome)
    prevented = _prevented(request, documents)
    by_role = granted(documents.allow, request, documents.roles, documents.directory, public_prevented=prevented)
    by_list = listed(documents.acl, request, documents.directory, prevented=prevented)
    truth = either(by_role.truth, by_list.truth)
    grounds = tuple(sorted((*by_role.reasons, *by_list.reasons), key=lambda reason: reason.effect != "allows"))
    if truth == FALSE:
        return Decision("denied", _NOBODY, (_NOBODY,))
    doubts = tuple(reason for outcome in stops for reason in outcome.reasons)
    if truth == TRUE and not doubts:
        return Decision("allowed", grounds[0], grounds)
    return Decision("indeterminate", doubts[0] if doubts else grounds[0], (*doubts, *grounds))


def _prevented(request: Request, documents: Documents) -> bool:
    if not request.permission.startswith("storage."):
        return False
    own = documents.acl is not None and documents.acl.prevented
    return own or public_access_prevented(documents.constraints, request)


def _guards(request: Request, documents: Documents) -> list[Outcome]:
    """What can refuse, in the order in which a refusal is reported. Later ones are not asked after a certain one."""
    found: list[Outcome] = []
    guards: tuple[Callable[[], Outcome], ...] = (
        lambda: confined(documents.boundaries, request),
        lambda: denied(documents.deny, request, documents.directory),
        lambda: refused(documents.constraints, request),
        lambda: stopped(documents.borders, request, documents.directory, documents.roles),
    )
    for guard in guards:
        outcome = guard()
        found.append(outcome)
        if outcome.truth == TRUE:
            break
    return found
