"""Guardrails: what only the deployer may change in a tenant's account, so that the three locks stay closed."""

from __future__ import annotations

from modules.policy.conditions import DEPLOYER, merged, other_than
from modules.policy.scope import Statement


def deny_relabelling() -> Statement:
    """Stops anyone but the deployer from writing the labels by which data is told apart."""
    return {
        "Sid": "DenyRelabelling",
        "Effect": "Deny",
        "Action": ["*"],
        "Resource": "*",
        "Condition": merged(
            # IAM takes `Tenant` for `tenant` and overwrites it (IAM user guide, "Rules for tagging").
            {"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": ["tenant", "platform", "sensitivity"]}},
            other_than(DEPLOYER),
        ),
    }


def deny_ways_out_of_the_network() -> Statement:
    """Stops every route between a tenant's network and another network."""
    return {
        "Sid": "DenyWaysOutOfTheNetwork",
        "Effect": "Deny",
        "Action": [
            "ec2:AttachInternetGateway",
            "ec2:CreateInternetGateway",
            # AWS makes the internet gateway and its route along with it.
            "ec2:CreateDefaultVpc",
            "ec2:CreateInstanceConnectEndpoint",
            "ec2:CreateVerifiedAccess*",
            "ec2:CreateNetworkInterfacePermission",
            "ec2:CreateTrafficMirror*",
            "ec2:CreateEgressOnlyInternetGateway",
            "ec2:CreateNatGateway",
            "ec2:CreateVpcPeeringConnection",
            "ec2:AcceptVpcPeeringConnection",
            "ec2:CreateTransitGateway*",
            "ec2:AcceptTransitGateway*",
            "ec2:CreateVpcEndpoint*",
            "ec2:ModifyVpcEndpoint*",
            "ec2:CreateVpnConnection",
            "ec2:CreateVpnGateway",
            "ec2:AttachVpnGateway",
            "ec2:CreateRoute",
            "ec2:ReplaceRoute",
            "ec2:AllocateAddress",
            "ec2:AssociateAddress",
            "ec2:CreateClientVpn*",
            "ec2:CreateCarrierGateway",
            "route53:AssociateVPCWithHostedZone",
            "route53:CreateVPCAssociationAuthorization",
            # The firewall on the resolver, and resolver endpoints, which carry queries past it.
            "route53resolver:Associate*",
            "route53resolver:Create*",
            "route53resolver:Delete*",
            "route53resolver:Disassociate*",
            "route53resolver:Import*",
            "route53resolver:Put*",
            "route53resolver:Update*",
            "directconnect:*",
            "networkmanager:*",
            "vpc-lattice:*",
        ],
        "Resource": "*",
        "Condition": other_than(DEPLOYER),
    }


def deny_sharing() -> Statement:
    """Stops snapshots, images and other resources from being lent to another account."""
    return {
        "Sid": "DenySharing",
        "Effect": "Deny",
        "Action": [
            "ec2:ModifySnapshotAttribute",
            "ec2:ModifyImageAttribute",
            "ec2:ModifyFpgaImageAttribute",
            "ec2:CreateStoreImageTask",
            "ram:CreateResourceShare",
            "ram:AssociateResourceShare",
            "ram:UpdateResourceShare",
            "ram:AcceptResourceShareInvitation",
            "ec2:ExportImage",
            "ec2:CreateInstanceExportTask",
            # Spelled out: Organizations has long taken a wildcard at the end of an action only.
            "rds:ModifyDBSnapshotAttribute",
            "rds:ModifyDBClusterSnapshotAttribute",
            "ssm:ModifyDocumentPermission",
        ],
        "Resource": "*",
        "Condition": other_than(DEPLOYER),
    }


