"""Identity lock of the whole unit: what no principal of a tenant may do, whoever grants it. One parametric document."""

from __future__ import annotations

from collections.abc import Collection

from modules.policy.conditions import DEPLOYER, foreign_resource, merged, other_than
from modules.policy.scope import Statement

IMAGES = "arn:aws:ec2:*::image/*"
MAKING_VOLUMES = "ec2:CreateVolume"


def deny_resources_of_other_accounts() -> Statement:
    """Stops a tenant's principal, whatever it was granted there, from acting on a resource of another account."""
    return {
        "Sid": "DenyResourcesOfOtherAccounts",
        "Effect": "Deny",
        "NotAction": [MAKING_VOLUMES, "events:*"],
        # AWS's own policies and prefix lists belong to no account of ours; images have a statement of their own.
        "NotResource": ["arn:aws:iam::aws:policy/*", "arn:aws:ec2:*:aws:prefix-list/*", IMAGES],
        "Condition": foreign_resource("${aws:PrincipalAccount}"),
    }


def deny_volumes_from_snapshots() -> Statement:
    """Stops a volume from being made of another account's snapshot.

    A request to make a volume lacks `aws:ResourceAccount` (IAM User Guide), so this refuses all snapshots, the tenant's
    own included: disks of nodes are made by EC2 itself, with the machine. Empty volumes are nobody else's business.
    """
    return {
        "Sid": "DenyVolumesFromSnapshots",
        "Effect": "Deny",
        "Action": MAKING_VOLUMES,
        "Resource": "arn:aws:ec2:*:*:snapshot/*",
        "Condition": foreign_resource("${aws:PrincipalAccount}"),
    }


def deny_event_buses_of_other_accounts() -> Statement:
    """Stops events from being sent to another account, and its buses and rules from being read or changed.

    Requests to EventBridge lack `aws:ResourceAccount` (IAM User Guide), but its resources' ARNs name the account. What
    lists has no resource and shows the caller's own account only.
    """
    return {
        "Sid": "DenyEventBusesOfOthers",
        "Effect": "Deny",
        "Action": [
            f"events:{verb}*"
            for verb in ("Delete", "Describe", "Disable", "Enable", "Put", "Remove", "Tag", "Untag", "Update")
        ],
        "NotResource": "arn:aws:events:*:${aws:PrincipalAccount}:*",
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
            "s3:GetMultiRegionAccessPointPolicy",
            "s3:ListAllMyBuckets",
            "s3:ListMultiRegionAccessPoints",
            "sts:*",
            "support:*",
        ],
        "Resource": "*",
        "Condition": merged({"StringNotEquals": {"aws:RequestedRegion": sorted(regions)}}, other_than(DEPLOYER)),
    }
