"""Resource lock on keys: one policy per tenant and purpose, and the audit account's own.

Administration and use are separate: whoever may change a key policy may not use the key, and no statement hands the
decision to IAM (`kms:*` for the account root), because that would let any administrator of the account in. The keys
that open data are released to measured machines only (`modules.policy.release`).
"""

from __future__ import annotations

from modules.policy.conditions import foreign_principal, not_through_own_endpoint
from modules.policy.release import release_denials, sealers
from modules.policy.scope import Document, Statement, TenantScope, document
from tenancy.names import DEPLOYER_ROLE, BucketPurpose, KeyPurpose, RoleName, audit_bucket, trail

ADMINISTRATION = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateKey",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
]
INSPECTION = [
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
]
USE = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:GenerateMac", "kms:Sign"]


def key_policy(scope: TenantScope, purpose: KeyPurpose) -> Document:
    """The policy of the tenant's key for `purpose`."""
    shared = [
        allow_administration(scope.root_arn, scope.deployer_arn),
        allow_inspection(scope),
        deny_other_accounts(scope),
    ]
    if purpose == "disk":
        return document(
            *shared,
            *allow_bucket_encryption(scope),
            allow_machines_to_attach_disks(scope),
            allow_auto_scaling(scope),
            allow_services_to_hold_grants(scope),
            deny_grants_to_people(),
        )
    if purpose == "logs":
        return document(*shared, allow_log_service(scope), deny_grants())
    return document(*shared, *_uses(scope, purpose), deny_use_from_elsewhere(scope), *release_denials(scope, purpose))


def _users(scope: TenantScope, purpose: KeyPurpose) -> dict[str, tuple[str, list[str]]]:
    """Who uses a key and how: Sid to role ARN and actions."""
    trainer, owner = scope.role_arn("trainer"), scope.role_arn("data-owner")
    make = ["kms:GenerateDataKey", "kms:DescribeKey"]
    both = ["kms:Decrypt", *make]
    uses: dict[str, dict[str, tuple[str, list[str]]]] = {
        "data": {
            "AllowDataOwnerToSeal": (owner, ["kms:Encrypt", *make]),
            "AllowTrainerToOpen": (trainer, ["kms:Decrypt", "kms:DescribeKey"]),
        },
        "checkpoint": {"AllowTrainerToSaveAndResume": (trainer, both)},
        "export": {
            "AllowTrainerToExport": (trainer, both),
            "AllowDataOwnerToTakeTheModel": (owner, ["kms:Decrypt", "kms:DescribeKey"]),
        },
    }
    return uses[purpose]


def _uses(scope: TenantScope, purpose: KeyPurpose) -> list[Statement]:
    """Allows each user its actions, only for data that carries the tenant's label in the encryption context."""
    labelled = {"StringEquals": {"kms:EncryptionContext:tenant": scope.names.tenant}}
    allowed: list[Statement] = [
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"AWS": arn},
            "Action": actions,
            "Resource": "*",
            "Condition": labelled,
        }
        for sid, (arn, actions) in _users(scope, purpose).items()
    ]
    rotating: list[Statement] = [
        {
            "Sid": "AllowDataOwnerToRotate",
            "Effect": "Allow",
            "Principal": {"AWS": arn},
            "Action": ["kms:ReEncryptFrom", "kms:ReEncryptTo"],
            "Resource": "*",
            "Condition": labelled | {"Bool": {"kms:ReEncryptOnSameKey": "true"}},
        }
        for arn in sealers(scope, purpose)
    ]
    return [*allowed, *rotating]


def allow_administration(root_arn: str, deployer_arn: str) -> Statement:
    """The deployer manages the key and cannot use it. The condition survives the role being made again."""
    return {
        "Sid": "AllowAdministrationWithoutUse",
        "Effect": "Allow",
        "Principal": {"AWS": root_arn},
        "Action": ADMINISTRATION,
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": deployer_arn}},
    }


def allow_inspection(scope: TenantScope) -> Statement:
    """The auditor, and the users of the key, read its settings."""
    readers = [scope.role_arn("auditor"), scope.role_arn("trainer"), scope.role_arn("data-owner")]
    return {
        "Sid": "AllowInspection",
        "Effect": "Allow",
        "Principal": {"AWS": scope.root_arn},
        "Action": INSPECTION,
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": readers}},
    }


def deny_other_accounts(scope: TenantScope) -> Statement:
    """Stops every other account, whatever a grant or a later statement says."""
    return {
        "Sid": "DenyOtherAccounts",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "kms:*",
        "Resource": "*",
        "Condition": foreign_principal(scope.account_id),
    }


def deny_use_from_elsewhere(scope: TenantScope) -> Statement:
    """Stops stolen credentials: the key is used only through the tenant's own VPC endpoint."""
    return {
        "Sid": "DenyUseFromElsewhere",
        "Effect": "Deny",
        "Principal": "*",
        "Action": USE,
        "Resource": "*",
        "Condition": not_through_own_endpoint(scope.account_id),
    }


