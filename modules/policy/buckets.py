"""Resource lock on buckets: one policy per tenant and purpose, and the audit account's own."""

from __future__ import annotations

from modules.policy.conditions import (
    foreign_principal,
    merged,
    not_a_service,
    not_through_own_endpoint,
    other_than,
    without_tls,
)
from modules.policy.scope import Document, Statement, TenantScope, document
from tenancy.names import DEPLOYER_ROLE, BucketPurpose, audit_bucket, trail

OBJECT_ACTIONS = ["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*", "s3:RestoreObject", "s3:AbortMultipartUpload"]


def bucket_policy(scope: TenantScope, purpose: BucketPurpose, key_arn: str) -> Document:
    """The policy of the tenant's bucket for `purpose`, whose objects are encrypted under `key_arn`.

    It only denies: the tenant's own roles are allowed by their identity policies.
    """
    arn = scope.names.bucket_arn(purpose)
    return document(
        deny_plain_http(arn),
        deny_other_accounts(scope, arn),
        deny_objects_from_elsewhere(scope, arn),
        deny_other_keys(arn, key_arn),
        *deny_other_encryption(arn),
        deny_opening(arn, scope.deployer_arn),
    )


def _all(arn: str) -> list[str]:
    return [arn, f"{arn}/*"]


def deny_plain_http(arn: str) -> Statement:
    """Stops requests without TLS. AWS itself takes nothing older than TLS 1.2."""
    return {
        "Sid": "DenyPlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": _all(arn),
        "Condition": without_tls(),
    }


def deny_other_accounts(scope: TenantScope, arn: str) -> Statement:
    """Stops every other account, whatever a later statement allows."""
    return {
        "Sid": "DenyOtherAccounts",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": _all(arn),
        "Condition": foreign_principal(scope.account_id),
    }


def deny_objects_from_elsewhere(scope: TenantScope, arn: str) -> Statement:
    """Stops stolen credentials and presigned links: objects move only through the tenant's own VPC endpoint."""
    return {
        "Sid": "DenyObjectsFromElsewhere",
        "Effect": "Deny",
        "Principal": "*",
        "Action": OBJECT_ACTIONS,
        "Resource": f"{arn}/*",
        "Condition": not_through_own_endpoint(scope.account_id),
    }


def deny_other_keys(arn: str, key_arn: str) -> Statement:
    """Stops objects from being written under any key but the bucket's own; without a header the default applies."""
    return {
        "Sid": "DenyOtherKeys",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"{arn}/*",
        "Condition": {
            "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"},
            "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn},
        },
    }


def deny_other_encryption(arn: str) -> list[Statement]:
    """Stops a writer from asking for any encryption but the default: such objects would outlive the tenant's keys.

    `AES256` is S3's own key, `aws:kms` without a key is the key that AWS manages, and the customer's own key of SSE-C
    is held by no lock (S3 user guide, "Protecting data with server-side encryption").
    """
    encryption = "s3:x-amz-server-side-encryption"
    put: Statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"{arn}/*"}
    return [
        put
        | {
            "Sid": "DenyOtherEncryption",
            "Condition": {"Null": {encryption: "false"}, "StringNotEquals": {encryption: "aws:kms"}},
        },
        put
        | {
            "Sid": "DenyKeyOfAws",
            "Condition": {
                "StringEquals": {encryption: "aws:kms"},
                "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "true"},
            },
        },
        put
        | {
            "Sid": "DenyKeyOfWriter",
            "Condition": {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        },
    ]


def deny_opening(arn: str, deployer_arn: str) -> Statement:
    """Stops anyone but the deployer from changing who may read the bucket or where it is copied."""
    return {
        "Sid": "DenyOpening",
        "Effect": "Deny",
        "Principal": "*",
        "Action": [
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
            "s3:PutBucketAcl",
            "s3:PutObjectAcl",
            "s3:PutObjectVersionAcl",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutReplicationConfiguration",
            "s3:PutEncryptionConfiguration",
            "s3:PutBucketVersioning",
            "s3:PutBucketNotification",
            "s3:PutInventoryConfiguration",
            "s3:PutAnalyticsConfiguration",
            "s3:PutBucketLogging",
            "s3:PutLifecycleConfiguration",
            "s3:PutBucketTagging",
            "s3:TagResource",
            "s3:UntagResource",
            "s3:CreateAccessPoint",
            "s3:DeleteBucket",
        ],
        "Resource": _all(arn),
        "Condition": merged(other_than(deployer_arn), not_a_service()),
    }


def audit_bucket_policy(platform: str, audit_account: str, management_account: str, region: str) -> Document:
    """The policy of the audit bucket: the trail writes, the audit account reads, no one deletes."""
    arn = f"arn:aws:s3:::{audit_bucket(platform)}"
    trail_arn = f"arn:aws:cloudtrail:{region}:{management_account}:trail/{trail(platform)}"
    from_trail = {"StringEquals": {"aws:SourceArn": trail_arn}}
    service = {"Service": "cloudtrail.amazonaws.com"}
    deployer = f"arn:aws:iam::{audit_account}:role/{DEPLOYER_ROLE}"
    return document(
        {
            "Sid": "AllowTrailToCheck",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:GetBucketAcl",
            "Resource": arn,
            "Condition": from_trail,
        },
        {
            "Sid": "AllowTrailToWrite",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:PutObject",
            "Resource": f"{arn}/AWSLogs/*",
            "Condition": merged(from_trail, {"StringLike": {"s3:x-amz-acl": "bucket-owner-full-control"}}),
        },
        deny_plain_http(arn),
        {
            "Sid": "DenyOtherAccounts",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": _all(arn),
            "Condition": foreign_principal(audit_account),
        },
        {
            "Sid": "DenyDeletingEvidence",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:BypassGovernanceRetention", "s3:DeleteObjectVersion", "s3:PutBucketObjectLockConfiguration"],
            "Resource": _all(arn),
            "Condition": other_than(deployer),
        },
    )
