"""Network lock: what may pass a tenant's VPC endpoints.

An endpoint policy sees both who calls and whose resource it is, so it also stops credentials of another account that
were smuggled into the tenant's network to carry data out.
"""

from __future__ import annotations

from typing import Literal

from modules.policy.scope import Document, Statement, TenantScope, document

Service = Literal["s3", "kms", "sts", "logs", "monitoring"]

ACTIONS: dict[Service, tuple[str, ...]] = {
    "s3": (
        "s3:GetObject*",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:ListBucket*",
        "s3:GetBucketLocation",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    ),
    "kms": ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:ReEncrypt*"),
    "sts": ("sts:AssumeRole", "sts:GetCallerIdentity"),
    "logs": ("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams", "logs:GetLogEvents"),
    "monitoring": ("cloudwatch:PutMetricData",),
}
"""What the trainer and the data owner do through each endpoint, and nothing else."""

SERVICES: tuple[Service, ...] = tuple(ACTIONS)


def endpoint_policy(scope: TenantScope, service: Service) -> Document:
    """The policy of the tenant's endpoint for `service`."""
    return document(allow_own_principals_on_own_resources(scope, service))


def allow_own_principals_on_own_resources(scope: TenantScope, service: Service) -> Statement:
    """Lets the tenant's principals reach the tenant's resources; stops foreign credentials and foreign resources."""
    return {
        "Sid": "AllowOwnPrincipalsOnOwnResources",
        "Effect": "Allow",
        "Principal": "*",
        "Action": list(ACTIONS[service]),
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:PrincipalAccount": scope.account_id, "aws:ResourceAccount": scope.account_id},
        },
    }
