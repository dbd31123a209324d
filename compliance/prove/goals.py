"""What reaching a resource means: the requests that must not succeed, by kind of resource.

Reading, writing and destroying count, and so does rewriting who may: policies, grants, trust, labels. The last are also
the steps by which somebody who may not read today makes it possible tomorrow.
"""

from __future__ import annotations

from typing import Final

from compliance.estate.model import Resource

GOALS: Final[dict[str, tuple[str, ...]]] = {
    "bucket": (
        "s3:ListBucket", "s3:ListBucketVersions", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketAcl",
        "s3:PutReplicationConfiguration", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:DeleteBucket",
        "s3:PutEncryptionConfiguration", "s3:PutBucketNotification",
    ),
    "object": (
        "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion",
        "s3:PutObjectAcl", "s3:ReplicateObject",
    ),
    "key": (
        "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:CreateGrant",
        "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:TagResource", "kms:ReplicateKey",
    ),
    "secret": ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:PutResourcePolicy"),
    "queue": ("sqs:ReceiveMessage", "sqs:SendMessage", "sqs:PurgeQueue", "sqs:SetQueueAttributes"),
    "topic": ("sns:Publish", "sns:Subscribe", "sns:SetTopicAttributes"),
    "repository": (
        "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:PutImage", "ecr:SetRepositoryPolicy",
        "ecr:BatchDeleteImage",
    ),
    "function": (
        "lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "lambda:UpdateFunctionCode", "lambda:AddPermission",
    ),
    "log-group": (
        "logs:GetLogEvents", "logs:FilterLogEvents", "logs:StartQuery", "logs:PutSubscriptionFilter",
        "logs:CreateExportTask", "logs:DeleteLogGroup",
    ),
    "log-destination": ("logs:PutSubscriptionFilter", "logs:PutDestinationPolicy"),
    "event-bus": ("events:PutEvents", "events:PutRule", "events:PutPermission"),
    "snapshot": (
        "ec2:ModifySnapshotAttribute", "ec2:CreateVolume", "ec2:CopySnapshot", "ebs:GetSnapshotBlock",
        "ec2:DeleteSnapshot", "ec2:CreateTags",
    ),
    "volume": ("ec2:AttachVolume", "ec2:CreateSnapshot", "ec2:DeleteVolume", "ec2:CreateTags"),
    "image": ("ec2:ModifyImageAttribute", "ec2:CopyImage", "ec2:RunInstances", "ec2:DeregisterImage", "ec2:CreateTags"),
    "instance": (
        "ssm:SendCommand", "ssm:StartSession", "ec2-instance-connect:SendSSHPublicKey",
        "ec2-instance-connect:SendSerialConsoleSSHPublicKey", "ec2:ModifyInstanceAttribute", "ec2:GetConsoleOutput",
        "ec2:TerminateInstances", "ec2:CreateTags",
    ),
    "role": (
        "sts:AssumeRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PassRole",
        "iam:DeleteRolePermissionsBoundary", "iam:TagRole",
    ),
    "user": ("iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:PutUserPolicy", "iam:AttachUserPolicy"),
}  # fmt: skip


def goals_of(resource: Resource) -> list[tuple[str, str]]:
    """Actions with the resource they are about; a `*` in it stands for any object or stream."""
    found = [(action, resource.arn) for action in GOALS[resource.kind]]
    if resource.kind == "bucket":
        found += [(action, f"{resource.arn}/*") for action in GOALS["object"]]
    if resource.kind == "log-group":
        found = [(action, f"{resource.arn}:*") for action in GOALS["log-group"]]
    return found
