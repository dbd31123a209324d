"""Ways around the guardrails that a tenant's administrator would try: less known actions with the same effect."""

from __future__ import annotations

from typing import Any

import pytest

from modules.policy import organisation
from modules.policy.scope import Document
from tenancy.names import DEPLOYER_ROLE
from tests.modules.policy.test_each_statement_matters import ACME, FULL, SCPS, allowed, question, role

ROOT = {"arn": f"arn:aws:iam::{ACME}:root", "account": ACME}
LOCKS = {"serviceControlPolicies": [{"level": "tenants", "policies": [FULL, *SCPS.values()]}]}
EC2 = f"arn:aws:ec2:us-east-1:{ACME}"
TRAINER = f"arn:aws:iam::{ACME}:role/bh-acme-trainer"

WAYS: list[tuple[str, str, dict[str, Any]]] = [
    ("ec2:CreateDefaultVpc", f"{EC2}:vpc/*", {}),
    ("ec2:CreateInstanceConnectEndpoint", f"{EC2}:subnet/subnet-1", {}),
    ("ec2:CreateNetworkInterfacePermission", f"{EC2}:network-interface/eni-1", {}),
    ("ec2:CreateTrafficMirrorSession", f"{EC2}:network-interface/eni-1", {}),
    ("ec2:CreateVpcBlockPublicAccessExclusion", f"{EC2}:vpc/vpc-1", {}),
    ("ec2:EnableAllowedImagesSettings", "*", {}),
    ("ec2:ReplaceImageCriteriaInAllowedImagesSettings", "*", {}),
    ("ec2:EnableSnapshotBlockPublicAccess", "*", {}),
    ("ec2:ModifyEbsDefaultKmsKeyId", "*", {}),
    ("ec2:ModifyInstanceMetadataOptions", f"{EC2}:instance/i-1", {}),
    ("ec2:ExportImage", f"{EC2}:export-image-task/*", {}),
    ("rds:ModifyDBSnapshotAttribute", f"arn:aws:rds:us-east-1:{ACME}:snapshot:s", {}),
    ("rds:ModifyDBClusterSnapshotAttribute", f"arn:aws:rds:us-east-1:{ACME}:cluster-snapshot:s", {}),
    ("route53resolver:DisassociateFirewallRuleGroup", f"arn:aws:route53resolver:us-east-1:{ACME}:x/y", {}),
    ("route53resolver:UpdateFirewallConfig", f"arn:aws:route53resolver:us-east-1:{ACME}:x/y", {}),
    ("route53resolver:CreateResolverEndpoint", "*", {}),
    ("route53:CreateVPCAssociationAuthorization", "arn:aws:route53:::hostedzone/Z1", {}),
    ("s3:PutObjectVersionAcl", "arn:aws:s3:::other/x", {}),
    ("sns:SetTopicAttributes", f"arn:aws:sns:us-east-1:{ACME}:t", {}),
    ("sqs:SetQueueAttributes", f"arn:aws:sqs:us-east-1:{ACME}:q", {}),
    ("lambda:AddLayerVersionPermission", f"arn:aws:lambda:us-east-1:{ACME}:layer:l:1", {}),
    ("glue:PutResourcePolicy", f"arn:aws:glue:us-east-1:{ACME}:catalog", {}),
    ("ecr:PutRegistryPolicy", "*", {}),
    ("backup:StartCopyJob", f"arn:aws:backup:us-east-1:{ACME}:recovery-point:r", {}),
    ("logs:PutAccountPolicy", "*", {}),
    ("logs:PutDeliveryDestinationPolicy", f"arn:aws:logs:us-east-1:{ACME}:delivery-destination:d", {}),
    ("logs:CreateExportTask", f"arn:aws:logs:us-east-1:{ACME}:log-group:/bh/acme/ledger", {}),
    ("logs:AssociateKmsKey", f"arn:aws:logs:us-east-1:{ACME}:log-group:/bh/acme/ledger", {}),
    ("oam:CreateLink", f"arn:aws:oam:us-east-1:{ACME}:/CreateLink", {}),
    ("guardduty:CreateFilter", f"arn:aws:guardduty:us-east-1:{ACME}:detector/d", {}),
    ("rolesanywhere:CreateTrustAnchor", "*", {}),
    ("iam:UpdateSAMLProvider", f"arn:aws:iam::{ACME}:saml-provider/p", {}),
    ("iam:UpdateAssumeRolePolicy", TRAINER, {}),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACME}:role/bh-acme-auditor", {}),
    ("iam:DeleteRole", f"arn:aws:iam::{ACME}:role/bh-acme-flow-log", {}),
    ("iam:AddRoleToInstanceProfile", f"arn:aws:iam::{ACME}:instance-profile/bh-acme-trainer", {}),
    ("s3:CreateBucket", "arn:aws:s3:::bh-initech-data", {}),
    ("iam:TagRole", f"arn:aws:iam::{ACME}:role/x", {"aws:TagKeys": ["Tenant"]}),
]


