"""Planned organisations, roles and policies, as the answers of the APIs that will describe them."""

from __future__ import annotations

import json
from typing import Any, Final

from compliance.estate.planned_answers import Answers, ById, Translate, blocks, named, tags_list
from compliance.estate.terraform import Planned


def _organization(answers: Answers, resource: Planned, _: ById) -> None:
    answers.about(resource, "organizations:DescribeOrganization")["Organization"] = {
        "MasterAccountId": resource.account
    }
    _full_access(answers, resource, resource.id)


def _full_access(answers: Answers, resource: Planned, target: str) -> None:
    """AWS attaches FullAWSAccess to every root, unit and account by itself."""
    allow_all = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    summary = {"Id": "p-FullAWSAccess", "Name": "FullAWSAccess", "Type": "SERVICE_CONTROL_POLICY"}
    described = answers.about(resource, "organizations:DescribePolicy", "p-FullAWSAccess", PolicyId="p-FullAWSAccess")
    described["Policy"] = {"PolicySummary": summary, "Content": json.dumps(allow_all)}
    answers.lists(
        resource, "organizations:ListTargetsForPolicy", "Targets", {"TargetId": target}, "p-FullAWSAccess",
        PolicyId="p-FullAWSAccess",
    )  # fmt: skip


def _unit(answers: Answers, resource: Planned, _: ById) -> None:
    parent = str(resource.values.get("parent_id"))
    answers.lists(
        resource, "organizations:ListOrganizationalUnitsForParent", "OrganizationalUnits",
        {"Id": resource.id, "Name": resource.values.get("name")}, parent, ParentId=parent,
    )  # fmt: skip
    _full_access(answers, resource, resource.id)


def _account(answers: Answers, resource: Planned, _: ById) -> None:
    tenant = (resource.values.get("tags") or {}).get("tenant", "")
    known = next((t.account for t in answers.scope.tenants if t.id == tenant), "")
    account = str(resource.values.get("id") or known or answers.scope.audit_account)
    parent = str(resource.values.get("parent_id"))
    answers.lists(resource, "organizations:ListAccountsForParent", "Accounts", {"Id": account}, parent, ParentId=parent)
    _full_access(answers, resource, account)
    role = resource.values.get("role_name") or answers.scope.deployer_role
    root = f"arn:aws:iam::{answers.scope.management_account}:root"
    _role_entry(answers, account, resource.region, str(role))["AssumeRolePolicyDocument"] = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": root}},
    }


def _organization_policy(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "content", "data"):
        summary = {"Id": resource.id, "Name": resource.values.get("name"), "Type": resource.values.get("type")}
        answer = answers.about(resource, "organizations:DescribePolicy", resource.id, PolicyId=resource.id)
        answer["Policy"] = {"PolicySummary": summary, "Content": resource.values["content"]}


def _attachment(answers: Answers, resource: Planned, by_id: ById) -> None:
    policy, target = str(resource.values.get("policy_id")), str(resource.values.get("target_id"))
    unit = by_id.get(target)
    if unit is not None and unit.type == "aws_organizations_account":
        tenant = (unit.values.get("tags") or {}).get("tenant", "")
        target = next((t.account for t in answers.scope.tenants if t.id == tenant), target)
    answers.lists(
        resource, "organizations:ListTargetsForPolicy", "Targets", {"TargetId": target}, policy, PolicyId=policy
    )


def _details(answers: Answers, account: str, region: str) -> dict[str, Any]:
    return answers.at(account, region, "iam:GetAccountAuthorizationDetails")


def _role_entry(answers: Answers, account: str, region: str, name: str) -> dict[str, Any]:
    roles: list[dict[str, Any]] = _details(answers, account, region).setdefault("RoleDetailList", [])
    for role in roles:
        if role["RoleName"] == name:
            return role
    entry: dict[str, Any] = {
        "RoleName": name,
        "Arn": f"arn:aws:iam::{account}:role/{name}",
        "RolePolicyList": [],
        "AttachedManagedPolicies": [],
    }
    roles.append(entry)
    return entry


def _policy_arn(resource: Planned, by_id: ById, attribute: str) -> str:
    value = str(resource.values.get(attribute, ""))
    target = by_id.get(value)
    return f"arn:aws:iam::{resource.account}:policy/{target.values.get('name')}" if target is not None else value


def _role(answers: Answers, resource: Planned, by_id: ById) -> None:
    entry = _role_entry(answers, resource.account, resource.region, str(resource.values["name"]))
    path = str(resource.values.get("path") or "/")
    entry["Arn"] = f"arn:aws:iam::{resource.account}:role{path}{resource.values['name']}"
    entry["Tags"] = tags_list(resource)
    if answers.needs(resource, "assume_role_policy", "role"):
        entry["AssumeRolePolicyDocument"] = resource.values["assume_role_policy"]
    if resource.values.get("permissions_boundary"):
        arn = _policy_arn(resource, by_id, "permissions_boundary")
        entry["PermissionsBoundary"] = {"PermissionsBoundaryArn": arn}
    for policy in blocks(resource, "inline_policy"):
        if policy.get("policy"):
            entry["RolePolicyList"].append(
                {"PolicyName": policy.get("name", "inline"), "PolicyDocument": policy["policy"]}
            )


def _role_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    if answers.needs(resource, "policy", "role"):
        entry = _role_entry(answers, resource.account, resource.region, named(resource, by_id, "role"))
        name = resource.values.get("name") or resource.address
        entry["RolePolicyList"].append({"PolicyName": name, "PolicyDocument": resource.values["policy"]})


def _role_attachment(answers: Answers, resource: Planned, by_id: ById) -> None:
    arn = _policy_arn(resource, by_id, "policy_arn")
    entry = _role_entry(answers, resource.account, resource.region, named(resource, by_id, "role"))
    entry["AttachedManagedPolicies"].append({"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn})


def _managed_policy(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "policy", "role"):
        arn = f"arn:aws:iam::{resource.account}:policy/{resource.values.get('name')}"
        version = {"Document": resource.values["policy"], "IsDefaultVersion": True}
        found = _details(answers, resource.account, resource.region).setdefault("Policies", [])
        found.append({"PolicyName": resource.values.get("name"), "Arn": arn, "PolicyVersionList": [version]})


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_organizations_organization": _organization,
    "aws_organizations_organizational_unit": _unit,
    "aws_organizations_account": _account,
    "aws_organizations_policy": _organization_policy,
    "aws_organizations_policy_attachment": _attachment,
    "aws_iam_role": _role,
    "aws_iam_role_policy": _role_policy,
    "aws_iam_role_policy_attachment": _role_attachment,
    "aws_iam_policy": _managed_policy,
}
