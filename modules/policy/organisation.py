"""The organisation's own documents: identity lock (SCP), resource lock (RCP) and the quarantine.

They are parametric: one document for every tenant, because Organizations takes five policies per target and 5,120
characters each. `${aws:PrincipalAccount}` and `${aws:ResourceAccount}` stand for whoever calls and whatever is called.
"""

from __future__ import annotations

from collections.abc import Collection

from modules.policy.conditions import (
    foreign_principal,
    foreign_resource,
    merged,
    not_a_service,
    other_than,
    without_tls,
)
from modules.policy.scope import Document, Statement, document
from tenancy.names import DEPLOYER_ROLE

DEPLOYER = f"arn:aws:iam::*:role/{DEPLOYER_ROLE}"

IMAGES = "arn:aws:ec2:*::image/*"

RCP_SERVICES = ("s3:*", "kms:*", "sqs:*", "secretsmanager:*", "ecr:*", "logs:*", "dynamodb:*")
"""Services that resource control policies cover (Organizations user guide, "Supported services"), less STS."""


def service_control_policies(platform: str, regions: Collection[str], management_account: str) -> dict[str, Document]:
    """Policies for the tenants' organisational unit, by name.

    `regions` are those in which tenants may be placed; `management_account` publishes the images that they boot.
    """
    return {
        f"{platform}-identity-lock": document(
            deny_resources_of_other_accounts(),
            deny_images_of_other_accounts(management_account),
            deny_leaving(),
            deny_touching_the_deployer(),
            deny_identities_without_boundary(platform),
            deny_changing_boundaries(platform),
            deny_long_lived_identities(),
            deny_touching_what_the_platform_owns(platform),
            deny_other_regions(regions),
        ),
        f"{platform}-guardrails": document(
            deny_relabelling(),
            deny_ways_out_of_the_network(),
            deny_sharing(),
            deny_opening_resources(),
            deny_blinding_the_audit(),
            deny_lifting_account_blocks(),
        ),
    }


def deny_resources_of_other_accounts() -> Statement:
    """Stops a tenant's principal, whatever it was granted there, from acting on a resource of another account."""
    return {
        "Sid": "DenyResourcesOfOtherAccounts",
        "Effect": "Deny",
        "Action": "*",
        # AWS's own policies and prefix lists belong to no account of ours; images have a statement of their own.
        "NotResource": ["arn:aws:iam::aws:policy/*", "arn:aws:ec2:*:aws:prefix-list/*", IMAGES],
        "Condition": foreign_resource("${aws:PrincipalAccount}"),
    }


def deny_images_of_other_accounts(management_account: str) -> Statement:
    """Stops every image but the account's own and those that the platform publishes from its management account."""
    return {
        "Sid": "DenyImagesOfOtherAccounts",
        "Effect": "Deny",
        "Action": "*",
        "Resource": IMAGES,
        "Condition": foreign_resource("${aws:PrincipalAccount}", management_account),
    }


def deny_leaving() -> Statement:
    """Stops an account from leaving the organisation, and with it every policy of this file."""
    return {
        "Sid": "DenyLeaving",
        "Effect": "Deny",
        "Action": [
            "organizations:LeaveOrganization",
            "account:CloseAccount",
            "account:PutAlternateContact",
            # Whoever holds the account's e-mail address recovers its root user.
            "account:StartPrimaryEmailUpdate",
            "account:AcceptPrimaryEmailUpdate",
        ],
        "Resource": "*",
    }


