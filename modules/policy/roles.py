"""The tenant's roles: who may take them on, and what each may do. Each carries the boundary."""

from __future__ import annotations

from modules.policy.scope import Document, Statement, TenantScope, document
from tenancy.names import BucketPurpose, RoleName


def trust_policy(scope: TenantScope, role: RoleName) -> Document:
    """Who may assume a role: machines of this account, people through single sign-on, the audit account."""
    statement: Statement = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    if role == "trainer":
        return document(statement | {"Sid": "AllowMachines", "Principal": {"Service": "ec2.amazonaws.com"}})
    if role == "auditor":
        audit = f"arn:aws:iam::{scope.audit_account_id}:root"
        return document(statement | {"Sid": "AllowAuditAccount", "Principal": {"AWS": audit}})
    # IAM Identity Center makes one role per permission set and account, with a random suffix.
    sign_in = (
        f"arn:aws:iam::{scope.account_id}:role/aws-reserved/sso.amazonaws.com/*"
        f"AWSReservedSSO_{scope.names.tenant}-{role}_*"
    )
    return document(
        statement
        | {
            "Sid": "AllowSignedInPeople",
            "Principal": {"AWS": scope.root_arn},
            "Condition": {"ArnLike": {"aws:PrincipalArn": sign_in}},
        }
    )


def role_policy(scope: TenantScope, role: RoleName) -> Document:
    """What a role may do."""
    if role == "trainer":
        return document(
            _list(scope, "data", "checkpoint", "model"),
            _objects("ReadData", scope, "data", "s3:GetObject"),
            _objects("SaveAndResume", scope, "checkpoint", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
            _objects("ExportModels", scope, "model", "s3:GetObject", "s3:PutObject"),
            _keys(scope, "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"),
            _ledger(scope),
            _metrics(scope),
            _identity(),
        )
    if role == "data-owner":
        return document(
            _list(scope, "data", "model"),
            _objects("SealData", scope, "data", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
            _objects("TakeModels", scope, "model", "s3:GetObject"),
            _keys(scope, "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncrypt*", "kms:DescribeKey"),
            _ledger(scope),
            _identity(),
        )
    return document(inspect())


def _list(scope: TenantScope, *purposes: BucketPurpose) -> Statement:
    return {
        "Sid": "ListOwnBuckets",
        "Effect": "Allow",
        "Action": ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
        "Resource": [scope.names.bucket_arn(purpose) for purpose in purposes],
    }


def _objects(sid: str, scope: TenantScope, purpose: BucketPurpose, *actions: str) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": [*actions, "s3:AbortMultipartUpload"] if "s3:PutObject" in actions else list(actions),
        "Resource": f"{scope.names.bucket_arn(purpose)}/*",
    }


def _keys(scope: TenantScope, *actions: str) -> Statement:
    """Keys are named by their policies; this only keeps the role inside its account and region."""
    return {
        "Sid": "UseOwnKeys",
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": f"arn:aws:kms:{scope.region}:{scope.account_id}:key/*",
    }


def _ledger(scope: TenantScope) -> Statement:
    group = f"arn:aws:logs:{scope.region}:{scope.account_id}:log-group:{scope.names.ledger_log_group}"
    return {
        "Sid": "AppendToOwnLedger",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams", "logs:GetLogEvents"],
        "Resource": [group, f"{group}:*"],
    }


def _metrics(scope: TenantScope) -> Statement:
    return {
        "Sid": "ReportMetrics",
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringEquals": {"cloudwatch:namespace": f"{scope.names.platform}/{scope.names.tenant}"}},
    }


def _identity() -> Statement:
    return {"Sid": "KnowWhoIAm", "Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}


def inspect() -> Statement:
    """Lets the auditor read settings, never data: no object, no log's event, no secret value, no decryption.

    CloudTrail's own events are the exception: in them stands which attestation document KMS accepted from a machine.
    """
    return {
        "Sid": "InspectSettings",
        "Effect": "Allow",
        "Action": [
            "access-analyzer:Get*",
            "access-analyzer:List*",
            "autoscaling:Describe*",
            "budgets:Describe*",
            "budgets:ViewBudget",
            "cloudtrail:Describe*",
            "cloudtrail:Get*",
            "cloudtrail:List*",
            "cloudtrail:LookupEvents",
            "cloudwatch:Describe*",
            "cloudwatch:List*",
            "config:Describe*",
            "ec2:Describe*",
            "ec2:GetAllowedImagesSettings",
            "ec2:GetEbs*",
            "ec2:GetImageBlockPublicAccessState",
            "ec2:GetInstanceMetadataDefaults",
            "ec2:GetManagedPrefixListEntries",
            "ec2:GetSerialConsoleAccessStatus",
            "ec2:GetSnapshotBlockPublicAccessState",
            "ec2:GetTransitGateway*",
            "ec2:SearchTransitGatewayRoutes",
            "ecr:Describe*",
            "ecr:GetRepositoryPolicy",
            "ecr:GetRegistryPolicy",
            "events:Describe*",
            "events:List*",
            "guardduty:Get*",
            "guardduty:List*",
            "iam:GenerateCredentialReport",
            "iam:Get*",
            "iam:List*",
            "kms:Describe*",
            "kms:GetKeyPolicy",
            "kms:GetKeyRotationStatus",
            "kms:List*",
            "lambda:GetPolicy",
            "lambda:List*",
            "logs:Describe*",
            "logs:List*",
            "ram:Get*",
            "ram:List*",
            "s3:GetAccelerateConfiguration",
            "s3:GetAccessPoint*",
            "s3:GetAccountPublicAccessBlock",
            "s3:GetBucket*",
            "s3:GetEncryptionConfiguration",
            "s3:GetInventoryConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetMultiRegionAccessPointPolicy",
            "s3:GetReplicationConfiguration",
            "s3:ListAccessPoints",
            "s3:ListAccessPointsForObjectLambda",
            "s3:ListAllMyBuckets",
            "s3:ListMultiRegionAccessPoints",
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetResourcePolicy",
            "secretsmanager:ListSecrets",
            "servicequotas:Get*",
            "servicequotas:List*",
            "sns:GetTopicAttributes",
            "sns:List*",
            "sqs:GetQueueAttributes",
            "sqs:List*",
            "ssm:DescribeDocumentPermission",
            "ssm:ListDocuments",
            "ssm:DescribeDocumentPermission",
            "ssm:ListDocuments",
            "sts:GetCallerIdentity",
            "tag:GetResources",
        ],
        "Resource": "*",
    }


def flow_log_trust_policy(scope: TenantScope) -> Document:
    """The flow-log service takes the role on only for flow logs of this account (confused deputy)."""
    return document(
        {
            "Sid": "AllowFlowLogs",
            "Effect": "Allow",
            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": scope.account_id}},
        }
    )


def flow_log_policy(scope: TenantScope) -> Document:
    """The flow-log service writes to the tenant's flow group and nowhere else."""
    group = f"arn:aws:logs:{scope.region}:{scope.account_id}:log-group:{scope.names.flow_log_group}"
    return document(
        {
            "Sid": "WriteFlowRecords",
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "logs:DescribeLogStreams",
                "logs:DescribeLogGroups",
            ],
            "Resource": [group, f"{group}:*"],
        }
    )