@pytest.mark.parametrize(("action", "arn", "context"), WAYS, ids=[way[0] + way[1].rpartition("/")[2] for way in WAYS])
def test_nobody_but_the_deployer_gets_around_a_guardrail(action: str, arn: str, context: dict[str, Any]) -> None:
    for who in (role("administrator"), ROOT):
        asked = question(action, arn, who, context=context)
        assert allowed(asked)
        assert not allowed(asked | LOCKS)
    assert allowed(question(action, arn, role(DEPLOYER_ROLE), context=context, **LOCKS))


def test_global_services_are_reached_from_every_region() -> None:
    for action, arn in (("iam:ListRoles", "*"), ("sts:GetCallerIdentity", "*"), ("s3:ListAllMyBuckets", "*")):
        asked = question(action, arn, role("administrator"), context={"aws:RequestedRegion": "sa-east-1"}, **LOCKS)
        assert allowed(asked), action


def test_access_points_of_several_regions_are_read_and_not_made_where_aws_keeps_them() -> None:
    where = {"aws:RequestedRegion": "us-west-2"}
    arn = f"arn:aws:s3::{ACME}:accesspoint/m1.mrap"
    for action in ("s3:ListMultiRegionAccessPoints", "s3:GetMultiRegionAccessPointPolicy"):
        assert allowed(question(action, "*", role("administrator"), context=where, **LOCKS)), action
    for action in ("s3:CreateMultiRegionAccessPoint", "s3:PutMultiRegionAccessPointPolicy", "s3:ListAccessPoints"):
        assert not allowed(question(action, arn, role("administrator"), context=where, **LOCKS)), action


def test_only_the_account_of_the_e_mail_address_changes_it() -> None:
    for who in (role("administrator"), ROOT, role(DEPLOYER_ROLE)):
        assert not allowed(question("account:StartPrimaryEmailUpdate", "*", who, **LOCKS))


def test_a_tenant_still_works_with_what_is_its_own() -> None:
    admin = role("administrator")
    for action, arn in (
        ("s3:CreateBucket", "arn:aws:s3:::acme-scratch"),
        ("ec2:CreateVolume", f"arn:aws:ec2:us-east-1:{ACME}:volume/*"),
        ("events:ListEventBuses", "*"),
        ("events:PutEvents", f"arn:aws:events:us-east-1:{ACME}:event-bus/default"),
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACME}:role/scratch"),
        ("iam:PassRole", TRAINER),
        ("iam:GetRole", TRAINER),
        ("route53resolver:ListFirewallRules", "*"),
        ("guardduty:GetFindings", f"arn:aws:guardduty:us-east-1:{ACME}:detector/d"),
    ):
        assert allowed(question(action, arn, admin, **LOCKS)), action


def test_no_action_of_the_organisations_policies_has_a_wildcard_before_its_end() -> None:
    """Organizations user guide, "SCP syntax" and "RCP syntax": a wildcard stands alone or last."""
    documents: list[Document] = [
        *SCPS.values(),
        organisation.quarantine_policy("bh"),
        organisation.audit_policy(),
        *organisation.resource_control_policies("bh", "1" * 12, "2" * 12).values(),
    ]
    for document in documents:
        for statement in document["Statement"]:
            actions = statement.get("Action") or statement["NotAction"]
            for action in [actions] if isinstance(actions, str) else actions:
                assert "*" not in action[:-1], action
