"""Access that outlived its purpose: unused roles, leftovers of just-in-time access."""

from __future__ import annotations

from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, failed, passed
from compliance.rules.people import STALE, UNUSED_DAYS, days_since
from compliance.rules.populations import roles, tags
from compliance.rules.role_powers import DETAILS, identity_rule
from compliance.rules.view import View

JIT_TAG = "expires"


def _used_lately(view: View, resource: Resource) -> Outcome:
    made = days_since(view, resource.data["CreateDate"])
    last = resource.data.get("RoleLastUsed", {}).get("LastUsedDate")
    if made < UNUSED_DAYS or resource.data["RoleName"] in {*view.tenant.roles.values(), view.scope.deployer_role}:
        return passed("new, or one of the tenant's standing roles")
    if last is None:
        return failed(f"never used since it was made {made:.0f} days before the scan")
    return decide(days_since(view, last) < UNUSED_DAYS, f"last used on {last[:10]}", f"not used since {last[:10]}")


def _no_leftover(view: View, resource: Resource) -> Outcome:
    expires = tags(resource.data.get("Tags")).get(JIT_TAG)
    if expires is None:
        return passed("not a temporary role")
    return decide(
        days_since(view, expires) < 0,
        f"temporary, until {expires}",
        f"temporary access expired on {expires} and is still there",
    )


RULES: tuple[Rule, ...] = (
    identity_rule(
        "roles-used",
        "No role lies unused",
        Severity.LOW,
        (DETAILS,),
        roles,
        _used_lately,
        "Access that nobody needs is only useful to an attacker.",
        objectives=STALE,
        blind="Use within the last hours, which IAM reports late.",
    ),
    identity_rule(
        "no-leftover-access",
        "No temporary access outlives its end",
        Severity.HIGH,
        (DETAILS,),
        roles,
        _no_leftover,
        "Just-in-time access becomes standing access.",
        objectives=("access.just-in-time",),
    ),
)
