"""Breaks of the perimeter, of identity and of doors between accounts."""

from __future__ import annotations

import json

from tests.compliance.rules.breaks.common import (
    ANYONE,
    GUEST,
    Break,
    add,
    entry,
    member,
    organisation_policy,
    put,
    role,
    tenant,
)
from tests.compliance.world import (
    ACME,
    GLOBEX,
    MANAGEMENT,
    RCP_DOCUMENT,
    REGION,
    SCP_DOCUMENT,
    World,
    arn,
    policy,
    trust,
)


def _scp_without(*actions: str) -> Break:
    document = json.loads(SCP_DOCUMENT)
    guarded = document["Statement"][1]
    guarded["Action"] = [action for action in guarded["Action"] if action not in actions]
    return organisation_policy("SERVICE", json.dumps(document))


def _moved(world: World) -> None:
    members = "organizations:ListAccountsForParent"
    world.put(MANAGEMENT, members, {"Accounts": [{"Id": GLOBEX}]}, ParentId="ou-t")
    world.put(MANAGEMENT, members, {"Accounts": [{"Id": ACME}]}, ParentId="r-1")


def _rcp_with_exception(world: World) -> None:
    document = json.loads(RCP_DOCUMENT)
    document["Statement"][0]["Condition"]["StringNotEqualsIfExists"]["aws:PrincipalAccount"].append(GLOBEX)
    organisation_policy("RESOURCE", json.dumps(document))(world)


def _rcp_not_enabled(world: World) -> None:
    world.get(MANAGEMENT, "organizations:ListRoots")["Roots"][0]["PolicyTypes"].pop()


BOUNDARY = f"arn:aws:iam::{ACME}:policy/bh-acme-boundary"


def _open_boundary(world: World) -> None:
    policies = world.get(ACME, "iam:GetAccountAuthorizationDetails")["Policies"]
    document = json.loads(policy({"Effect": "Allow", "Action": "*", "Resource": "*"}))
    policies[0]["PolicyVersionList"] = [{"Document": document, "VersionId": "v2", "IsDefaultVersion": True}]


def _user(world: World) -> None:
    user = {"UserName": "ada", "Arn": f"arn:aws:iam::{ACME}:user/ada", "CreateDate": "2026-01-01T00:00:00.000Z"}
    world.get(ACME, "iam:GetAccountAuthorizationDetails")["UserDetailList"].append(user)


def _report_row(row: str) -> Break:
    def apply(world: World) -> None:
        held = world.get(ACME, "iam:GetCredentialReport")
        held["Content"] = held["Content"] + row + "\n"

    return apply


def _root_with_key(world: World) -> None:
    held = world.get(ACME, "iam:GetCredentialReport")
    held["Content"] = held["Content"].replace("false,false,N/A", "false,true,2026-01-01T00:00:00+00:00")


def _guest_document() -> dict:
    document = trust(root=ACME)
    document["Statement"].append({"Effect": "Allow", "Principal": {"AWS": GLOBEX}, "Action": "sts:AssumeRole"})
    return document


def _everyone() -> dict:
    document = trust(root=ACME)
    document["Statement"][0]["Principal"] = {"AWS": "*"}
    return document


def _role_missing(world: World) -> None:
    world.get(ACME, "iam:GetAccountAuthorizationDetails")["RoleDetailList"].pop(0)


OLD = "2024-01-01T00:00:00.000Z"
POWER = {"PolicyName": "all", "PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}
GRANTS = {
    "PolicyName": "g",
    "PolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*"}],
    },
}
EXPIRED = [{"Key": "tenant", "Value": "acme"}, {"Key": "expires", "Value": "2026-02-01T00:00:00Z"}]

