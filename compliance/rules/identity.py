"""Principals: boundaries, trust, stale access, leftovers of just-in-time access, root."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from compliance.rules.guests import guests
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems, passed
from compliance.rules.populations import (
    document,
    listed,
    principals,
    roles,
    statements,
    tags,
    the_account,
    users,
)
from compliance.rules.probe import Question, other_tenants, possibly_allowed
from compliance.rules.probe import role as role_of
from compliance.rules.view import View

UNUSED_DAYS = 90
KEY_DAYS = 90
JIT_TAG = "expires"
_GAAD = "iam:GetAccountAuthorizationDetails"
_REPORT = "iam:GetCredentialReport"


def report(view: View) -> list[dict[str, str]]:
    """The rows of the credential report."""
    content = (view.one(_REPORT) or {})["Content"]
    return list(csv.DictReader(io.StringIO(content)))


def _report_rows(view: View) -> Iterator[Resource]:
    for row in report(view):
        if row["user"] != "<root_account>":
            yield Resource(row["arn"], row)


def _root(view: View) -> Iterator[Resource]:
    for row in report(view):
        if row["user"] == "<root_account>":
            yield Resource(row["arn"], row)


def _tenant_roles(view: View) -> Iterator[Resource]:
    known = {role["RoleName"]: role for role in principals(view, "RoleDetailList")}
    for function, name in view.tenant.roles.items():
        yield Resource(f"arn:aws:iam::{view.account}:role/{name}", (function, known.get(name)))


def _exists(_view: View, resource: Resource) -> Outcome:
    function, detail = resource.data
    return decide(detail is not None, f"the role for {function} exists", f"the role for {function} does not exist")


def _is_deployer(view: View, resource: Resource) -> bool:
    return bool(resource.data["RoleName"] == view.scope.deployer_role)


def _bounded(view: View, resource: Resource) -> Outcome:
    if _is_deployer(view, resource):
        return passed("the deployer is limited by the SCPs, not by a boundary")
    arn = resource.data.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
    wanted = f"arn:aws:iam::{view.account}:policy/{view.tenant.boundary}"
    return decide(
        arn == wanted, "carries the tenant's permission boundary", f"its permission boundary is {arn or 'missing'}"
    )


def _policy_document(view: View, arn: str) -> Any:
    for policy in principals(view, "Policies"):
        if policy["Arn"] == arn:
            return next(v["Document"] for v in policy["PolicyVersionList"] if v["IsDefaultVersion"])
    return None


def _boundary_holds(view: View, _resource: Resource) -> Outcome:
    arn = f"arn:aws:iam::{view.account}:policy/{view.tenant.boundary}"
    found = _policy_document(view, arn)
    if found is None:
        return failed(f"there is no policy {view.tenant.boundary}")
    caller = role_of(view.account, view.tenant.roles["trainer"])
    open_ = [
        f"{action} on resources of tenant {name}"
        for names, account in other_tenants(view, [found])
        for action in ("s3:GetObject", "kms:Decrypt", "sts:AssumeRole")
        if possibly_allowed(
            [found], "boundary", Question(action, "*", account, caller, {"aws:ResourceAccount": account})
        )
        for name in names
    ]
    own = {"aws:ResourceAccount": view.account}
    open_ += [
        action
        for action in (
            "iam:CreateRole",
            "iam:PutRolePolicy",
            "iam:AttachRolePolicy",
            "iam:DeleteRolePermissionsBoundary",
            "iam:PassRole",
        )
        if possibly_allowed(
            [found], "boundary", Question(action, f"arn:aws:iam::{view.account}:role/x", view.account, caller, own)
        )
    ]
    return judge_problems(
        [f"the boundary leaves open: {item}" for item in open_],
        "the boundary stops other accounts' resources and IAM changes",
    )


def _trust(view: View, resource: Resource) -> Outcome:
    policy = resource.data["AssumeRolePolicyDocument"]
    names = view.fleet_accounts()
    found = [
        names.get(who, who)
        for who in guests(policy, {view.account, *view.scope.platform_accounts})
        if not who.endswith(".amazonaws.com for anyone")
    ]
    return decide(not found, "trusts only its own account, the platform and AWS services", f"trusts {', '.join(found)}")


def _deputy(view: View, resource: Resource) -> Outcome:
    confusable = {"events", "sns", "cloudtrail", "config", "logs", "scheduler", "states", "s3", "codebuild"}
    found = [
        who.removesuffix(" for anyone")
        for who in guests(resource.data["AssumeRolePolicyDocument"], {view.account, *view.scope.platform_accounts})
        if who.endswith(" for anyone") and who.split(".")[0] in confusable
    ]
    return decide(
        not found, "no service may act for others", f"{', '.join(found)} may assume it on behalf of another account"
    )


def _documents(view: View, detail: dict[str, Any], inline: str) -> Iterator[tuple[str, Any]]:
    for policy in detail.get(inline, []):
        yield policy["PolicyName"], policy["PolicyDocument"]
    for attached in detail.get("AttachedManagedPolicies", []):
        if attached["PolicyArn"].endswith(":aws:policy/AdministratorAccess"):
            yield attached["PolicyName"], {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        elif (found := _policy_document(view, attached["PolicyArn"])) is not None:
            yield attached["PolicyName"], found


def _not_administrator(view: View, resource: Resource) -> Outcome:
    if _is_deployer(view, resource):
        return passed("the deployer is the one administrator")
    wide = [
        name
        for name, policy in _documents(view, resource.data, "RolePolicyList")
        for entry in statements(policy)
        if entry.get("Effect") == "Allow"
        and "*" in listed(entry.get("Action"))
        and "*" in listed(entry.get("Resource"))
    ]
    return decide(not wide, "no policy allows everything", f"{', '.join(wide)} allows everything on everything")


def _trainer_cannot(view: View, resource: Resource) -> Outcome:
    function, detail = resource.data
    if detail is None:
        return failed("the role does not exist")
    forbidden = (
        "iam:PassRole",
        "iam:CreateAccessKey",
        "kms:PutKeyPolicy",
        "kms:CreateGrant",
        "s3:PutBucketPolicy",
        "ec2:RunInstances",
    )
    policies = [policy for _, policy in _documents(view, detail, "RolePolicyList")]
    caller = role_of(view.account, view.tenant.roles[function])
    may = [
        action
        for action in forbidden
        if possibly_allowed(
            policies, "identity", Question(action, f"arn:aws:iam::{view.account}:role/x", view.account, caller, {})
        )
    ]
    return decide(not may, "can neither administer nor escalate", f"its policies allow {', '.join(may)}")


def _no_users(_view: View, resource: Resource) -> Outcome:
    return failed(f"{resource.data['UserName']} is an IAM user: people and machines come through roles")


def _no_keys(view: View, resource: Resource) -> Outcome:
    row = resource.data
    active = [number for number in ("1", "2") if row[f"access_key_{number}_active"] == "true"]
    old = [
        f"key {number} is from {row[f'access_key_{number}_last_rotated']}"
        for number in active
        if _days(view, row[f"access_key_{number}_last_rotated"]) > KEY_DAYS
    ]
    return decide(not old, "no access key is old", "; ".join(old))


def _has_password(row: dict[str, str]) -> bool:
    return row["password_enabled"] in {"true", "TRUE"}


def _mfa(_view: View, resource: Resource) -> Outcome:
    row = resource.data
    needed = _has_password(row)
    return decide(
        not needed or row["mfa_active"] == "true",
        "no password without a second factor",
        "a password without a second factor",
    )


def _root_unused(view: View, resource: Resource) -> Outcome:
    row = resource.data
    keys = [number for number in ("1", "2") if row[f"access_key_{number}_active"] == "true"]
    problems = [f"root has {len(keys)} access keys"] if keys else []
    used = row.get("password_last_used", "N/A")
    if used[:1].isdigit() and _days(view, used) < UNUSED_DAYS:
        problems.append(f"root logged in on {used[:10]}")
    return judge_problems(problems, "root has no access key and was not used lately")


def _days(view: View, moment: str) -> float:
    """Days from an ISO moment to the time of collection; infinite if there is no moment."""
    if not moment[:1].isdigit():
        return float("inf")
    return (collected(view) - datetime.fromisoformat(moment.replace("Z", "+00:00"))) / timedelta(days=1)


def collected(view: View) -> datetime:
    """When the facts about principals were collected: the end of the last call."""
    ends = [fact.ended for api in (_GAAD, _REPORT) for fact in view.graph.facts(view.account, api)]
    return datetime.fromisoformat(max(ends).replace("Z", "+00:00"))


def _used_lately(view: View, resource: Resource) -> Outcome:
    made = _days(view, resource.data["CreateDate"])
    last = resource.data.get("RoleLastUsed", {}).get("LastUsedDate")
    if made < UNUSED_DAYS or resource.data["RoleName"] in {*view.tenant.roles.values(), view.scope.deployer_role}:
        return passed("new, or one of the tenant's standing roles")
    if last is None:
        return failed(f"never used since it was made {made:.0f} days before the scan")
    return decide(_days(view, last) < UNUSED_DAYS, f"last used on {last[:10]}", f"not used since {last[:10]}")


def _no_leftover(view: View, resource: Resource) -> Outcome:
    expires = tags(resource.data.get("Tags")).get(JIT_TAG)
    if expires is None:
        return passed("not a temporary role")
    return decide(
        _days(view, expires) < 0,
        f"temporary, until {expires}",
        f"temporary access expired on {expires} and is still there",
    )


def _known_role(view: View, resource: Resource) -> Outcome:
    data = resource.data
    known = {*view.tenant.roles.values(), view.scope.deployer_role}
    labelled = tags(data.get("Tags")).get("tenant") == view.name
    return decide(
        data["RoleName"] in known or labelled, "a role of the platform", "a role that the platform did not make"
    )


def _no_groups_with_power(view: View, _resource: Resource) -> Outcome:
    groups = [group["GroupName"] for group in principals(view, "GroupDetailList")]
    return decide(not groups, "no groups", f"groups: {', '.join(sorted(groups))}")


def _providers(view: View, _resource: Resource) -> Outcome:
    found = [entry["Arn"] for entry in view.items("iam:ListOpenIDConnectProviders", "OpenIDConnectProviderList")]
    found += [entry["Arn"] for entry in view.items("iam:ListSAMLProviders", "SAMLProviderList")]
    return decide(not found, "nobody from outside can log in", f"identity providers: {', '.join(sorted(found))}")


def _reconciled(view: View, _resource: Resource) -> Outcome:
    bulk = {role["Arn"] for role in principals(view, "RoleDetailList")}
    second = {role["Arn"] for role in view.items("iam:ListRoles", "Roles")}
    differing = sorted(bulk ^ second)
    return decide(
        not differing,
        f"GetAccountAuthorizationDetails and ListRoles name the same {len(bulk)} roles",
        f"only one of two listings names {', '.join(differing)}",
    )


def _password_policy(view: View, _resource: Resource) -> Outcome:
    answer = view.one("iam:GetAccountPasswordPolicy")
    people = [row for row in report(view) if row["user"] != "<root_account>" and _has_password(row)]
    if not people:
        return passed("nobody has a password")
    length = (answer or {}).get("PasswordPolicy", {}).get("MinimumPasswordLength", 0)
    return decide(
        length >= 14, "passwords are long", f"{len(people)} people have passwords of {length or 'any'} characters"
    )


def _trust_well_formed(_view: View, resource: Resource) -> Outcome:
    found = document(resource.data["AssumeRolePolicyDocument"])
    everyone = [
        s
        for s in statements(found)
        if s.get("Effect") == "Allow" and s.get("Principal") in ("*", {"AWS": "*"}) and not s.get("Condition")
    ]
    return decide(not everyone, "not everybody may assume it", "everybody may assume it")


def _rule(
    name: str,
    title: str,
    severity: Severity,
    needs: tuple[str, ...],
    population: Any,
    check: Any,
    threat: str,
    **parts: Any,
) -> Rule:
    return Rule(
        id=f"identity.{name}",
        title=title,
        severity=severity,
        about=parts.pop("about", About.TENANT),
        threat=threat,
        blind=parts.pop("blind", "Principals of other accounts; the proof follows those."),
        remediation=parts.pop(
            "remediation", "Deploy the tenant's identities again; find out in the trail who changed them."
        ),
        objectives=parts.pop("objectives", ("access.least-privilege",)),
        needs=needs,
        population=population,
        check=check,
        empty=parts.pop("empty", Rule.empty),
    )


_ESCALATE = "A role of the tenant gives itself more rights."
_STALE = ("access.review",)

RULES: tuple[Rule, ...] = (
    _rule(
        "roles-exist",
        "The roles that the tenant's file implies exist",
        Severity.MEDIUM,
        (_GAAD,),
        _tenant_roles,
        _exists,
        "People work with roles that no rule looks at.",
        objectives=("inventory.complete",),
    ),
    _rule(
        "boundary-on-roles",
        "Every role carries the tenant's permission boundary",
        Severity.HIGH,
        (_GAAD,),
        roles,
        _bounded,
        _ESCALATE,
        objectives=("isolation.identity", "access.least-privilege"),
    ),
    _rule(
        "boundary-holds",
        "The boundary stops other accounts' resources and changes to IAM",
        Severity.HIGH,
        (_GAAD,),
        the_account,
        _boundary_holds,
        _ESCALATE,
        objectives=("isolation.identity",),
    ),
    _rule(
        "trust-own-account",
        "Roles trust only their own account, the platform and AWS services",
        Severity.CRITICAL,
        (_GAAD,),
        roles,
        _trust,
        "Another tenant assumes a role of this one.",
        objectives=("isolation.identity",),
    ),
    _rule(
        "trust-not-everyone",
        "No role can be assumed by everybody",
        Severity.CRITICAL,
        (_GAAD,),
        roles,
        _trust_well_formed,
        "Anyone with an AWS account gets in.",
        objectives=("isolation.identity",),
    ),
    _rule(
        "no-confused-deputy",
        "AWS services assume roles only for this account",
        Severity.HIGH,
        (_GAAD,),
        roles,
        _deputy,
        "A service is made to act here for another account.",
        objectives=("isolation.identity",),
    ),
    _rule(
        "no-administrators",
        "No role but the deployer's allows everything",
        Severity.HIGH,
        (_GAAD,),
        roles,
        _not_administrator,
        _ESCALATE,
        objectives=("access.least-privilege", "access.separation-of-duties"),
    ),
    _rule(
        "standing-roles-limited",
        "The tenant's roles can neither administer nor escalate",
        Severity.HIGH,
        (_GAAD,),
        _tenant_roles,
        _trainer_cannot,
        _ESCALATE,
        blind="What conditions that a caller controls would still stop.",
    ),
    _rule(
        "known-roles",
        "Every role was made by the platform",
        Severity.MEDIUM,
        (_GAAD,),
        roles,
        _known_role,
        "A role that nobody knows is a back door.",
        objectives=("inventory.complete",),
    ),
    _rule(
        "no-users",
        "There are no IAM users",
        Severity.HIGH,
        (_GAAD,),
        users,
        _no_users,
        "A long-lived access key leaks.",
        about=About.BOTH,
    ),
    _rule(
        "no-groups",
        "There are no IAM groups",
        Severity.LOW,
        (_GAAD,),
        the_account,
        _no_groups_with_power,
        "Rights that nobody reviews.",
    ),
    _rule(
        "no-identity-providers",
        "No identity provider is registered in the account",
        Severity.HIGH,
        ("iam:ListOpenIDConnectProviders", "iam:ListSAMLProviders"),
        the_account,
        _providers,
        "Someone else's directory decides who gets in.",
    ),
    _rule(
        "access-keys-fresh",
        "No access key is older than 90 days",
        Severity.MEDIUM,
        (_REPORT,),
        _report_rows,
        _no_keys,
        "A key that leaked long ago still works.",
        about=About.BOTH,
        objectives=_STALE,
    ),
    _rule(
        "second-factor",
        "No password works without a second factor",
        Severity.HIGH,
        (_REPORT,),
        _report_rows,
        _mfa,
        "A guessed password is enough.",
        about=About.BOTH,
    ),
    _rule(
        "passwords-long",
        "Passwords, where there are any, are long",
        Severity.LOW,
        ("iam:GetAccountPasswordPolicy", _REPORT),
        the_account,
        _password_policy,
        "A guessed password is enough.",
        about=About.BOTH,
    ),
    _rule(
        "root-unused",
        "Root has no access key and is not used",
        Severity.HIGH,
        (_REPORT,),
        _root,
        _root_unused,
        "Nothing limits root but the SCPs.",
        about=About.BOTH,
    ),
    _rule(
        "roles-used",
        "No role lies unused",
        Severity.LOW,
        (_GAAD,),
        roles,
        _used_lately,
        "Access that nobody needs is only useful to an attacker.",
        objectives=_STALE,
        blind="Use within the last hours, which IAM reports late.",
    ),
    _rule(
        "no-leftover-access",
        "No temporary access outlives its end",
        Severity.HIGH,
        (_GAAD,),
        roles,
        _no_leftover,
        "Just-in-time access becomes standing access.",
        objectives=("access.just-in-time",),
    ),
    _rule(
        "roles-reconciled",
        "Two listings name the same roles",
        Severity.MEDIUM,
        (_GAAD, "iam:ListRoles"),
        the_account,
        _reconciled,
        "A role is missing from the population that the other rules judge.",
        objectives=("inventory.complete",),
    ),
)