def deny_touching_the_deployer() -> Statement:
    """Stops a tenant's administrator from becoming the role that these policies exempt."""
    return {
        "Sid": "DenyTouchingTheDeployer",
        "Effect": "Deny",
        "Action": ["iam:*", "sts:AssumeRole"],
        "Resource": DEPLOYER,
        "Condition": merged({"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}, other_than(DEPLOYER)),
    }


def deny_identities_without_boundary(platform: str) -> Statement:
    """Stops the making of a role that the platform's boundary does not limit."""
    own_boundary = f"arn:aws:iam::${{aws:PrincipalAccount}}:policy/{platform}-*-boundary"
    return {
        "Sid": "DenyRolesWithoutBoundary",
        "Effect": "Deny",
        "Action": ["iam:CreateRole", "iam:PutRolePermissionsBoundary"],
        "Resource": "*",
        "Condition": merged({"StringNotLikeIfExists": {"iam:PermissionsBoundary": own_boundary}}, other_than(DEPLOYER)),
    }


def deny_changing_boundaries(platform: str) -> Statement:
    """Stops a boundary from being taken off, or from being written by those whom it limits."""
    return {
        "Sid": "DenyChangingBoundaries",
        "Effect": "Deny",
        "Action": [
            "iam:DeleteRolePermissionsBoundary",
            "iam:CreatePolicy",
            "iam:CreatePolicyVersion",
            "iam:DeletePolicy",
            "iam:DeletePolicyVersion",
            "iam:SetDefaultPolicyVersion",
        ],
        "Resource": ["arn:aws:iam::*:role/*", f"arn:aws:iam::*:policy/{platform}-*-boundary"],
        "Condition": other_than(DEPLOYER),
    }


def deny_long_lived_identities() -> Statement:
    """Stops credentials that outlive a session: users, their keys, and outside identity providers."""
    return {
        "Sid": "DenyLongLivedIdentities",
        "Effect": "Deny",
        "Action": [
            "iam:CreateUser",
            "iam:CreateAccessKey",
            "iam:CreateLoginProfile",
            "iam:CreateSAMLProvider",
            "iam:UpdateSAMLProvider",
            "iam:CreateOpenIDConnectProvider",
            "iam:AddClientIDToOpenIDConnectProvider",
            "iam:UpdateOpenIDConnectProviderThumbprint",
            "iam:CreateServiceSpecificCredential",
            "iam:UploadSigningCertificate",
            "rolesanywhere:Create*",
            "rolesanywhere:Update*",
            "rolesanywhere:Enable*",
            "rolesanywhere:ImportCrl",
            "iam:DeleteUserPermissionsBoundary",
            "iam:PutUserPermissionsBoundary",
        ],
        "Resource": "*",
        "Condition": other_than(DEPLOYER),
    }


def deny_touching_what_the_platform_owns(platform: str) -> Statement:
    """Stops an administrator from taking over a role that keys trust, and anyone from taking the platform's names.

    Whoever writes the trust policy of the trainer is the trainer, and so inside the data key's policy. Bucket names are
    global: a tenant that makes the bucket of a tenant to come stops its deployment.
    """
    return {
        "Sid": "DenyTouchingPlatformsOwn",
        "Effect": "Deny",
        "Action": [
            "iam:AddRoleToInstanceProfile",
            "iam:AttachRolePolicy",
            "iam:CreateInstanceProfile",
            "iam:CreateRole",
            "iam:DeleteInstanceProfile",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:DetachRolePolicy",
            "iam:PutRolePolicy",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole",
            "s3:CreateBucket",
            "s3:DeleteBucket",
        ],
        "Resource": [
            f"arn:aws:iam::*:role/{platform}-*",
            f"arn:aws:iam::*:instance-profile/{platform}-*",
            f"arn:aws:s3:::{platform}-*",
        ],
        "Condition": other_than(DEPLOYER),
    }


def deny_other_regions(regions: Collection[str]) -> Statement:
    """Stops work in regions where the platform has no guards: each has a default network with an internet gateway.

    Services with one endpoint for the world are left out: their requests count as made in that endpoint's region.
    """
    return {
        "Sid": "DenyOtherRegions",
        "Effect": "Deny",
        "NotAction": [
            "account:*",
            "budgets:*",
            "ce:*",
            "cloudfront:*",
            "health:*",
            "iam:*",
            "organizations:*",
            "route53:*",
            "s3:GetAccountPublicAccessBlock",
            "s3:ListAllMyBuckets",
            "sts:*",
            "support:*",
        ],
        "Resource": "*",
        "Condition": merged({"StringNotEquals": {"aws:RequestedRegion": sorted(regions)}}, other_than(DEPLOYER)),
    }


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


def resource_control_policies(platform: str, audit_account: str, management_account: str) -> dict[str, Document]:
    """Policies for every resource in the tenants' organisational unit, by name."""
    return {
        f"{platform}-resource-lock": document(
            deny_callers_of_other_accounts(),
            deny_assuming_roles_from_elsewhere(audit_account, management_account),
            deny_federation(),
            deny_services_working_for_others(audit_account, management_account),
            deny_plain_http(),
        ),
    }


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


def quarantine_policy(platform: str) -> Document:
    """For the quarantine unit: nothing but the deployer may act, so the tenant stops while its evidence stays.

    The role of the flow logs goes on: it is no service-linked role, so the records would stop with the tenant.
    """
    return document(
        {
            "Sid": "DenyAllButTheDeployer",
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": other_than(DEPLOYER, f"arn:aws:iam::*:role/{platform}-*-flow-log"),
        }
    )
