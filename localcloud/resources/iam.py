"""AWS IAM: names in parameters to ARNs with their paths, and the condition keys of IAM.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Identity and Access
Management".
"""

from __future__ import annotations

from typing import Any

from localcloud.access import Access, ContextValue
from localcloud.identity import Caller
from localcloud.operation import Operation
from localcloud.resources import passed_roles
from localcloud.resources.template import account_in, request_tags

# Operations on all resources of the account, whatever their parameters.
_NO_RESOURCE = frozenset(
    {
        "GetAccountAuthorizationDetails", "GetAccountSummary", "ListAccountAliases", "ListGroups", "ListPolicies",
        "ListRoles", "ListUsers", "ListInstanceProfiles", "GetCredentialReport", "GenerateCredentialReport",
        "GetAccountPasswordPolicy", "UpdateAccountPasswordPolicy", "DeleteAccountPasswordPolicy", "CreateAccountAlias",
        "DeleteAccountAlias",
    }
)  # fmt: skip


def accesses(operation: Operation, caller: Caller, _region: str) -> tuple[Access, ...]:
    """The accesses of an IAM operation."""
    action = f"iam:{operation.name}"
    context = {**request_tags(operation), **_context(operation, caller)}
    if operation.name in _NO_RESOURCE:
        return (Access(action, "*", caller.account, context),)
    found = tuple(Access(action, arn, account_in(arn, caller.account), context) for arn in _arns(operation, caller))
    if not found:
        found = (Access(action, "*", caller.account, context),)
    if operation.name == "AddRoleToInstanceProfile":
        role = _named("role", operation.text("RoleName"), caller)
        return (*found, passed_roles.passing(role, "ec2.amazonaws.com", caller))
    return found


def _arns(operation: Operation, caller: Caller) -> list[str]:
    path = operation.text("Path") or "/"
    name = operation.name
    if name == "CreatePolicy":
        return [f"arn:aws:iam::{caller.account}:policy{path}{operation.text('PolicyName')}"]
    if name == "CreateServiceLinkedRole":
        service = operation.text("AWSServiceName")
        return [f"arn:aws:iam::{caller.account}:role/aws-service-role/{service}/*"]
    # An attachment is authorised on the identity; the policy is a condition key.
    for kind, parameter in (
        ("instance-profile", "InstanceProfileName"),
        ("role", "RoleName"),
        ("user", "UserName"),
        ("group", "GroupName"),
    ):
        value = operation.text(parameter)
        if value:
            create = name in {"CreateRole", "CreateUser", "CreateGroup", "CreateInstanceProfile"}
            return [f"arn:aws:iam::{caller.account}:{kind}{path}{value}" if create else _named(kind, value, caller)]
    for parameter in ("PolicyArn", "OpenIDConnectProviderArn", "SAMLProviderArn", "Arn", "PolicySourceArn"):
        if operation.text(parameter).startswith("arn:"):
            return [operation.text(parameter)]
    if name in {"CreateAccessKey", "ListAccessKeys", "GetUser", "DeleteAccessKey", "UpdateAccessKey"}:
        return [caller.arn]
    return []


def _named(kind: str, name: str, caller: Caller) -> str:
    """The ARN of a role, user, group or instance profile by name, with the path it has."""
    record = _record(kind, name, caller)
    return str(record.arn) if record is not None else f"arn:aws:iam::{caller.account}:{kind}/{name}"


def _record(kind: str, name: str, caller: Caller) -> Any:
    from moto.iam.models import iam_backends  # noqa: PLC0415

    backend = iam_backends[caller.account]["aws"]
    if kind == "user":
        return backend.users.get(name)
    if kind == "group":
        return backend.groups.get(name)
    records: Any = backend.roles if kind == "role" else backend.instance_profiles
    return next((record for record in records.values() if record.name == name), None)


def _context(operation: Operation, caller: Caller) -> dict[str, ContextValue]:
    found: dict[str, ContextValue] = {}
    if operation.text("PolicyArn") and operation.name.startswith(("Attach", "Detach")):
        found["iam:PolicyARN"] = operation.text("PolicyArn")
    boundary = operation.text("PermissionsBoundary") or _existing_boundary(operation, caller)
    if boundary:
        found["iam:PermissionsBoundary"] = boundary
    if operation.text("AWSServiceName"):
        found["iam:AWSServiceName"] = operation.text("AWSServiceName")
    return found


def _existing_boundary(operation: Operation, caller: Caller) -> str:
    """The boundary of the role or user that the operation changes: the key is about what is there after it."""
    from localcloud.deployed.identities import BOUNDARY  # noqa: PLC0415 - the module reads this one's neighbours

    for kind, parameter in (("role", "RoleName"), ("user", "UserName")):
        if operation.text(parameter):
            record = _record(kind, operation.text(parameter), caller)
            if record is not None:
                arn = getattr(record, "permissions_boundary_arn", None) or vars(record).get(BOUNDARY)
                return str(arn or "")
    return ""
