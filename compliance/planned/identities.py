"""Planned roles, users and policies of IAM, and the organisation with its units, accounts and policies."""

from __future__ import annotations

from typing import Any, Final

from compliance.estate.planned_arns import arn_of
from compliance.estate.terraform import Planned
from compliance.planned.answers import Shown, Translate
from compliance.planned.values import block, blocks, tags

_DETAILS: Final = "iam:GetAccountAuthorizationDetails"


def _target(shown: Shown, resource: Planned, attribute: str) -> str:
    """The ARN of what an attribute refers to."""
    value = str(resource.values.get(attribute) or "")
    found = shown.by_id.get(value)
    return arn_of(found) if found is not None else value


def _name(shown: Shown, resource: Planned, attribute: str) -> str:
    value = str(resource.values.get(attribute) or "")
    found = shown.by_id.get(value)
    return str(found.values.get("name")) if found is not None else value


def _role(shown: Shown, resource: Planned) -> None:
    values, name = resource.values, str(resource.values.get("name"))
    entry: dict[str, Any] = {
        "RoleName": name,
        "Arn": arn_of(resource),
        "Path": str(values.get("path") or "/"),
        "AssumeRolePolicyDocument": values.get("assume_role_policy"),
        "RolePolicyList": [
            {"PolicyName": held.get("name"), "PolicyDocument": held["policy"]}
            for held in blocks(values, "inline_policy")
            if held.get("policy")
        ],
        "AttachedManagedPolicies": [_attached(arn) for arn in values.get("managed_policy_arns") or ()],
        "Tags": tags(resource),
    }
    if values.get("permissions_boundary"):
        arn = _target(shown, resource, "permissions_boundary")
        entry["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    shown.add(resource, _DETAILS, "RoleDetailList", entry)
    shown.about(arn_of(resource), resource)


def _attached(arn: str) -> dict[str, str]:
    return {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}


def _role_policy(shown: Shown, resource: Planned) -> None:
    held = {"PolicyName": resource.values.get("name"), "PolicyDocument": resource.values.get("policy")}
    _into_role(shown, resource, "RolePolicyList", held)


def _role_attachment(shown: Shown, resource: Planned) -> None:
    _into_role(shown, resource, "AttachedManagedPolicies", _attached(_target(shown, resource, "policy_arn")))


def _into_role(shown: Shown, resource: Planned, member: str, item: dict[str, Any]) -> None:
    """Adds to the role that the resource names; a role that is not planned here gets an entry of its own."""
    name = _name(shown, resource, "role")
    details = shown.found((resource.account, resource.region), _DETAILS)
    entry = next((role for role in details.get("RoleDetailList", []) if role["RoleName"] == name), None)
    arn = f"arn:aws:iam::{resource.account}:role/{name}" if entry is None else entry["Arn"]
    if entry is None:
        empty: dict[str, Any] = {"Statement": []}
        entry = {"RoleName": name, "Arn": arn, "AssumeRolePolicyDocument": empty, "Tags": []}
        shown.add(resource, _DETAILS, "RoleDetailList", entry)
    shown.put(resource, _DETAILS, {})
    entry.setdefault(member, []).append(item)
    shown.about(arn, resource)


def _managed(shown: Shown, resource: Planned) -> None:
    version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": resource.values.get("policy")}
    held = {"PolicyName": resource.values.get("name"), "Arn": arn_of(resource), "PolicyVersionList": [version]}
    shown.add(resource, _DETAILS, "Policies", held)


def _user(shown: Shown, resource: Planned) -> None:
    name = str(resource.values.get("name"))
    arn = f"arn:aws:iam::{resource.account}:user/{name}"
    shown.add(resource, _DETAILS, "UserDetailList", {"UserName": name, "Arn": arn, "Tags": tags(resource)})
    shown.about(arn, resource)


def _group(shown: Shown, resource: Planned) -> None:
    name = str(resource.values.get("name"))
    arn = f"arn:aws:iam::{resource.account}:group/{name}"
    shown.add(resource, _DETAILS, "GroupDetailList", {"GroupName": name, "Arn": arn})


def _provider(api: str, member: str) -> Translate:
    def translate(shown: Shown, resource: Planned) -> None:
        name = resource.values.get("url") or resource.values.get("name")
        shown.add(resource, api, member, {"Arn": f"arn:aws:iam::{resource.account}:provider/{name}"})

    return translate


def _organization(shown: Shown, resource: Planned) -> None:
    values = resource.values
    described = {
        "Id": resource.id,
        "MasterAccountId": resource.account,
        "FeatureSet": values.get("feature_set") or "ALL",
    }
    shown.put(resource, "organizations:DescribeOrganization", {"Organization": described})
    kinds = [{"Type": kind, "Status": "ENABLED"} for kind in values.get("enabled_policy_types") or ()]
    top = str(block(values, "roots").get("id") or resource.id)
    root = {"Id": top, "Name": "Root", "PolicyTypes": kinds}
    shown.add(resource, "organizations:ListRoots", "Roots", root)
    own = {"Id": resource.account, "Name": "management", "Status": "ACTIVE"}
    shown.add(resource, "organizations:ListAccounts", "Accounts", own)
    for api, member in (
        ("ListOrganizationalUnitsForParent", "OrganizationalUnits"),
        ("ListAccountsForParent", "Accounts"),
    ):
        shown.default((resource.account, resource.region), f"organizations:{api}", {member: []}, ParentId=top)
    for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
        shown.default((resource.account, resource.region), "organizations:ListPolicies", {"Policies": []}, Filter=kind)


def _unit(shown: Shown, resource: Planned) -> None:
    parent = str(resource.values.get("parent_id"))
    item = {"Id": resource.id, "Name": resource.values.get("name")}
    shown.add(resource, "organizations:ListOrganizationalUnitsForParent", "OrganizationalUnits", item, ParentId=parent)
    for api, member in (
        ("ListOrganizationalUnitsForParent", "OrganizationalUnits"),
        ("ListAccountsForParent", "Accounts"),
    ):
        place = (resource.account, resource.region)
        shown.default(place, f"organizations:{api}", {member: []}, ParentId=resource.id)


def account_of(shown: Shown, resource: Planned) -> str:
    """The number of a planned account: as known, else that of the tenant that its tags name, else the audit's."""
    tenant = (resource.values.get("tags_all") or resource.values.get("tags") or {}).get("tenant", "")
    known = {one.id: one.account for one in shown.scope.tenants} | {"platform": shown.scope.audit_account}
    return str(resource.values.get("id") or known.get(tenant) or resource.id)


def _account(shown: Shown, resource: Planned) -> None:
    number = account_of(shown, resource)
    item = {"Id": number, "Name": resource.values.get("name"), "Status": "ACTIVE"}
    shown.add(resource, "organizations:ListAccounts", "Accounts", item)
    parent = str(resource.values.get("parent_id"))
    shown.add(resource, "organizations:ListAccountsForParent", "Accounts", item, ParentId=parent)
    shown.about(f"arn:aws:iam::{number}:root", resource)


def _policy(shown: Shown, resource: Planned) -> None:
    values = resource.values
    kind = str(values.get("type") or "SERVICE_CONTROL_POLICY")
    summary = {"Id": resource.id, "Name": values.get("name"), "Type": kind, "AwsManaged": False}
    shown.add(resource, "organizations:ListPolicies", "Policies", summary, Filter=kind)
    described = {"Policy": {"PolicySummary": summary, "Content": values.get("content")}}
    shown.put(resource, "organizations:DescribePolicy", described, PolicyId=resource.id)
    place = (resource.account, resource.region)
    shown.default(place, "organizations:ListTargetsForPolicy", {"Targets": []}, PolicyId=resource.id)


def _attachment(shown: Shown, resource: Planned) -> None:
    target = str(resource.values.get("target_id"))
    found = shown.by_id.get(target)
    if found is not None and found.type == "aws_organizations_account":
        target = account_of(shown, found)
    policy = str(resource.values.get("policy_id"))
    shown.add(resource, "organizations:ListTargetsForPolicy", "Targets", {"TargetId": target}, PolicyId=policy)


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_iam_role": _role,
    "aws_iam_role_policy": _role_policy,
    "aws_iam_role_policy_attachment": _role_attachment,
    "aws_iam_policy": _managed,
    "aws_iam_user": _user,
    "aws_iam_group": _group,
    "aws_iam_openid_connect_provider": _provider("iam:ListOpenIDConnectProviders", "OpenIDConnectProviderList"),
    "aws_iam_saml_provider": _provider("iam:ListSAMLProviders", "SAMLProviderList"),
    "aws_organizations_organization": _organization,
    "aws_organizations_organizational_unit": _unit,
    "aws_organizations_account": _account,
    "aws_organizations_policy": _policy,
    "aws_organizations_policy_attachment": _attachment,
}
