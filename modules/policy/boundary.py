"""Identity lock, inside the account: the permission boundary that every role of a tenant carries."""

from __future__ import annotations

from modules.policy.conditions import foreign_resource
from modules.policy.scope import Document, Statement, TenantScope, document


def permission_boundary(scope: TenantScope) -> Document:
    """The boundary of the tenant's roles: what they can be allowed at most."""
    return document(
        allow_work_in_own_account(scope), deny_resources_of_other_accounts(scope), deny_administration_of_identities()
    )


def allow_work_in_own_account(scope: TenantScope) -> Statement:
    """What roles of a tenant may be allowed at all: training, sealing and looking."""
    return {
        "Sid": "AllowWorkInOwnAccount",
        "Effect": "Allow",
        "Action": [
            "access-analyzer:Get*",
            "access-analyzer:List*",
            "autoscaling:Describe*",
            "budgets:Describe*",
            "budgets:View*",
            "cloudtrail:Describe*",
            "cloudtrail:Get*",
            "cloudtrail:List*",
            "cloudtrail:LookupEvents",
            "cloudwatch:*",
            "config:Describe*",
            "ec2:Describe*",
            "ec2:Get*",
            "ecr:Describe*",
            "ecr:Get*",
            "ecr:List*",
            "events:Describe*",
            "events:List*",
            "guardduty:Get*",
            "guardduty:List*",
            "iam:GenerateCredentialReport",
            "iam:Get*",
            "iam:List*",
            "kms:*",
            "lambda:Get*",
            "lambda:List*",
            "logs:*",
            "ram:Get*",
            "ram:List*",
            "s3:*",
            "secretsmanager:Describe*",
            "secretsmanager:GetResourcePolicy",
            "secretsmanager:List*",
            "servicequotas:Get*",
            "servicequotas:List*",
            "sns:Get*",
            "sns:List*",
            "sqs:Get*",
            "sqs:List*",
            "ssm:DescribeDocumentPermission",
            "ssm:ListDocuments",
            "sts:GetCallerIdentity",
            "tag:Get*",
        ],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": scope.account_id}},
    }


def deny_resources_of_other_accounts(scope: TenantScope) -> Statement:
    """Stops a role from acting on another account's resources even where the organisation's policy is gone."""
    return {
        "Sid": "DenyResourcesOfOtherAccounts",
        "Effect": "Deny",
        # Requests to EventBridge lack aws:ResourceAccount; these read, and the organisation's policy tells whose.
        "NotAction": ["events:Describe*", "events:List*"],
        "Resource": "*",
        "Condition": foreign_resource(scope.account_id),
    }


def deny_administration_of_identities() -> Statement:
    """Stops escalation: a role of the tenant neither makes nor changes identities, nor hands one to a machine."""
    return {
        "Sid": "DenyAdministrationOfIdentities",
        "Effect": "Deny",
        "Action": [
            "iam:Add*",
            "iam:Attach*",
            "iam:Create*",
            "iam:Delete*",
            "iam:Detach*",
            "iam:PassRole",
            "iam:Put*",
            "iam:Remove*",
            "iam:Set*",
            "iam:Tag*",
            "iam:Untag*",
            "iam:Update*",
            "sts:AssumeRole",
            "organizations:*",
        ],
        "Resource": "*",
    }
