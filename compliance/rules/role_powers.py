"""What roles may do: boundaries, administrators, standing roles, roles that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems, passed
from compliance.rules.populations import listed, principals, roles, statements, tags, the_account
from compliance.rules.probe import Question, other_tenants, possibly_allowed
from compliance.rules.probe import role as role_of
from compliance.rules.view import View

DETAILS = "iam:GetAccountAuthorizationDetails"


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


def _everything(**statement: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **statement}]}


_KNOWN = {
    "arn:aws:iam::aws:policy/AdministratorAccess": _everything(Action="*"),
    "arn:aws:iam::aws:policy/PowerUserAccess": _everything(NotAction=["iam:*", "organizations:*", "account:*"]),
    "arn:aws:iam::aws:policy/IAMFullAccess": _everything(Action=["iam:*", "organizations:Describe*"]),
}
"""The gist of AWS's own policies that make administrators, for answers without their text."""


def _documents(view: View, detail: dict[str, Any], inline: str) -> Iterator[tuple[str, Any]]:
    for policy in detail.get(inline, []):
        yield policy["PolicyName"], policy["PolicyDocument"]
    for attached in detail.get("AttachedManagedPolicies", []):
        found = _policy_document(view, attached["PolicyArn"])
        if found is None:
            found = _KNOWN.get(attached["PolicyArn"])
        if found is None:
            msg = f"what the attached policy {attached['PolicyArn']} says is not in it"
            raise ValueError(msg)
        yield attached["PolicyName"], found


def _not_administrator(view: View, resource: Resource) -> Outcome:
    if _is_deployer(view, resource):
        return passed("the deployer is the one administrator")
    wide = [
        name
        for name, policy in _documents(view, resource.data, "RolePolicyList")
        for entry in statements(policy)
        if entry.get("Effect") == "Allow" and _every(entry, "Action") and _every(entry, "Resource")
    ]
    return decide(not wide, "no policy allows everything", f"{', '.join(wide)} allows everything on everything")


def _every(statement: dict[str, Any], element: str) -> bool:
    """Whether a statement is about every action or resource, or all but some."""
    return f"Not{element}" in statement or any(set(str(one)) <= {"*", ":"} for one in listed(statement.get(element)))


def _reached(policies: list[Any], account: str) -> list[str]:
    """An ARN for each resource that the policies' Allow statements speak of, and a role."""
    patterns = [
        str(one)
        for policy in policies
        for statement in statements(policy)
        if statement["Effect"] == "Allow"
        for one in listed(statement.get("Resource"))
    ]
    examples = [one.replace("*", "x").replace("?", "x") for one in patterns if one.count(":") > 4]
    return list(dict.fromkeys([f"arn:aws:iam::{account}:role/x", *examples]))


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
        if any(
            possibly_allowed(policies, "identity", Question(action, resource_, view.account, caller, {}))
            for resource_ in _reached(policies, view.account)
        )
    ]
    return decide(not may, "can neither administer nor escalate", f"its policies allow {', '.join(may)}")


def _known_role(view: View, resource: Resource) -> Outcome:
    data = resource.data
    known = {*view.tenant.roles.values(), view.scope.deployer_role}
    labelled = tags(data.get("Tags")).get("tenant") == view.name
    return decide(
        data["RoleName"] in known or labelled, "a role of the platform", "a role that the platform did not make"
    )


def _reconciled(view: View, _resource: Resource) -> Outcome:
    bulk = {role["Arn"] for role in principals(view, "RoleDetailList")}
    second = {role["Arn"] for role in view.items("iam:ListRoles", "Roles")}
    differing = sorted(bulk ^ second)
    return decide(
        not differing,
        f"GetAccountAuthorizationDetails and ListRoles name the same {len(bulk)} roles",
        f"only one of two listings names {', '.join(differing)}",
    )


def identity_rule(
    name: str,
    title: str,
    severity: Severity,
    needs: tuple[str, ...],
    population: Any,
    check: Any,
    threat: str,
    **parts: Any,
) -> Rule:
    """A rule about principals."""
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

RULES: tuple[Rule, ...] = (
    identity_rule(
        "roles-exist",
        "The roles that the tenant's file implies exist",
        Severity.MEDIUM,
        (DETAILS,),
        _tenant_roles,
        _exists,
        "People work with roles that no rule looks at.",
        objectives=("inventory.complete",),
    ),
    identity_rule(
        "boundary-on-roles",
        "Every role carries the tenant's permission boundary",
        Severity.HIGH,
        (DETAILS,),
        roles,
        _bounded,
        _ESCALATE,
        objectives=("isolation.identity", "access.least-privilege"),
    ),
    identity_rule(
        "boundary-holds",
        "The boundary stops other accounts' resources and changes to IAM",
        Severity.HIGH,
        (DETAILS,),
        the_account,
        _boundary_holds,
        _ESCALATE,
        objectives=("isolation.identity",),
    ),
    identity_rule(
        "no-administrators",
        "No role but the deployer's allows everything",
        Severity.HIGH,
        (DETAILS,),
        roles,
        _not_administrator,
        _ESCALATE,
        objectives=("access.least-privilege", "access.separation-of-duties"),
    ),
    identity_rule(
        "standing-roles-limited",
        "The tenant's roles can neither administer nor escalate",
        Severity.HIGH,
        (DETAILS,),
        _tenant_roles,
        _trainer_cannot,
        _ESCALATE,
        blind="What conditions that a caller controls would still stop.",
    ),
    identity_rule(
        "known-roles",
        "Every role was made by the platform",
        Severity.MEDIUM,
        (DETAILS,),
        roles,
        _known_role,
        "A role that nobody knows is a back door.",
        objectives=("inventory.complete",),
    ),
    identity_rule(
        "roles-reconciled",
        "Two listings name the same roles",
        Severity.MEDIUM,
        (DETAILS, "iam:ListRoles"),
        the_account,
        _reconciled,
        "A role is missing from the population that the other rules judge.",
        objectives=("inventory.complete",),
    ),
)
