"""Resource lock, of the whole unit: who may not reach a tenant's resources, whatever their own policies say."""

from __future__ import annotations

from modules.policy.conditions import foreign_principal, merged, not_a_service, without_tls
from modules.policy.scope import Statement

RCP_SERVICES = ("s3:*", "kms:*", "sqs:*", "secretsmanager:*", "ecr:*", "logs:*", "dynamodb:*")
"""Services that resource control policies cover (Organizations user guide, "Supported services"), less STS."""


def deny_callers_of_other_accounts() -> Statement:
    """Stops every principal of another account, anonymous ones too, whatever the resource's own policy says."""
    return {
        "Sid": "DenyCallersOfOtherAccounts",
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(RCP_SERVICES),
        "Resource": "*",
        "Condition": foreign_principal("${aws:ResourceAccount}"),
    }


def deny_assuming_roles_from_elsewhere(audit_account: str, management_account: str) -> Statement:
    """Stops role assumption from other tenants and from outside; audit and deployment come from the platform's own."""
    return {
        "Sid": "DenyAssumingRolesFromElsewhere",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sts:AssumeRole",
        "Resource": "*",
        "Condition": foreign_principal("${aws:ResourceAccount}", audit_account, management_account),
    }


def deny_federation() -> Statement:
    """Stops every identity provider but IAM Identity Center, whose roles no one in the account can make or change.

    A federated caller belongs to no account, so a condition on its account would refuse Identity Center's people too.
    """
    return {
        "Sid": "DenyFederation",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"],
        "NotResource": "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*",
    }


def deny_services_working_for_others(audit_account: str, management_account: str) -> Statement:
    """Stops the confused deputy: an AWS service that acts here because of a resource in another tenant's account."""
    own = ["${aws:ResourceAccount}", audit_account, management_account]
    return {
        "Sid": "DenyServicesWorkingForOthers",
        "Effect": "Deny",
        "Principal": "*",
        "Action": [*RCP_SERVICES, "sts:AssumeRole"],
        "Resource": "*",
        "Condition": {
            "Bool": {"aws:PrincipalIsAWSService": "true"},
            "Null": {"aws:SourceAccount": "false"},
            "StringNotEquals": {"aws:SourceAccount": own},
        },
    }


def deny_plain_http() -> Statement:
    """Stops requests without TLS."""
    return {
        "Sid": "DenyPlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*", "kms:*", "sts:*", "sqs:*", "secretsmanager:*", "logs:*"],
        "Resource": "*",
        "Condition": merged(without_tls(), not_a_service()),
    }