BREAKS: dict[str, Break] = {
    "perimeter.account-per-tenant": tenant(account=GLOBEX),
    "perimeter.account-in-unit": _moved,
    "perimeter.scp-no-foreign-resources": organisation_policy(
        "SERVICE", json.dumps({"Version": "2012-10-17", "Statement": json.loads(SCP_DOCUMENT)["Statement"][1:]})
    ),
    "perimeter.scp-stays-in-organisation": _scp_without("organizations:LeaveOrganization"),
    "perimeter.scp-no-network-openings": _scp_without("ec2:CreateVpcPeeringConnection"),
    "perimeter.scp-audit-stays-on": _scp_without("cloudtrail:StopLogging"),
    "perimeter.scp-no-sharing": _scp_without("ec2:ModifySnapshotAttribute"),
    "perimeter.scp-key-policies-stay": _scp_without("kms:PutKeyPolicy"),
    "perimeter.rcp-no-strangers": put(
        "organizations:ListTargetsForPolicy", {"Targets": []}, MANAGEMENT, PolicyId="p-RESOURCE"
    ),
    "perimeter.rcp-no-other-tenants": _rcp_with_exception,
    "perimeter.organisation-features": _rcp_not_enabled,
    "perimeter.known-accounts": add(
        "organizations:ListAccounts", "Accounts", {"Id": "999999999999", "Status": "ACTIVE"}, MANAGEMENT
    ),
    "perimeter.policies-parametric": organisation_policy("RESOURCE", RCP_DOCUMENT.replace("sts:AssumeRole", ACME)),
    "identity.roles-exist": _role_missing,
    "identity.boundary-on-roles": role({"PermissionsBoundary": {}}),
    "identity.boundary-holds": _open_boundary,
    "identity.trust-own-account": role({"AssumeRolePolicyDocument": _guest_document()}, 1),
    "identity.trust-not-everyone": role({"AssumeRolePolicyDocument": _everyone()}, 1),
    "identity.no-confused-deputy": role({"AssumeRolePolicyDocument": trust(service="events.amazonaws.com")}),
    "identity.no-administrators": role({"RolePolicyList": [POWER]}),
    "identity.standing-roles-limited": role({"RolePolicyList": [GRANTS]}),
    "identity.known-roles": role({"RoleName": "back-door", "Tags": []}, 2),
    "identity.no-users": _user,
    "identity.no-groups": lambda world: world.get(ACME, "iam:GetAccountAuthorizationDetails")["GroupDetailList"].append(
        {"GroupName": "staff", "Arn": f"arn:aws:iam::{ACME}:group/staff"}
    ),
    "identity.no-identity-providers": put(
        "iam:ListSAMLProviders", {"SAMLProviderList": [{"Arn": f"arn:aws:iam::{ACME}:saml-provider/x"}]}
    ),
    "identity.access-keys-fresh": _report_row(
        f"ada,arn:aws:iam::{ACME}:user/ada,false,N/A,false,true,2025-01-01T00:00:00+00:00,false,N/A"
    ),
    "identity.second-factor": _report_row(
        f"ada,arn:aws:iam::{ACME}:user/ada,true,2026-01-01T00:00:00+00:00,false,false,N/A,false,N/A"
    ),
    "identity.passwords-long": _report_row(
        f"ada,arn:aws:iam::{ACME}:user/ada,true,2026-01-01T00:00:00+00:00,true,false,N/A,false,N/A"
    ),
    "identity.root-unused": _root_with_key,
    "identity.roles-used": role({"RoleName": "old", "CreateDate": OLD, "RoleLastUsed": {"LastUsedDate": OLD}}, 1),
    "identity.no-leftover-access": role({"Tags": EXPIRED}, 1),
    "identity.roles-reconciled": add("iam:ListRoles", "Roles", {"Arn": f"arn:aws:iam::{ACME}:role/hidden"}),
    "sharing.endpoint-policy": entry("ec2:DescribeVpcEndpoints", "VpcEndpoints", {"PolicyDocument": policy(ANYONE)}),
    "sharing.endpoint-own-principals": entry(
        "ec2:DescribeVpcEndpoints",
        "VpcEndpoints",
        {"PolicyDocument": policy({**ANYONE, "Condition": {"StringEquals": {"aws:ResourceAccount": ACME}}})},
    ),
    "sharing.endpoint-own-resources": entry(
        "ec2:DescribeVpcEndpoints",
        "VpcEndpoints",
        {"PolicyDocument": policy({**ANYONE, "Condition": {"StringEquals": {"aws:PrincipalAccount": ACME}}})},
    ),
    "sharing.endpoint-aws-only": entry(
        "ec2:DescribeVpcEndpoints", "VpcEndpoints", {"ServiceName": "com.amazonaws-evil.vpce-svc-1"}
    ),
    "sharing.endpoint-private-dns": entry("ec2:DescribeVpcEndpoints", "VpcEndpoints", {"PrivateDnsEnabled": False}, 1),
    "sharing.no-endpoint-services": add(
        "ec2:DescribeVpcEndpointServiceConfigurations", "ServiceConfigurations", {"ServiceId": "vpce-svc-1"}
    ),
    "sharing.nothing-shared": add(
        "ram:GetResourceShares", "resourceShares", {"name": "net", "status": "ACTIVE"}, resourceOwner="SELF"
    ),
    "sharing.nothing-received": add(
        "ram:GetResourceShares",
        "resourceShares",
        {"name": "net", "status": "ACTIVE", "owningAccountId": GLOBEX},
        resourceOwner="OTHER-ACCOUNTS",
    ),
    "sharing.snapshots-private": add(
        "ec2:DescribeSnapshotAttribute",
        "CreateVolumePermissions",
        {"UserId": GLOBEX},
        SnapshotId="snap-acme",
        Attribute="createVolumePermission",
    ),
    "sharing.images-private": add(
        "ec2:DescribeImageAttribute",
        "LaunchPermissions",
        {"Group": "all"},
        ImageId="ami-acme",
        Attribute="launchPermission",
    ),
    "sharing.log-subscriptions": add(
        "logs:DescribeSubscriptionFilters",
        "subscriptionFilters",
        {"destinationArn": arn("logs", GLOBEX, "destination:out")},
        logGroupName="/bh/acme/ledger",
    ),
    "sharing.log-policies": add(
        "logs:DescribeResourcePolicies", "resourcePolicies", {"policyName": "in", "policyDocument": policy(GUEST)}
    ),
    "sharing.documents-private": add(
        "ssm:DescribeDocumentPermission", "AccountIds", GLOBEX, Name="runbook", PermissionType="Share"
    ),
    "sharing.topics": put(
        "sns:GetTopicAttributes", {"Attributes": {"Policy": policy(GUEST)}}, TopicArn=arn("sns", ACME, "topic")
    ),
    "sharing.queues": put(
        "sqs:GetQueueAttributes",
        {"Attributes": {"Policy": policy(GUEST)}},
        QueueUrl=f"https://sqs.{REGION}.amazonaws.com/{ACME}/queue",
        AttributeNames=["All"],
    ),
    "sharing.repositories": put("ecr:GetRepositoryPolicy", {"policyText": policy(GUEST)}, repositoryName="images"),
    "sharing.functions": put("lambda:GetPolicy", {"Policy": policy(GUEST)}, FunctionName="contain"),
    "sharing.secrets": member(
        "secretsmanager:GetResourcePolicy",
        {"ResourcePolicy": policy(GUEST)},
        SecretId=arn("secretsmanager", ACME, "secret:one"),
    ),
    "sharing.event-buses": member("events:DescribeEventBus", {"Policy": policy(GUEST)}, Name="default"),
}
