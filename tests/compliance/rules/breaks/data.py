"""Breaks of storage, keys, data governance, budget, monitoring and audit."""

from __future__ import annotations

from dataclasses import replace

from compliance.facts.fact import Status
from tests.compliance.rules.breaks.common import (
    ANYONE,
    DATA,
    GUEST,
    Break,
    add,
    bucket,
    bucket_policy,
    entry,
    key_policy,
    label,
    member,
    put,
    tenant,
)
from tests.compliance.world import ACME, AUDIT, GLOBEX, MANAGEMENT, DataSetScope, World, arn, key_id, policy

TRAIL = arn("cloudtrail", MANAGEMENT, "trail/bh-organisation")
DATA_KEY = key_id(ACME, "data")
OBJECTS = f"arn:aws:s3:::{DATA}/*"


def _no_bucket(world: World) -> None:
    listed = world.get(ACME, "s3:ListBuckets")["Buckets"]
    listed[:] = [one for one in listed if one["Name"] != "bh-acme-model"]


def _no_alias(purpose: str) -> Break:
    def apply(world: World) -> None:
        named = world.get(ACME, "kms:ListAliases")["Aliases"]
        named[:] = [one for one in named if not one["AliasName"].endswith(f"/{purpose}")]

    return apply


def _one_key_for_two(world: World) -> None:
    named = world.get(ACME, "kms:ListAliases")["Aliases"]
    named[0]["TargetKeyId"] = named[1]["TargetKeyId"]


def _metadata(**changes: object) -> Break:
    return lambda world: world.get(ACME, "kms:DescribeKey", KeyId=DATA_KEY)["KeyMetadata"].update(changes)


def _trail(**changes: object) -> Break:
    return entry("cloudtrail:DescribeTrails", "trailList", changes, account=MANAGEMENT, includeShadowTrails=True)


def _labels(**labels: str) -> Break:
    def apply(world: World) -> None:
        held = world.get(ACME, "s3:GetBucketTagging", Bucket=DATA)
        held["TagSet"] = label(held["TagSet"], **labels)

    return apply


def _audit_in_tenant(world: World) -> None:
    world.scope = replace(world.scope, management_account=AUDIT)
    world.put(AUDIT, "organizations:ListAccounts", {"Accounts": [{"Id": AUDIT}]})


def _not_replicated_only_here(account: str) -> dict:
    rule = {"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::copies", "Account": account}}
    return {"ReplicationConfiguration": {"Role": "r", "Rules": [rule]}}


GRANT = {"GrantId": "g" * 20, "GranteePrincipal": f"arn:aws:iam::{GLOBEX}:role/thief", "Operations": ["Decrypt"]}
FOREVER = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 9999}}
FOREIGN_EVENTS = {"QueueConfigurations": [{"QueueArn": arn("sqs", GLOBEX, "q"), "Events": ["s3:*"]}]}
AUDIT_BUCKET = {"name": "bh-audit", "account": AUDIT}
SELECTOR = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": False, "DataResources": []}
ROTATION = {"KeyRotationEnabled": True, "RotationPeriodInDays": 2000}
LOCK = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 400}}}
POINT = {"Name": "out", "Bucket": DATA, "NetworkOrigin": "Internet"}


def _access_point(world: World) -> None:
    world.put(ACME, "s3control:ListAccessPoints", {"AccessPointList": [POINT]}, AccountId=ACME)
    world.put(ACME, "s3control:GetAccessPoint", POINT, AccountId=ACME, Name="out")
    world.put(ACME, "s3control:GetAccessPointPolicy", {"Policy": policy(GUEST)}, AccountId=ACME, Name="out")


def _replace_statement(number: int) -> Break:
    return bucket_policy(lambda statements: [s for at, s in enumerate(statements) if at != number])


def _delegates(statements: list) -> None:
    root = {"AWS": f"arn:aws:iam::{ACME}:root"}
    statements.append({"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"})


def _service_for_anyone(statements: list) -> None:
    service = {"Service": "logs.us-east-1.amazonaws.com"}
    statements.append({"Effect": "Allow", "Principal": service, "Action": "kms:Decrypt", "Resource": "*"})


def _administrator_uses(statements: list) -> None:
    statements[2]["Action"].append("kms:Decrypt")