def deny_opening_resources() -> Statement:
    """Stops resource policies, grants and copies that would let someone else in."""
    return {
        "Sid": "DenyOpeningResources",
        "Effect": "Deny",
        "Action": [
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
            "s3:PutBucketAcl",
            "s3:PutObjectAcl",
            "s3:PutObjectVersionAcl",
            "s3:PutBucketOwnershipControls",
            "s3:PutReplicationConfiguration",
            "s3:PutInventoryConfiguration",
            "s3:PutAnalyticsConfiguration",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutAccessPointPolicy*",
            "s3:PutMultiRegionAccessPointPolicy",
            "s3:CreateAccessGrant*",
            "s3:PutEncryptionConfiguration",
            "kms:PutKeyPolicy",
            "kms:ReplicateKey",
            "logs:PutResourcePolicy",
            "logs:PutSubscriptionFilter",
            "logs:PutAccountPolicy",
            "logs:PutDestination*",
            "logs:PutDeliveryDestination*",
            "logs:CreateExportTask",
            "oam:CreateLink",
            "oam:CreateSink",
            "oam:PutSinkPolicy",
            "ecr:SetRepositoryPolicy",
            "ecr:PutRegistryPolicy",
            "ecr:PutReplicationConfiguration",
            "lambda:AddPermission",
            "lambda:AddLayerVersionPermission",
            "lambda:CreateFunctionUrlConfig",
            "lambda:UpdateFunctionUrlConfig",
            "sns:AddPermission",
            "sns:SetTopicAttributes",
            "sqs:AddPermission",
            "sqs:SetQueueAttributes",
            "events:PutPermission",
            "glue:PutResourcePolicy",
            "dynamodb:PutResourcePolicy",
            "kinesis:PutResourcePolicy",
            "elasticfilesystem:PutFileSystemPolicy",
            "elasticfilesystem:PutReplicationConfiguration",
            "elasticfilesystem:CreateReplicationConfiguration",
            "backup:PutBackupVaultAccessPolicy",
            "backup:StartCopyJob",
            "ssm:PutResourcePolicy",
            "secretsmanager:PutResourcePolicy",
        ],
        "Resource": "*",
        "Condition": other_than(DEPLOYER),
    }


def deny_blinding_the_audit() -> Statement:
    """Stops the record of what happened from being stopped, thinned out or deleted."""
    return {
        "Sid": "DenyBlindingTheAudit",
        "Effect": "Deny",
        "Action": [
            "cloudtrail:StopLogging",
            "cloudtrail:DeleteTrail",
            "cloudtrail:UpdateTrail",
            "cloudtrail:PutEventSelectors",
            "ec2:DeleteFlowLogs",
            "logs:DeleteLogGroup",
            "logs:DeleteLogStream",
            "logs:PutRetentionPolicy",
            "logs:AssociateKmsKey",
            "logs:DisassociateKmsKey",
            "logs:DeleteMetricFilter",
            "logs:PutMetricFilter",
            "s3:BypassGovernanceRetention",
            "guardduty:Delete*",
            "guardduty:Update*",
            "guardduty:Disassociate*",
            "guardduty:Stop*",
            # A filter that archives, or a list of trusted addresses, hides findings.
            "guardduty:CreateFilter",
            "guardduty:CreateIPSet",
            "access-analyzer:Delete*",
        ],
        "Resource": "*",
        "Condition": other_than(DEPLOYER),
    }


def deny_thinning_the_evidence() -> Statement:
    """Stops anyone but the deployer from shortening, redirecting or shredding what the audit account keeps.

    Objects under retention cannot be deleted by anyone; this guards what is written tomorrow, and the key.
    """
    return {
        "Sid": "DenyThinningTheEvidence",
        "Effect": "Deny",
        "Action": [
            "s3:BypassGovernanceRetention",
            "s3:DeleteBucket",
            "s3:DeleteBucketPolicy",
            "s3:PutAccountPublicAccessBlock",
            "s3:PutBucketAcl",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:PutReplicationConfiguration",
            "kms:DisableKey",
            "kms:DisableKeyRotation",
            "kms:PutKeyPolicy",
            "kms:ScheduleKeyDeletion",
        ],
        "Resource": "*",
        "Condition": other_than(DEPLOYER),
    }


def deny_lifting_account_blocks() -> Statement:
    """Stops account-wide protections from being switched off."""
    return {
        "Sid": "DenyLiftingAccountBlocks",
        "Effect": "Deny",
        "Action": [
            "s3:PutAccountPublicAccessBlock",
            "ec2:DisableEbsEncryptionByDefault",
            "ec2:ModifyEbsDefaultKmsKeyId",
            "ec2:ResetEbsDefaultKmsKeyId",
            "ec2:DisableSnapshotBlockPublicAccess",
            "ec2:DisableImageBlockPublicAccess",
            # Enabling takes the level as a parameter: it also lowers one (audit-mode, block-new-sharing).
            "ec2:EnableSnapshotBlockPublicAccess",
            "ec2:EnableAllowedImagesSettings",
            "ec2:ReplaceImageCriteriaInAllowedImagesSettings",
            "ec2:DisableAllowedImagesSettings",
            "ec2:EnableSerialConsoleAccess",
            "ec2:ModifyInstanceMetadataDefaults",
            "ec2:ModifyVpcBlockPublicAccess*",
            "ec2:CreateVpcBlockPublicAccessExclusion",
            "ec2:ModifyInstanceMetadataOptions",
        ],
        "Resource": "*",
        "Condition": other_than(DEPLOYER),
    }
