"""AWS services that act for the tenants are not refused by the documents that keep others out."""

from __future__ import annotations

from modules.policy import buckets, keys, organisation, roles
from tests.modules.policy.test_each_statement_matters import (
    ACME,
    AUDIT,
    DATA,
    DEPLOYER_ROLE,
    FULL,
    GLOBEX,
    INSIDE,
    KEY,
    MANAGEMENT,
    RCP,
    SCOPE,
    allowed,
    question,
    role,
    under_rcp,
    with_open_policy,
)

NOTHING = {"identityPolicies": []}
SERVICE_LINKED = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"


def test_people_sign_in_through_identity_center() -> None:
    reserved = "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_acme-data-owner_0a1b"
    for action in ("sts:AssumeRoleWithSAML", "sts:TagSession"):
        asked = question(
            action,
            f"arn:aws:iam::{ACME}:{reserved}",
            {"federated": f"arn:aws:iam::{ACME}:saml-provider/p"},
            **under_rcp(RCP),
        )
        assert allowed(asked), action


def test_auto_scaling_attaches_disks_with_no_policy_of_its_own() -> None:
    disk = {"resourcePolicy": keys.key_policy(SCOPE, "disk")} | NOTHING
    through_ec2 = {"kms:ViaService": "ec2.us-east-1.amazonaws.com", "kms:GrantIsForAWSResource": "true"}

    def asked(action: str, account: str, name: str, **context: str) -> bool:
        who = {"aws:PrincipalArn": f"arn:aws:iam::{account}:{name}", "kms:CallerAccount": account}
        caller = role(name.rpartition("/")[2], account)
        return allowed(question(action, KEY, caller, context=who | context, **disk))

    for action in ("kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext", "kms:Decrypt"):
        assert asked(action, ACME, SERVICE_LINKED, **through_ec2), action
        assert not asked(action, ACME, SERVICE_LINKED), f"{action} without EC2"
        assert not asked(action, GLOBEX, SERVICE_LINKED, **through_ec2), f"{action} from another account"
        assert not asked(action, ACME, "role/AWSServiceRoleForAutoScaling", **through_ec2), f"{action} by a namesake"


def test_the_trail_describes_its_key_without_an_encryption_context() -> None:
    arn = f"arn:aws:kms:us-east-1:{AUDIT}:key/1"
    policy = {"resourcePolicy": keys.audit_key_policy("bh", AUDIT, MANAGEMENT, "us-east-1")} | NOTHING
    cloudtrail = {"service": "cloudtrail.amazonaws.com"}
    own = {"aws:SourceArn": f"arn:aws:cloudtrail:us-east-1:{MANAGEMENT}:trail/bh-organisation"}
    other = {"aws:SourceArn": f"arn:aws:cloudtrail:us-east-1:{GLOBEX}:trail/bh-organisation"}
    context = {"kms:EncryptionContext:aws:cloudtrail:arn": own["aws:SourceArn"]}
    assert allowed(question("kms:DescribeKey", arn, cloudtrail, AUDIT, own, **policy))
    assert not allowed(question("kms:DescribeKey", arn, cloudtrail, AUDIT, other, **policy))
    assert allowed(question("kms:GenerateDataKey", arn, cloudtrail, AUDIT, own | context, **policy))
    assert not allowed(question("kms:GenerateDataKey", arn, cloudtrail, AUDIT, own, **policy))


def test_an_upload_under_the_buckets_own_key_is_taken() -> None:
    policy = with_open_policy(buckets.bucket_policy(SCOPE, "data", KEY))
    named = {
        "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": KEY,
    }
    for context in ({}, named):
        asked = question("s3:PutObject", f"{DATA}/x", role("bh-acme-data-owner"), context=INSIDE | context)
        assert allowed(asked | policy)


def test_flow_records_are_written_during_a_quarantine() -> None:
    quarantine = organisation.quarantine_policy("bh")
    group = f"arn:aws:logs:us-east-1:{ACME}:log-group:/bh/acme/flow:log-stream:eni-1"
    locked = {"serviceControlPolicies": [{"level": "quarantine", "policies": [FULL, quarantine]}]}
    own = {"identityPolicies": [roles.flow_log_policy(SCOPE)]}
    assert allowed(question("logs:PutLogEvents", group, role("bh-acme-flow-log"), **locked, **own))
    assert not allowed(question("s3:GetObject", f"{DATA}/x", role("bh-acme-flow-log"), **locked, **own))
    for other in ("bh-acme-trainer", "x-bh-acme-flow-log"):
        assert not allowed(question("logs:PutLogEvents", group, role(other), **locked))


def test_an_auditor_reads_during_a_quarantine() -> None:
    quarantine = organisation.quarantine_policy("bh")
    locked = {"serviceControlPolicies": [{"level": "quarantine", "policies": [FULL, quarantine]}]}
    own = {"identityPolicies": [roles.role_policy(SCOPE, "auditor")]}
    on_key = {"resourcePolicy": keys.key_policy(SCOPE, "data")}
    assert allowed(question("kms:GetKeyPolicy", KEY, role("bh-acme-auditor"), **locked, **own, **on_key))
    assert not allowed(question("kms:GetKeyPolicy", KEY, role("bh-acme-trainer"), **locked, **on_key))
    assert not allowed(question("s3:GetObject", f"{DATA}/x", role("bh-acme-auditor"), **locked, **own))


def test_the_trail_is_written_and_read_under_the_audit_accounts_lock() -> None:
    locked = {"serviceControlPolicies": [{"level": "audit", "policies": [FULL, organisation.audit_policy()]}]}
    for action in ("s3:GetObject", "s3:PutObject", "s3:ListBucket"):
        assert allowed(question(action, "arn:aws:s3:::bh-audit/x", role("auditor", AUDIT), AUDIT, **locked))
    assert allowed(question("s3:PutBucketPolicy", "arn:aws:s3:::bh-audit", role(DEPLOYER_ROLE, AUDIT), AUDIT, **locked))
