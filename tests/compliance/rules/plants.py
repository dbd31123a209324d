"""Openings that an auditor plants, and other ways to write what is good."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from compliance.facts.fact import Fact
from compliance.graph import Graph
from compliance.results import Result
from compliance.rules.catalogue import rule_of
from compliance.rules.model import About
from compliance.rules.runner import judge_tenant
from tests.compliance.rules.breaks.common import (
    DATA,
    add,
    bucket,
    bucket_policy,
    entry,
    instance,
    key_policy,
    organisation_policy,
    put,
    role,
    template,
)
from tests.compliance.rules.breaks.data import DATA_KEY, OBJECTS, TRAIL
from tests.compliance.world import (
    ACME,
    AUDIT,
    BLOCK,
    GLOBEX,
    MANAGEMENT,
    REGION,
    SCP_DOCUMENT,
    World,
    arn,
    key_id,
    policy,
    trust,
    world,
)

Plant = Callable[[World], list[Fact] | None]
ELSEWHERE = "eu-west-1"


def elsewhere(api: str, response: Any, account: str = ACME, **params: Any) -> Plant:
    """The same call in a second region, answered otherwise."""

    def apply(built: World) -> list[Fact]:
        other = World(built.scope)
        other.put(account, api, response, **params)
        return [replace(fact, region=ELSEWHERE) for fact in other.facts()]

    return apply


def judged(rule_id: str, *plants: Plant) -> list[Result]:
    built = world()
    extra = [fact for plant in plants for fact in plant(built) or []]
    name = "platform" if rule_of(rule_id).about is About.PLATFORM else "acme"
    return judge_tenant(built.scope, name, Graph([*built.facts(), *extra]), [rule_of(rule_id)], "2026-03-01")


def selectors(*entries: dict[str, Any], advanced: bool = False) -> Plant:
    name = "AdvancedEventSelectors" if advanced else "EventSelectors"
    answer = {"TrailARN": TRAIL, name: list(entries)}
    return put("cloudtrail:GetEventSelectors", answer, MANAGEMENT, TrailName=TRAIL)


S3_ALL = [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]
SIMPLE: dict[str, Any] = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": S3_ALL}


def field(name: str, **more: list[str]) -> dict[str, Any]:
    return {"Field": name, **more}


MANAGED = {"Name": "m", "FieldSelectors": [field("eventCategory", Equals=["Management"])]}
OBJECT_EVENTS = [field("eventCategory", Equals=["Data"]), field("resources.type", Equals=["AWS::S3::Object"])]


def lifecycle(*rules: dict[str, Any]) -> Plant:
    answer = {"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, **one} for one in rules]}
    return bucket("GetBucketLifecycleConfiguration", answer, name="bh-audit", account=AUDIT)


def retention(**default: Any) -> Plant:
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}}
    return bucket("GetObjectLockConfiguration", {"ObjectLockConfiguration": lock}, name="bh-audit", account=AUDIT)


def inline(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"RolePolicyList": [{"PolicyName": "more", "PolicyDocument": json.loads(policy(*statements))}]}


def attached(name: str) -> dict[str, Any]:
    return {"AttachedManagedPolicies": [{"PolicyName": name, "PolicyArn": f"arn:aws:iam::aws:policy/{name}"}]}


def trusting(principal: Any, **more: Any) -> Plant:
    document = trust(root=ACME)
    document["Statement"].append({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})
    return role({"AssumeRolePolicyDocument": document}, 1)


def ingress(**permission: Any) -> Plant:
    return entry("ec2:DescribeSecurityGroups", "SecurityGroups", {"IpPermissions": [permission]}, 1)


def egress(**permission: Any) -> Plant:
    return entry("ec2:DescribeSecurityGroups", "SecurityGroups", {"IpPermissionsEgress": [permission]}, 1)


def routed(**route: Any) -> Plant:
    return entry("ec2:DescribeRouteTables", "RouteTables", {"Routes": [route]})


def version(number: int, changes: dict[str, Any]) -> Plant:
    """A further version of the launch template, which its auto scaling group starts."""

    def apply(built: World) -> None:
        versions = built.get(ACME, "ec2:DescribeLaunchTemplateVersions", LaunchTemplateId="lt-acme")
        first = versions["LaunchTemplateVersions"][0]
        data = {**first["LaunchTemplateData"], **changes}
        versions["LaunchTemplateVersions"].append({**first, "VersionNumber": number, "LaunchTemplateData": data})
        listed = built.get(ACME, "ec2:DescribeLaunchTemplates")["LaunchTemplates"][0]
        listed["LatestVersionNumber"] = number + 1
        later = {**first, "VersionNumber": number + 1}
        versions["LaunchTemplateVersions"].append(later)

    return apply


def started(**group: Any) -> Plant:
    return entry("autoscaling:DescribeAutoScalingGroups", "AutoScalingGroups", group)


def both(*plants: Plant) -> Plant:
    def apply(built: World) -> list[Fact]:
        return [fact for plant in plants for fact in plant(built) or []]

    return apply


def credential_row(**values: str) -> Plant:
    base = {
        "user": "ada", "arn": f"arn:aws:iam::{ACME}:user/ada", "password_enabled": "false", "password_last_used": "N/A",
        "mfa_active": "false", "access_key_1_active": "false", "access_key_1_last_rotated": "N/A",
        "access_key_2_active": "false", "access_key_2_last_rotated": "N/A",
    } | values  # fmt: skip

    def apply(built: World) -> None:
        held = built.get(ACME, "iam:GetCredentialReport")
        held["Content"] += ",".join(base.values()) + "\n"

    return apply


def budget(**changes: Any) -> Plant:
    return entry("budgets:DescribeBudgets", "Budgets", changes, AccountId=ACME)


def told(**changes: Any) -> Plant:
    def apply(built: World) -> None:
        asked = {"AccountId": ACME, "BudgetName": "monthly"}
        for one in built.get(ACME, "budgets:DescribeNotificationsForBudget", **asked)["Notifications"]:
            one.update(changes)

    return apply


def grant(**changes: Any) -> Plant:
    held = {"GrantId": "g" * 20, "GranteePrincipal": f"arn:aws:iam::{ACME}:role/x", "Operations": ["Decrypt"]}
    return add("kms:ListGrants", "Grants", {**held, **changes}, KeyId=DATA_KEY)


def half(*off: str) -> dict[str, Any]:
    return {"PublicAccessBlockConfiguration": {**BLOCK, **dict.fromkeys(off, False)}}


ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": OBJECTS}
ROOT = f"arn:aws:iam::{GLOBEX}:root"
FOREIGN_GROUP = [{"UserId": GLOBEX, "GroupId": "sg-other"}]
TCP = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}

PLANTS: dict[str, tuple[str, str, Plant]] = {
    # name: rule, part of the resource's name or of the reason, plant
    "star in a list": (
        "storage.no-guests",
        DATA,
        bucket_policy(lambda s: s.append({**ALLOW, "Principal": {"AWS": ["*"]}})),
    ),
    "star among own": (
        "storage.no-guests",
        DATA,
        bucket_policy(lambda s: s.append({**ALLOW, "Principal": {"AWS": [ACME, "*"]}})),
    ),
    "account as number": (
        "storage.no-guests",
        GLOBEX,
        bucket_policy(lambda s: s.append({**ALLOW, "Principal": {"AWS": GLOBEX}})),
    ),
    "role of another": (
        "storage.no-guests",
        GLOBEX,
        bucket_policy(lambda s: s.append({**ALLOW, "Principal": {"AWS": [f"arn:aws:iam::{GLOBEX}:role/r"]}})),
    ),
    "NotPrincipal": (
        "storage.no-guests",
        DATA,
        bucket_policy(lambda s: s.append({**ALLOW, "NotPrincipal": {"AWS": ROOT}})),
    ),
    "whole organisation": (
        "storage.no-guests",
        DATA,
        bucket_policy(
            lambda s: s.append(
                {**ALLOW, "Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-example"}}}
            )
        ),
    ),
    "any account by pattern": (
        "storage.no-guests",
        DATA,
        bucket_policy(
            lambda s: s.append({**ALLOW, "Principal": "*", "Condition": {"StringLike": {"aws:PrincipalAccount": "*"}}})
        ),
    ),
    "if exists": (
        "storage.no-guests",
        DATA,
        bucket_policy(
            lambda s: s.append(
                {**ALLOW, "Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:PrincipalAccount": ACME}}}
            )
        ),
    ),
    "canonical user": (
        "storage.no-guests",
        DATA,
        bucket_policy(
            lambda s: s.append(
                {
                    **ALLOW,
                    "Principal": {"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"},
                }
            )
        ),
    ),
    "TLS for reading only": ("storage.tls-only", DATA, bucket_policy(lambda s: s[0].update(Action="s3:GetObject"))),
    "TLS for objects only": ("storage.tls-only", DATA, bucket_policy(lambda s: s[0].update(Resource=OBJECTS))),
    "half of the block": (
        "storage.public-access-blocked",
        DATA,
        bucket("GetPublicAccessBlock", half("BlockPublicPolicy")),
    ),
    "half of the account's block": (
        "storage.account-public-access-blocked",
        "IgnorePublicAcls",
        put("s3control:GetPublicAccessBlock", half("IgnorePublicAcls"), AccountId=ACME),
    ),
    "AES256": (
        "storage.encrypted-kms",
        DATA,
        bucket(
            "GetBucketEncryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                }
            },
        ),
    ),
    "AWS's own key": (
        "storage.encrypted-kms",
        DATA,
        bucket(
            "GetBucketEncryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [
                        {
                            "ApplyServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": f"arn:aws:kms:{REGION}:{ACME}:alias/aws/s3",
                            }
                        }
                    ]
                }
            },
        ),
    ),
    "key of that name elsewhere": (
        "storage.right-key",
        DATA,
        bucket(
            "GetBucketEncryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [
                        {
                            "ApplyServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": f"arn:aws:kms:{REGION}:{GLOBEX}:key/{DATA_KEY}",
                            }
                        }
                    ]
                }
            },
        ),
    ),
    "versions never enabled": ("storage.versioned", DATA, bucket("GetBucketVersioning", {})),
    "public ACL": (
        "storage.no-acls",
        "AllUsers",
        bucket(
            "GetBucketAcl",
            {
                "Owner": {"ID": "o"},
                "Grants": [
                    {
                        "Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"},
                        "Permission": "READ",
                    }
                ],
            },
        ),
    ),
    "replication in one disabled rule and one enabled": (
        "storage.no-foreign-replication",
        DATA,
        bucket(
            "GetBucketReplication",
            {
                "ReplicationConfiguration": {
                    "Role": "r",
                    "Rules": [
                        {"Status": "Disabled", "Destination": {"Bucket": "arn:aws:s3:::bh-acme-model"}},
                        {"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::elsewhere"}},
                    ],
                }
            },
        ),
    ),
    "rotation off": (
        "keys.rotation",
        DATA_KEY,
        put("kms:GetKeyRotationStatus", {"KeyRotationEnabled": False}, KeyId=DATA_KEY),
    ),
    "multi-region key": (
        "keys.own-material",
        DATA_KEY,
        lambda w: w.get(ACME, "kms:DescribeKey", KeyId=DATA_KEY)["KeyMetadata"].update(MultiRegion=True),
    ),
    "key for anyone by ViaService": (
        "keys.no-guests",
        DATA_KEY,
        key_policy(
            "data",
            lambda s: s.append(
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": ["*"]},
                    "Action": "kms:Decrypt",
                    "Resource": "*",
                    "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
                }
            ),
        ),
    ),
    "key for another's root": (
        "keys.no-guests",
        GLOBEX,
        key_policy(
            "checkpoint",
            lambda s: s.append({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}),
        ),
    ),
    "grant to own role": ("keys.grants-by-services-only", "role/x", grant()),
    "grant to another's role": (
        "keys.grants-by-services-only",
        GLOBEX,
        grant(GranteePrincipal=f"arn:aws:iam::{GLOBEX}:role/y", Name="n"),
    ),
    "attestation by a weak operator": (
        "keys.attested-use",
        "alias/bh/acme/data",
        key_policy(
            "data", lambda s: s[-1].update(Condition={"Null": {"kms:RecipientAttestation:NitroTPMPCR4": "false"}})
        ),
    ),
    "governance mode": ("audit.object-lock", "bh-audit", retention(Mode="GOVERNANCE", Years=10)),
    "one year": ("audit.object-lock", "bh-audit", retention(Mode="COMPLIANCE", Years=1)),
    "no default retention": (
        "audit.object-lock",
        "bh-audit",
        bucket(
            "GetObjectLockConfiguration",
            {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
            name="bh-audit",
            account=AUDIT,
        ),
    ),
    "deleted on a day": (
        "audit.no-early-expiry",
        "bh-audit",
        lifecycle({"Expiration": {"Date": "2026-04-01T00:00:00.000Z"}}),
    ),
    "old versions deleted": (
        "audit.no-early-expiry",
        "bh-audit",
        lifecycle({"NoncurrentVersionExpiration": {"NoncurrentDays": 1}}),
    ),
    "second rule": (
        "audit.no-early-expiry",
        "bh-audit",
        lifecycle({"Expiration": {"Days": 4000}}, {"Expiration": {"Days": 1}, "Filter": {"Prefix": "AWSLogs/"}}),
    ),
    "KMS left out": (
        "audit.trail-management-events",
        "bh-organisation",
        selectors({**SIMPLE, "ExcludeManagementEventSources": ["kms.amazonaws.com"]}),
    ),
    "only writes": (
        "audit.trail-management-events",
        "bh-organisation",
        selectors({**SIMPLE, "ReadWriteType": "WriteOnly"}),
    ),
    "only writes of objects": (
        "audit.trail-data-events",
        "bh-organisation",
        selectors(
            {**SIMPLE, "DataResources": []}, {**SIMPLE, "ReadWriteType": "WriteOnly", "IncludeManagementEvents": False}
        ),
    ),
    "one bucket": (
        "audit.trail-data-events",
        "bh-organisation",
        selectors({**SIMPLE, "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::one/"]}]}),
    ),
    "advanced without KMS": (
        "audit.trail-management-events",
        "bh-organisation",
        selectors(
            {"FieldSelectors": [*MANAGED["FieldSelectors"], field("eventSource", NotEquals=["kms.amazonaws.com"])]},
            advanced=True,
        ),
    ),
    "advanced writes": (
        "audit.trail-data-events",
        "bh-organisation",
        selectors({"FieldSelectors": [*OBJECT_EVENTS, field("readOnly", Equals=["false"])]}, advanced=True),
    ),
    "trail of one account": (
        "audit.trail-exists",
        "",
        entry(
            "cloudtrail:DescribeTrails",
            "trailList",
            {"IsOrganizationTrail": False},
            account=MANAGEMENT,
            includeShadowTrails=True,
        ),
    ),
    "second key stale": (
        "identity.access-keys-fresh",
        "ada",
        credential_row(access_key_2_active="true", access_key_2_last_rotated="2025-01-01T00:00:00+00:00"),
    ),
    "trust of a star in a list": ("identity.trust-not-everyone", "data-owner", trusting({"AWS": ["*"]})),
    "trust of a star beside": (
        "identity.trust-not-everyone",
        "data-owner",
        trusting({"AWS": [f"arn:aws:iam::{ACME}:root", "*"]}),
    ),
    "trust of a star, weak condition": (
        "identity.trust-not-everyone",
        "data-owner",
        trusting({"AWS": "*"}, Condition={"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}),
    ),
    "trust of a star, external id": (
        "identity.trust-not-everyone",
        "data-owner",
        trusting("*", Condition={"StringEquals": {"sts:ExternalId": "x"}}),
    ),
    "trust of a star, MFA": (
        "identity.trust-own-account",
        "data-owner",
        trusting({"AWS": "*"}, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    ),
    "trust of a neighbour": ("identity.trust-own-account", "globex", trusting({"AWS": GLOBEX})),
    "trust of a directory": (
        "identity.trust-own-account",
        "data-owner",
        trusting({"Federated": "accounts.google.com"}, Action="sts:AssumeRoleWithWebIdentity"),
    ),
    "no boundary on one role": ("identity.boundary-on-roles", "data-owner", role({"PermissionsBoundary": {}}, 1)),
    "another boundary": (
        "identity.boundary-on-roles",
        "auditor",
        role({"PermissionsBoundary": {"PermissionsBoundaryArn": "arn:aws:iam::aws:policy/AdministratorAccess"}}, 2),
    ),
    "administrator by colon": (
        "identity.no-administrators",
        "auditor",
        role(inline({"Effect": "Allow", "Action": "*:*", "Resource": "*"}), 2),
    ),
    "administrator in a list": (
        "identity.no-administrators",
        "auditor",
        role(inline({"Effect": "Allow", "Action": ["s3:GetObject", "*"], "Resource": ["*"]}), 2),
    ),
    "administrator by NotAction": (
        "identity.no-administrators",
        "auditor",
        role(inline({"Effect": "Allow", "NotAction": "s3:DeleteBucket", "Resource": "*"}), 2),
    ),
    "administrator by NotResource": (
        "identity.no-administrators",
        "auditor",
        role(inline({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::x"}), 2),
    ),
    "IAM by AWS's policy": ("identity.standing-roles-limited", "auditor", role(attached("IAMFullAccess"), 2)),
    "power user": ("identity.standing-roles-limited", "auditor", role(attached("PowerUserAccess"), 2)),
    "bucket policy of one bucket": (
        "identity.standing-roles-limited",
        "trainer",
        role(inline({"Effect": "Allow", "Action": "s3:PutBucketPolicy", "Resource": f"arn:aws:s3:::{DATA}"})),
    ),
    "grant on one key": (
        "identity.standing-roles-limited",
        "trainer",
        role(inline({"Effect": "Allow", "Action": "kms:Create*", "Resource": f"arn:aws:kms:{REGION}:{ACME}:key/*"})),
    ),
    "key policy on one key": (
        "identity.standing-roles-limited",
        "trainer",
        role(
            inline({"Effect": "Allow", "Action": "kms:PutKeyPolicy", "Resource": arn("kms", ACME, f"key/{DATA_KEY}")})
        ),
    ),
    "machines of one type": (
        "identity.standing-roles-limited",
        "trainer",
        role(inline({"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "arn:aws:ec2:*:*:instance/*"})),
    ),
    "boundary by NotAction": (
        "identity.boundary-holds",
        "",
        lambda w: w.get(ACME, "iam:GetAccountAuthorizationDetails")["Policies"][0].update(
            PolicyVersionList=[
                {
                    "VersionId": "v2",
                    "IsDefaultVersion": True,
                    "Document": json.loads(policy({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"})),
                }
            ]
        ),
    ),
    "open IPv6": ("network.inbound-closed", "sg-acme1", ingress(**TCP, Ipv6Ranges=[{"CidrIpv6": "::/0"}])),
    "open prefix list": (
        "network.inbound-closed",
        "sg-acme1",
        ingress(**TCP, PrefixListIds=[{"PrefixListId": "pl-0aa"}]),
    ),
    "group of another": ("network.inbound-closed", "sg-acme1", ingress(**TCP, UserIdGroupPairs=FOREIGN_GROUP)),
    "wider range": ("network.inbound-closed", "10.20.0.0/19", ingress(**TCP, IpRanges=[{"CidrIp": "10.20.0.0/19"}])),
    "out to a group of another": ("network.outbound-closed", "sg-acme1", egress(**TCP, UserIdGroupPairs=FOREIGN_GROUP)),
    "out to IPv6": ("network.outbound-closed", "sg-acme1", egress(**TCP, Ipv6Ranges=[{"CidrIpv6": "::/0"}])),
    "way out by an appliance's endpoint": (
        "network.routes-stay-inside",
        "rtb-acme",
        routed(DestinationCidrBlock="0.0.0.0/0", GatewayId="vpce-0gwlb"),
    ),
    "way out by a machine": (
        "network.routes-stay-inside",
        "rtb-acme",
        routed(DestinationCidrBlock="10.30.0.0/20", NetworkInterfaceId="eni-1", InstanceId="i-1"),
    ),
    "way out by a core network": (
        "network.routes-stay-inside",
        "rtb-acme",
        routed(DestinationIpv6CidrBlock="::/0", CoreNetworkArn="arn:aws:networkmanager::1:core-network/x"),
    ),
    "refused flows only": (
        "network.flow-logs",
        "vpc-acme",
        entry("ec2:DescribeFlowLogs", "FlowLogs", {"TrafficType": "REJECT"}),
    ),
    "flow log that fails": (
        "network.flow-logs",
        "vpc-acme",
        entry("ec2:DescribeFlowLogs", "FlowLogs", {"DeliverLogsStatus": "FAILED"}),
    ),
    "IPv6 in the subnet": (
        "network.subnets-private",
        "subnet-acme",
        entry("ec2:DescribeSubnets", "Subnets", {"AssignIpv6AddressOnCreation": True}),
    ),
    "IMDSv1 in a version that is started": (
        "node.template-imds",
        "lt-acme/7",
        both(
            version(7, {"MetadataOptions": {"HttpTokens": "optional"}}),
            started(LaunchTemplate={"LaunchTemplateId": "lt-acme", "Version": "7"}),
        ),
    ),
    "IMDSv1 in a version of a mixed group": (
        "node.template-imds",
        "lt-acme/7",
        both(
            version(7, {"MetadataOptions": {"HttpTokens": "optional"}}),
            started(
                LaunchTemplate=None,
                MixedInstancesPolicy={
                    "LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-acme", "Version": "7"}}
                },
            ),
        ),
    ),
    "IMDSv1 in a version of an override": (
        "node.template-imds",
        "lt-acme/7",
        both(
            version(7, {"MetadataOptions": {"HttpTokens": "optional"}}),
            started(
                MixedInstancesPolicy={
                    "LaunchTemplate": {
                        "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-acme", "Version": "1"},
                        "Overrides": [
                            {
                                "LaunchTemplateSpecification": {
                                    "LaunchTemplateName": "x",
                                    "LaunchTemplateId": "lt-acme",
                                    "Version": "7",
                                }
                            }
                        ],
                    }
                }
            ),
        ),
    ),
    "no metadata options": ("node.template-imds", "lt-acme", template({"MetadataOptions": {}})),
    "address of a second interface": (
        "node.instance-no-public-address",
        "i-acme",
        instance({"NetworkInterfaces": [{}, {"Association": {"PublicIp": "198.51.100.9"}}]}),
    ),
    "EBS plain in one region": (
        "node.encryption-by-default",
        ELSEWHERE,
        elsewhere("ec2:GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": False}),
    ),
    "serial console in one region": (
        "node.no-serial-console",
        ELSEWHERE,
        elsewhere("ec2:GetSerialConsoleAccessStatus", {"SerialConsoleAccessEnabled": True}),
    ),
    "snapshots in one region": (
        "node.no-public-snapshots",
        ELSEWHERE,
        elsewhere("ec2:GetSnapshotBlockPublicAccessState", {"State": "unblocked"}),
    ),
    "images in one region": (
        "node.no-public-images",
        ELSEWHERE,
        elsewhere("ec2:GetImageBlockPublicAccessState", {"ImageBlockPublicAccessState": "unblocked"}),
    ),
    "AWS's disk key in one region": (
        "node.default-disk-key",
        ELSEWHERE,
        elsewhere("ec2:GetEbsDefaultKmsKeyId", {"KmsKeyId": "alias/aws/ebs"}),
    ),
    "snapshots blocked for new ones only": (
        "node.no-public-snapshots",
        "block-new-sharing",
        put("ec2:GetSnapshotBlockPublicAccessState", {"State": "block-new-sharing"}),
    ),
    "public snapshot": (
        "sharing.snapshots-private",
        "snap-acme",
        add(
            "ec2:DescribeSnapshotAttribute",
            "CreateVolumePermissions",
            {"Group": "all"},
            SnapshotId="snap-acme",
            Attribute="createVolumePermission",
        ),
    ),
    "image for an organisation": (
        "sharing.images-private",
        "ami-acme",
        add(
            "ec2:DescribeImageAttribute",
            "LaunchPermissions",
            {"OrganizationArn": "arn:aws:organizations::1:organization/o-x"},
            ImageId="ami-acme",
            Attribute="launchPermission",
        ),
    ),
    "log group of seven days": (
        "audit.log-retention",
        "/bh/acme/flow",
        entry("logs:DescribeLogGroups", "logGroups", {"retentionInDays": 7}, 1),
    ),
    "no detector in one region": (
        "monitoring.guardduty",
        ELSEWHERE,
        elsewhere("guardduty:ListDetectors", {"DetectorIds": []}),
    ),
    "no analyzer in one region": (
        "monitoring.access-analyzer",
        ELSEWHERE,
        elsewhere("accessanalyzer:ListAnalyzers", {"analyzers": []}),
    ),
    "alarms switched off": (
        "monitoring.alarms",
        "",
        entry("cloudwatch:DescribeAlarms", "MetricAlarms", {"ActionsEnabled": False}),
    ),
    "budget in another currency": ("budget.limit", "", budget(BudgetLimit={"Amount": "5000", "Unit": "GB"})),
    "budget of one service": ("budget.limit", "", budget(CostFilters={"Service": ["Amazon S3"]})),
    "yearly budget": ("budget.limit", "", budget(TimeUnit="ANNUALLY")),
    "alert below": ("budget.alerts", "50", told(ComparisonOperator="LESS_THAN")),
    "alert in dollars": ("budget.alerts", "50", told(ThresholdType="ABSOLUTE_VALUE")),
    "denied only where MFA is": (
        "perimeter.scp-audit-stays-on",
        "",
        organisation_policy("SERVICE", SCP_DOCUMENT.replace('"ArnNotLikeIfExists"', '"ArnLike"')),
    ),
}

CLEAN: dict[str, tuple[str, Plant]] = {
    "own account as a number": (
        "storage.no-guests",
        bucket_policy(lambda s: s.append({**ALLOW, "Principal": {"AWS": ACME}})),
    ),
    "own account as root": (
        "storage.no-guests",
        bucket_policy(lambda s: s.append({**ALLOW, "Principal": {"AWS": [f"arn:aws:iam::{ACME}:root"]}})),
    ),
    "star confined": (
        "storage.no-guests",
        bucket_policy(
            lambda s: s.append(
                {**ALLOW, "Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": [ACME]}}}
            )
        ),
    ),
    "star confined, other case": (
        "storage.no-guests",
        bucket_policy(
            lambda s: s.append(
                {**ALLOW, "Principal": {"AWS": "*"}, "Condition": {"stringequals": {"AWS:principalaccount": ACME}}}
            )
        ),
    ),
    "denied to all but": (
        "storage.denies-other-accounts",
        bucket_policy(lambda s: s[1].pop("Action") and s[1].update(NotAction="s3:ListAllMyBuckets")),
    ),
    "TLS by number": (
        "storage.tls-only",
        bucket_policy(lambda s: s[0].update(Condition={"Bool": {"aws:securetransport": False}})),
    ),
    "TLS by version": ("storage.tls-only", bucket_policy(lambda s: s[0].update(Action="*", Resource="*"))),
    "ten years": ("audit.object-lock", retention(Mode="COMPLIANCE", Years=10)),
    "3650 days": ("audit.object-lock", retention(Mode="COMPLIANCE", Days=3650)),
    "late expiry": ("audit.no-early-expiry", lifecycle({"Expiration": {"Days": 4000}})),
    "expiry after the retention": (
        "audit.no-early-expiry",
        lifecycle({"Expiration": {"Days": 4000}, "NoncurrentVersionExpiration": {"NoncurrentDays": 4000}}),
    ),
    "markers removed": ("audit.no-early-expiry", lifecycle({"Expiration": {"ExpiredObjectDeleteMarker": True}})),
    "uploads aborted": (
        "audit.no-early-expiry",
        lifecycle({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}),
    ),
    "every bucket by its own name": (
        "audit.trail-data-events",
        selectors({**SIMPLE, "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::"]}]}),
    ),
    "reads and writes apart": (
        "audit.trail-data-events",
        selectors({**SIMPLE, "ReadWriteType": "ReadOnly"}, {**SIMPLE, "ReadWriteType": "WriteOnly"}),
    ),
    "management events apart": (
        "audit.trail-management-events",
        selectors({**SIMPLE, "ReadWriteType": "ReadOnly"}, {**SIMPLE, "ReadWriteType": "WriteOnly"}),
    ),
    "advanced": ("audit.trail-data-events", selectors(MANAGED, {"FieldSelectors": OBJECT_EVENTS}, advanced=True)),
    "advanced management": (
        "audit.trail-management-events",
        selectors(MANAGED, {"FieldSelectors": OBJECT_EVENTS}, advanced=True),
    ),
    "trust of the own account by number": ("identity.trust-not-everyone", trusting({"AWS": ACME})),
    "trust of a star confined": (
        "identity.trust-not-everyone",
        trusting({"AWS": "*"}, Condition={"StringEquals": {"aws:PrincipalAccount": ACME}}),
    ),
    "trust of a star confined, own": (
        "identity.trust-own-account",
        trusting({"AWS": "*"}, Condition={"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACME}:role/*"}}),
    ),
    "reader": (
        "identity.standing-roles-limited",
        role(inline({"Effect": "Allow", "Action": ["s3:Get*", "kms:Describe*"], "Resource": "*"})),
    ),
    "power taken back": (
        "identity.standing-roles-limited",
        role(
            inline(
                {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{DATA}*"},
                {"Effect": "Deny", "Action": ["s3:Put*Policy", "s3:DeleteBucketPolicy"], "Resource": "*"},
            )
        ),
    ),
    "NotAction that denies": (
        "identity.no-administrators",
        role(inline({"Effect": "Deny", "NotAction": "s3:GetObject", "Resource": "*"})),
    ),
    "NotAction on one bucket": (
        "identity.no-administrators",
        role(inline({"Effect": "Allow", "NotAction": "s3:DeleteBucket", "Resource": f"arn:aws:s3:::{DATA}"})),
    ),
    "key by alias": (
        "storage.right-key",
        bucket(
            "GetBucketEncryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [
                        {
                            "ApplyServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms:dsse",
                                "KMSMasterKeyID": arn("kms", ACME, "alias/bh/acme/data"),
                            }
                        }
                    ]
                }
            },
        ),
    ),
    "key by id": (
        "storage.right-key",
        bucket(
            "GetBucketEncryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [
                        {
                            "ApplyServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": key_id(ACME, "data"),
                            }
                        }
                    ]
                }
            },
        ),
    ),
    "old version of a template": ("node.template-imds", version(7, {"MetadataOptions": {"HttpTokens": "optional"}})),
    "group starts the default": (
        "node.template-imds",
        started(LaunchTemplate={"LaunchTemplateId": "lt-acme", "Version": "$Default"}),
    ),
    "second region is good": (
        "node.encryption-by-default",
        elsewhere("ec2:GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": True}),
    ),
    "alerts as the service gives them": (
        "budget.alerts",
        told(ComparisonOperator="GREATER_THAN", ThresholdType="PERCENTAGE"),
    ),
    "budget with nothing left out": (
        "budget.limit",
        budget(CostFilters={}, BudgetLimit={"Amount": "5000.0", "Unit": "USD"}),
    ),
    "route to a gateway endpoint": (
        "network.routes-stay-inside",
        routed(DestinationPrefixListId="pl-63a5400a", GatewayId="vpce-1"),
    ),
    "out to an own group": (
        "network.outbound-closed",
        egress(**TCP, UserIdGroupPairs=[{"UserId": ACME, "GroupId": "sg-acme1"}]),
    ),
    "narrower range": ("network.inbound-closed", ingress(**TCP, IpRanges=[{"CidrIp": "10.20.4.0/24"}])),
    "grant to a service-linked role": (
        "keys.grants-by-services-only",
        grant(
            GranteePrincipal=f"arn:aws:iam::{ACME}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
        ),
    ),
    "labels in another order": (
        "data.buckets-labelled",
        lambda w: w.get(ACME, "s3:GetBucketTagging", Bucket=DATA)["TagSet"].reverse(),
    ),
    "fresh key": (
        "identity.access-keys-fresh",
        credential_row(access_key_1_active="true", access_key_1_last_rotated="2026-02-20T00:00:00+00:00"),
    ),
}