def _unlabelled(statements: list) -> None:
    del statements[3]["Condition"]


def _grants_for_all(statements: list) -> list:
    root = {"AWS": f"arn:aws:iam::{ACME}:root"}
    kept = [one for one in statements if "kms:CreateGrant" not in one["Action"]]
    return [*kept, {"Effect": "Allow", "Principal": root, "Action": "kms:CreateGrant", "Resource": "*"}]


BREAKS: dict[str, Break] = {
    "storage.buckets-exist": _no_bucket,
    "storage.encrypted-kms": bucket("GetBucketEncryption", None),
    "storage.right-key": bucket(
        "GetBucketEncryption",
        {
            "ServerSideEncryptionConfiguration": {
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": arn("kms", ACME, f"key/{key_id(ACME, 'export')}"),
                        }
                    }
                ]
            }
        },
    ),
    "storage.wrong-key-refused": _replace_statement(3),
    "storage.tls-only": _replace_statement(0),
    "storage.versioned": bucket("GetBucketVersioning", {"Status": "Suspended"}),
    "storage.public-access-blocked": bucket("GetPublicAccessBlock", None),
    "storage.account-public-access-blocked": put("s3control:GetPublicAccessBlock", None, AccountId=ACME),
    "storage.no-acls": bucket("GetBucketOwnershipControls", None),
    "storage.no-guests": bucket_policy(lambda statements: statements.append({**GUEST, "Resource": OBJECTS})),
    "storage.denies-other-accounts": _replace_statement(1),
    "storage.own-endpoint-only": _replace_statement(2),
    "storage.no-unsigned-read": bucket_policy(lambda _: [{**ANYONE, "Resource": OBJECTS}]),
    "storage.no-foreign-replication": bucket("GetBucketReplication", _not_replicated_only_here(GLOBEX)),
    "storage.no-foreign-outlets": bucket("GetBucketNotificationConfiguration", FOREIGN_EVENTS),
    "storage.no-web-site": bucket("GetBucketWebsite", {"IndexDocument": {"Suffix": "index.html"}}),
    "storage.access-points-closed": _access_point,
    "keys.exist": _no_alias("export"),
    "keys.separate-purposes": _one_key_for_two,
    "keys.rotation": put("kms:GetKeyRotationStatus", ROTATION, KeyId=DATA_KEY),
    "keys.enabled": _metadata(KeyState="Disabled"),
    "keys.not-being-deleted": _metadata(KeyState="PendingDeletion"),
    "keys.own-material": _metadata(Origin="EXTERNAL"),
    "keys.no-guests": key_policy("data", lambda statements: statements.append(GUEST)),
    "keys.services-confined": key_policy("logs", _service_for_anyone),
    "keys.denies-other-accounts": key_policy("data", lambda statements: statements[1:]),
    "keys.grants-by-services-only": add("kms:ListGrants", "Grants", GRANT, KeyId=DATA_KEY),
    "keys.no-grants-by-people": key_policy("data", _grants_for_all),
    "keys.no-iam-delegation": key_policy("data", _delegates),
    "keys.administrators-cannot-use": key_policy("export", _administrator_uses),
    "keys.attested-use": key_policy("data", lambda statements: statements[:-1]),
    "keys.labelled-use": key_policy("data", _unlabelled),
    "data.retention-within-class": tenant(datasets=(DataSetScope("records", "restricted", 400),)),
    "data.retention-enforced": bucket("GetBucketLifecycleConfiguration", {"Rules": [FOREVER]}),
    "data.buckets-labelled": _labels(tenant="globex"),
    "data.classified": _labels(sensitivity="public"),
    "data.keys-labelled": put(
        "kms:ListResourceTags", {"Tags": [{"TagKey": "tenant", "TagValue": "globex"}]}, KeyId=DATA_KEY
    ),
    "data.subnets-labelled": entry("ec2:DescribeSubnets", "Subnets", {"Tags": []}),
    "budget.limit": put("budgets:DescribeBudgets", {"Budgets": []}, AccountId=ACME),
    "budget.alerts": put(
        "budgets:DescribeNotificationsForBudget", {"Notifications": []}, AccountId=ACME, BudgetName="monthly"
    ),
    "budget.quota-known": put("service-quotas:ListServiceQuotas", {"Quotas": []}, ServiceCode="ec2"),
    "monitoring.alarms": put("cloudwatch:DescribeAlarms", {"MetricAlarms": []}),
    "monitoring.refused-flows": put("logs:DescribeMetricFilters", {"metricFilters": []}, logGroupName="/bh/acme/flow"),
    "monitoring.guardduty": put("guardduty:GetDetector", {"Status": "DISABLED"}, DetectorId="d1"),
    "monitoring.access-analyzer": put("accessanalyzer:ListAnalyzers", {"analyzers": []}),
    "audit.account-apart": _audit_in_tenant,
    "audit.trail-exists": put("cloudtrail:DescribeTrails", {"trailList": []}, MANAGEMENT, includeShadowTrails=True),
    "audit.trail-everywhere": _trail(IsMultiRegionTrail=False),
    "audit.trail-on": put("cloudtrail:GetTrailStatus", {"IsLogging": False}, MANAGEMENT, Name=TRAIL),
    "audit.trail-digests-delivered": put(
        "cloudtrail:GetTrailStatus",
        {"IsLogging": True, "LatestDigestDeliveryTime": "2026-03-01T06:00:00.000Z"},
        MANAGEMENT,
        Name=TRAIL,
    ),
    "audit.trail-never-stopped": put(
        "cloudtrail:GetTrailStatus",
        {
            "IsLogging": True,
            "StopLoggingTime": "2026-02-01T06:00:00.000Z",
            "StartLoggingTime": "2026-02-01T09:00:00.000Z",
        },
        MANAGEMENT,
        Name=TRAIL,
    ),
    "audit.trail-no-gap": put(
        "cloudtrail:GetTrailStatus",
        {"IsLogging": True, "LatestDeliveryTime": "2026-02-20T00:00:00.000Z"},
        MANAGEMENT,
        Name=TRAIL,
    ),
    "audit.trail-digests": _trail(LogFileValidationEnabled=False),
    "audit.trail-key": _trail(KmsKeyId=arn("kms", ACME, "key/x")),
    "audit.trail-target": _trail(S3BucketName="bh-acme-data"),
    "audit.trail-data-events": put(
        "cloudtrail:GetEventSelectors",
        {"TrailARN": TRAIL, "EventSelectors": [{**SELECTOR, "IncludeManagementEvents": True}]},
        MANAGEMENT,
        TrailName=TRAIL,
    ),
    "audit.trail-management-events": put(
        "cloudtrail:GetEventSelectors", {"TrailARN": TRAIL, "EventSelectors": [SELECTOR]}, MANAGEMENT, TrailName=TRAIL
    ),
    "audit.bucket-exists": put("s3:ListBuckets", {"Buckets": [], "Owner": {"ID": "x"}}, AUDIT),
    "audit.object-lock": bucket("GetObjectLockConfiguration", {"ObjectLockConfiguration": LOCK}, **AUDIT_BUCKET),
    "audit.no-early-expiry": bucket(
        "GetBucketLifecycleConfiguration", {"Rules": [{**FOREVER, "Expiration": {"Days": 30}}]}, **AUDIT_BUCKET
    ),
    "audit.bucket-policy": bucket("GetBucketPolicy", None, **AUDIT_BUCKET),
    "audit.bucket-closed": bucket_policy(lambda statements: statements[:1], **AUDIT_BUCKET),
    "audit.bucket-key": bucket("GetBucketEncryption", None, **AUDIT_BUCKET),
    "audit.log-groups-exist": put("logs:DescribeLogGroups", {"logGroups": []}),
    "audit.log-retention": entry("logs:DescribeLogGroups", "logGroups", {"retentionInDays": 7}),
    "audit.log-encryption": lambda world: world.get(ACME, "logs:DescribeLogGroups")["logGroups"][0].pop("kmsKeyId"),
}
INDETERMINATE: dict[str, Break] = {
    "coverage.complete": lambda world: world.statuses.update({(ACME, "kms:ListGrants"): Status.DENIED}),
}
"""Rules that never fail: what they find is that nothing can be said."""

__all__ = ["BREAKS", "INDETERMINATE", "member"]