BUCKETS_OF: dict[RoleName, tuple[BucketPurpose, ...]] = {
    "trainer": ("data", "checkpoint", "model"),
    "data-owner": ("data", "model"),
}
"""The buckets whose objects a role reads or writes."""


def allow_bucket_encryption(scope: TenantScope) -> list[Statement]:
    """S3 uses the key on behalf of a role, for objects of the buckets that are the role's business."""
    return [
        {
            "Sid": f"AllowBucketEncryptionFor{role.title().replace('-', '')}",
            "Effect": "Allow",
            "Principal": {"AWS": scope.role_arn(role)},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": f"s3.{scope.region}.amazonaws.com",
                    "kms:CallerAccount": scope.account_id,
                },
                # With a bucket key the context names the bucket, without one the object.
                "StringLike": {
                    "kms:EncryptionContext:aws:s3:arn": [
                        pattern
                        for bucket in map(scope.names.bucket_arn, purposes)
                        for pattern in (bucket, f"{bucket}/*")
                    ]
                },
            },
        }
        for role, purposes in BUCKETS_OF.items()
    ]


def deny_grants() -> Statement:
    """Stops grants: they would give the key away beside the policy."""
    return {
        "Sid": "DenyGrants",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["kms:CreateGrant", "kms:ReplicateKey"],
        "Resource": "*",
    }


def allow_machines_to_attach_disks(scope: TenantScope) -> Statement:
    """EBS encrypts volumes of this account with the key, on behalf of whoever starts a machine here."""
    return {
        "Sid": "AllowVolumesOfThisAccount",
        "Effect": "Allow",
        "Principal": {"AWS": scope.root_arn},
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {
                "kms:ViaService": f"ec2.{scope.region}.amazonaws.com",
                "kms:CallerAccount": scope.account_id,
            }
        },
    }


def allow_auto_scaling(scope: TenantScope) -> Statement:
    """Auto Scaling starts the machines, through its service-linked role.

    The role's own policy says nothing of KMS, so delegating to the account does not reach it (EC2 Auto Scaling user
    guide, "Required AWS KMS key policy for use with encrypted volumes"). It is named in the condition: as a principal
    it would have to exist before the key does.
    """
    role = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    return {
        "Sid": "AllowAutoScaling",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
        ],
        "Resource": "*",
        "Condition": {
            "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{scope.account_id}:role/{role}"},
            "StringEquals": {
                "aws:PrincipalAccount": scope.account_id,
                "kms:CallerAccount": scope.account_id,
                "kms:ViaService": f"ec2.{scope.region}.amazonaws.com",
            },
        },
    }


def allow_services_to_hold_grants(scope: TenantScope) -> Statement:
    """EC2 and Auto Scaling hold the grant that keeps a volume attached; no person does."""
    return {
        "Sid": "AllowGrantsForVolumes",
        "Effect": "Allow",
        "Principal": {"AWS": scope.root_arn},
        "Action": "kms:CreateGrant",
        "Resource": "*",
        "Condition": {
            "Bool": {"kms:GrantIsForAWSResource": "true"},
            "StringEquals": {
                "kms:ViaService": f"ec2.{scope.region}.amazonaws.com",
                "kms:CallerAccount": scope.account_id,
            },
        },
    }


def deny_grants_to_people() -> Statement:
    """Stops grants that are not held by an AWS service for a resource of its own."""
    return {
        "Sid": "DenyGrantsToPeople",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["kms:CreateGrant", "kms:ReplicateKey"],
        "Resource": "*",
        "Condition": {"BoolIfExists": {"kms:GrantIsForAWSResource": "false"}},
    }


def allow_log_service(scope: TenantScope) -> Statement:
    """CloudWatch Logs encrypts the tenant's log groups, and no others, with the key."""
    groups = f"arn:aws:logs:{scope.region}:{scope.account_id}:log-group:/{scope.names.platform}/{scope.names.tenant}/*"
    return {
        "Sid": "AllowLogService",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{scope.region}.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    }


def audit_key_policy(platform: str, audit_account: str, management_account: str, region: str) -> Document:
    """The key of the audit trail: its own account's, so that shredding a tenant's keys leaves the evidence readable."""
    trail_arn = f"arn:aws:cloudtrail:{region}:{management_account}:trail/{trail(platform)}"
    trails = f"arn:aws:cloudtrail:*:{management_account}:trail/*"
    root = f"arn:aws:iam::{audit_account}:root"
    return document(
        allow_administration(root, f"arn:aws:iam::{audit_account}:role/{DEPLOYER_ROLE}"),
        {
            "Sid": "AllowTrailToEncrypt",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "kms:GenerateDataKey*",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:SourceArn": trail_arn},
                "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": trails},
            },
        },
        {
            # Apart: a request to describe a key has no encryption context.
            "Sid": "AllowTrailToDescribe",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "kms:DescribeKey",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceArn": trail_arn}},
        },
        {
            "Sid": "AllowAuditorsToRead",
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": ["kms:Decrypt", "kms:DescribeKey"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
                "StringLike": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{audit_bucket(platform)}*"},
            },
        },
        deny_grants(),
    )
