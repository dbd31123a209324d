"""Each statement of the policies stops the attack that its docstring names: without it, the attack succeeds.

The other locks are left out of each question, so that exactly one document stands between the attacker and the
resource; `tests/leaks` and the attack suite test the locks together.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from attestation.policy import ReferenceSet
from attestation.release.policy import AcceptedImage
from compliance.reason.iam import authorise, parse_question
from modules.policy import boundary, buckets, endpoints, keys, organisation, roles
from modules.policy.scope import Document, TenantScope
from tenancy.names import DEPLOYER_ROLE, Names

ACME, GLOBEX, AUDIT, MANAGEMENT = "111111111111", "222222222222", "333333333333", "444444444444"
IMAGE = AcceptedImage(
    reference=ReferenceSet(
        name="node", version=1, pcrs={"sha384": {4: ("44" * 48,), 7: ("77" * 48,), 12: ("00" * 48,)}}
    )
)
SCOPE = TenantScope(Names("bh", "acme"), ACME, "us-east-1", AUDIT, MANAGEMENT, (IMAGE,))
MEASURED = {f"kms:RecipientAttestation:NitroTPMPCR{n}": v[0] for n, v in IMAGE.reference.pcrs["sha384"].items()}
FULL: Document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
OPEN: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}
KEY = f"arn:aws:kms:us-east-1:{ACME}:key/1234"
DATA = "arn:aws:s3:::bh-acme-data"


def role(name: str, account: str = ACME) -> dict[str, Any]:
    return {"arn": f"arn:aws:sts::{account}:assumed-role/{name}/session", "account": account}


def question(
    action: str,
    arn: str,
    principal: dict[str, Any],
    account: str = ACME,
    context: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    base = {
        "request": {
            "action": action,
            "resource": {"arn": arn, "account": account},
            "principal": principal,
            "context": {"aws:SecureTransport": "true", "aws:RequestedRegion": "us-east-1", **(context or {})},
        },
        "identityPolicies": [FULL],
        "permissionBoundaries": None,
        "sessionPolicies": None,
        "resourcePolicy": None,
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
        "endpointPolicy": None,
        "grants": [],
    }
    return base | more


def allowed(asked: dict[str, Any]) -> bool:
    return authorise(*parse_question(asked)).allowed


def without(document: Document, sid: str) -> Document:
    kept = copy.deepcopy(document)
    before = len(kept["Statement"])
    kept["Statement"] = [statement for statement in kept["Statement"] if statement.get("Sid") != sid]
    assert len(kept["Statement"]) == before - 1, f"{sid} is not in the document"
    return kept


SCPS = organisation.service_control_policies("bh", ["us-east-1"], MANAGEMENT)
RCP = organisation.resource_control_policies("bh", AUDIT, MANAGEMENT)["bh-resource-lock"]
BOUNDARY = boundary.permission_boundary(SCOPE)


def under_scp(name: str) -> Callable[[Document], dict[str, Any]]:
    return lambda document: {"serviceControlPolicies": [{"level": "tenants", "policies": [FULL, document]}]}


def under_rcp(document: Document) -> dict[str, Any]:
    return {"resourceControlPolicies": [{"level": "tenants", "policies": [OPEN, document]}], "resourcePolicy": OPEN}


def under_boundary(document: Document) -> dict[str, Any]:
    return {"permissionBoundaries": [document], "resourcePolicy": OPEN}


def with_open_policy(document: Document) -> dict[str, Any]:
    """The document as a resource policy that some mistake has opened to everyone."""
    return {"resourcePolicy": {"Version": "2012-10-17", "Statement": [*document["Statement"], *OPEN["Statement"]]}}


LOCK, RAILS = SCPS["bh-identity-lock"], SCPS["bh-guardrails"]
ADMIN = role("administrator")
INSIDE = {"aws:VpceAccount": ACME}

Case = tuple[str, Document, Callable[[Document], dict[str, Any]], dict[str, Any]]
CASES: list[Case] = [
    (
        "DenyResourcesOfOtherAccounts",
        LOCK,
        under_scp(""),
        question("s3:GetObject", "arn:aws:s3:::bh-globex-data/x", ADMIN, GLOBEX, resourcePolicy=OPEN),
    ),
    (
        "DenyImagesOfOtherAccounts",
        LOCK,
        under_scp(""),
        question("ec2:RunInstances", "arn:aws:ec2:us-east-1::image/ami-1", ADMIN, GLOBEX, resourcePolicy=OPEN),
    ),
    ("DenyLeaving", LOCK, under_scp(""), question("organizations:LeaveOrganization", "*", ADMIN)),
    (
        "DenyTouchingTheDeployer",
        LOCK,
        under_scp(""),
        question("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACME}:role/{DEPLOYER_ROLE}", ADMIN),
    ),
    (
        "DenyVolumesFromSnapshots",
        LOCK,
        under_scp(""),
        question("ec2:CreateVolume", "arn:aws:ec2:us-east-1::snapshot/snap-1", ADMIN),
    ),
    (
        "DenyEventBusesOfOthers",
        LOCK,
        under_scp(""),
        question(
            "events:PutEvents",
            f"arn:aws:events:us-east-1:{GLOBEX}:event-bus/default",
            ADMIN,
            GLOBEX,
            resourcePolicy=OPEN,
        ),
    ),
    (
        "DenyRolesWithoutBoundary",
        LOCK,
        under_scp(""),
        question("iam:CreateRole", f"arn:aws:iam::{ACME}:role/free", ADMIN),
    ),
    (
        "DenyChangingBoundaries",
        LOCK,
        under_scp(""),
        question("iam:CreatePolicyVersion", f"arn:aws:iam::{ACME}:policy/bh-acme-boundary", ADMIN),
    ),
    (
        "DenyOtherRegions",
        LOCK,
        under_scp(""),
        question("ec2:RunInstances", "*", ADMIN, context={"aws:RequestedRegion": "sa-east-1"}),
    ),
    ("DenyLongLivedIdentities", LOCK, under_scp(""), question("iam:CreateUser", f"arn:aws:iam::{ACME}:user/x", ADMIN)),
    (
        "DenyRelabelling",
        RAILS,
        under_scp(""),
        question("iam:TagRole", f"arn:aws:iam::{ACME}:role/x", ADMIN, context={"aws:TagKeys": ["tenant"]}),
    ),
    (
        "DenyWaysOutOfTheNetwork",
        RAILS,
        under_scp(""),
        question("ec2:CreateVpcPeeringConnection", f"arn:aws:ec2:us-east-1:{ACME}:vpc/vpc-1", ADMIN),
    ),
    (
        "DenySharing",
        RAILS,
        under_scp(""),
        question("ec2:ModifySnapshotAttribute", "arn:aws:ec2:us-east-1::snapshot/snap-1", ADMIN),
    ),
    ("DenyOpeningResources", RAILS, under_scp(""), question("s3:PutBucketPolicy", DATA, ADMIN)),
    ("DenyBlindingTheAudit", RAILS, under_scp(""), question("ec2:DeleteFlowLogs", "*", ADMIN)),
    ("DenyLiftingAccountBlocks", RAILS, under_scp(""), question("s3:PutAccountPublicAccessBlock", "*", ADMIN)),
    (
        "DenyLeaving",
        organisation.audit_policy(),
        under_scp(""),
        question("organizations:LeaveOrganization", "*", role("administrator", AUDIT), AUDIT),
    ),
    (
        "DenyLongLivedIdentities",
        organisation.audit_policy(),
        under_scp(""),
        question("iam:CreateUser", f"arn:aws:iam::{AUDIT}:user/x", role("administrator", AUDIT), AUDIT),
    ),
    (
        "DenyTouchingTheDeployer",
        organisation.audit_policy(),
        under_scp(""),
        question(
            "iam:PutRolePolicy", f"arn:aws:iam::{AUDIT}:role/{DEPLOYER_ROLE}", role("administrator", AUDIT), AUDIT
        ),
    ),
    (
        "DenyThinningTheEvidence",
        organisation.audit_policy(),
        under_scp(""),
        question("s3:PutBucketObjectLockConfiguration", "arn:aws:s3:::bh-audit", role("administrator", AUDIT), AUDIT),
    ),
    (
        "DenyAllButTheDeployer",
        organisation.quarantine_policy("bh"),
        under_scp(""),
        question("s3:GetObject", f"{DATA}/x", role("bh-acme-trainer")),
    ),
    (
        "DenyCallersOfOtherAccounts",
        RCP,
        under_rcp,
        question("s3:GetObject", f"{DATA}/x", role("administrator", GLOBEX)),
    ),
    (
        "DenyAssumingRolesFromElsewhere",
        RCP,
        under_rcp,
        question("sts:AssumeRole", f"arn:aws:iam::{ACME}:role/bh-acme-trainer", role("administrator", GLOBEX)),
    ),
    (
        "DenyFederation",
        RCP,
        under_rcp,
        question(
            "sts:AssumeRoleWithSAML",
            f"arn:aws:iam::{ACME}:role/bh-acme-trainer",
            {"federated": f"arn:aws:iam::{ACME}:saml-provider/p"},
        ),
    ),
    (
        "DenyServicesWorkingForOthers",
        RCP,
        under_rcp,
        question(
            "s3:PutObject", f"{DATA}/x", {"service": "logging.s3.amazonaws.com"}, context={"aws:SourceAccount": GLOBEX}
        ),
    ),
    (
        "DenyPlainHttp",
        RCP,
        under_rcp,
        question("s3:GetObject", f"{DATA}/x", ADMIN, context={"aws:SecureTransport": "false"}),
    ),
    (
        "DenyResourcesOfOtherAccounts",
        BOUNDARY,
        under_boundary,
        question("s3:GetObject", "arn:aws:s3:::bh-globex-data/x", role("bh-acme-trainer"), GLOBEX),
    ),
    (
        "DenyOtherAccounts",
        keys.key_policy(SCOPE, "data"),
        with_open_policy,
        question("kms:DescribeKey", KEY, role("administrator", GLOBEX)),
    ),
    (
        "DenyUseByOthers",
        keys.key_policy(SCOPE, "data"),
        with_open_policy,
        question("kms:Decrypt", KEY, ADMIN, context=INSIDE | MEASURED),
    ),
    (
        "DenyUseFromElsewhere",
        keys.key_policy(SCOPE, "data"),
        with_open_policy,
        question(
            "kms:Decrypt", KEY, role("bh-acme-trainer"), context=MEASURED | {"kms:EncryptionContext:tenant": "acme"}
        ),
    ),
    (
        "DenyUseThatCannotBeAttested",
        keys.key_policy(SCOPE, "data"),
        with_open_policy,
        question("kms:GenerateDataKeyWithoutPlaintext", KEY, role("bh-acme-data-owner"), context=INSIDE),
    ),
    (
        "DenyRewrappingByOthers",
        keys.key_policy(SCOPE, "data"),
        with_open_policy,
        question("kms:ReEncryptFrom", KEY, ADMIN, context=INSIDE | {"kms:ReEncryptOnSameKey": "true"}),
    ),
    (
        "DenyRewrappingUnderOtherKeys",
        keys.key_policy(SCOPE, "data"),
        with_open_policy,
        question(
            "kms:ReEncryptFrom",
            KEY,
            role("bh-acme-data-owner"),
            context=INSIDE | {"kms:ReEncryptOnSameKey": "false"},
        ),
    ),
    (
        "DenyGrants",
        keys.key_policy(SCOPE, "checkpoint"),
        with_open_policy,
        question("kms:CreateGrant", KEY, role(DEPLOYER_ROLE)),
    ),
    (
        "DenyGrantsToPeople",
        keys.key_policy(SCOPE, "disk"),
        with_open_policy,
        question("kms:CreateGrant", KEY, ADMIN),
    ),
    (
        "DenyPlainHttp",
        buckets.bucket_policy(SCOPE, "data", KEY),
        with_open_policy,
        question("s3:ListBucket", DATA, ADMIN, context={"aws:SecureTransport": "false"}),
    ),
    (
        "DenyOtherAccounts",
        buckets.bucket_policy(SCOPE, "data", KEY),
        with_open_policy,
        question("s3:ListBucket", DATA, role("administrator", GLOBEX)),
    ),
    (
        "DenyObjectsFromElsewhere",
        buckets.bucket_policy(SCOPE, "data", KEY),
        with_open_policy,
        question("s3:GetObject", f"{DATA}/x", role("bh-acme-trainer")),
    ),
    (
        "DenyOtherKeys",
        buckets.bucket_policy(SCOPE, "data", KEY),
        with_open_policy,
        question(
            "s3:PutObject",
            f"{DATA}/x",
            role("bh-acme-data-owner"),
            context=INSIDE | {"s3:x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:us-east-1:9:key/9"},
        ),
    ),
    (
        "DenyOtherEncryption",
        buckets.bucket_policy(SCOPE, "data", KEY),
        with_open_policy,
        question(
            "s3:PutObject",
            f"{DATA}/x",
            role("bh-acme-data-owner"),
            context=INSIDE | {"s3:x-amz-server-side-encryption": "AES256"},
        ),
    ),
    (
        "DenyKeyOfAws",
        buckets.bucket_policy(SCOPE, "data", KEY),
        with_open_policy,
        question(
            "s3:PutObject",
            f"{DATA}/x",
            role("bh-acme-data-owner"),
            context=INSIDE | {"s3:x-amz-server-side-encryption": "aws:kms"},
        ),
    ),
    (
        "DenyKeyOfWriter",
        buckets.bucket_policy(SCOPE, "data", KEY),
        with_open_policy,
        question(
            "s3:PutObject",
            f"{DATA}/x",
            role("bh-acme-data-owner"),
            context=INSIDE | {"s3:x-amz-server-side-encryption-customer-algorithm": "AES256"},
        ),
    ),
    (
        "DenyOpening",
        buckets.bucket_policy(SCOPE, "data", KEY),
        with_open_policy,
        question("s3:PutBucketPolicy", DATA, ADMIN),
    ),
]


@pytest.mark.parametrize(
    ("sid", "document", "placed", "asked"), CASES, ids=[f"{i:02d}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_removing_the_statement_opens_the_attack(
    sid: str, document: Document, placed: Callable[[Document], dict[str, Any]], asked: dict[str, Any]
) -> None:
    assert not allowed(asked | placed(document))
    assert allowed(asked | placed(without(document, sid)))


def test_boundary_stops_administration_of_identities() -> None:
    asked = question("iam:CreateRole", f"arn:aws:iam::{ACME}:role/x", role("bh-acme-trainer"))
    assert not allowed(asked | under_boundary(BOUNDARY))
    assert allowed(asked | under_boundary(FULL))


def test_endpoint_policy_stops_foreign_credentials_and_foreign_resources() -> None:
    policy = endpoints.endpoint_policy(SCOPE, "s3")
    own = question("s3:GetObject", f"{DATA}/x", role("bh-acme-trainer"))
    foreign_credentials = question("s3:PutObject", "arn:aws:s3:::bh-globex-data/x", role("admin", GLOBEX), GLOBEX)
    foreign_resource = question(
        "s3:PutObject", "arn:aws:s3:::bh-globex-data/x", role("bh-acme-trainer"), GLOBEX, resourcePolicy=OPEN
    )
    assert allowed(own | {"endpointPolicy": policy})
    for smuggled in (foreign_credentials, foreign_resource):
        assert allowed(smuggled)
        assert not allowed(smuggled | {"endpointPolicy": policy})


EVERY_LOCK = {
    "serviceControlPolicies": [{"level": "tenants", "policies": [FULL, *SCPS.values()]}],
    "resourceControlPolicies": [{"level": "tenants", "policies": [OPEN, RCP]}],
    "permissionBoundaries": [BOUNDARY],
}


def work(who: str, action: str, arn: str, context: dict[str, Any], **more: Any) -> dict[str, Any]:
    return question(
        action,
        arn,
        role(f"bh-acme-{who}"),
        context=context,
        **(EVERY_LOCK | {"identityPolicies": [roles.role_policy(SCOPE, who)]} | more),  # type: ignore[arg-type]
    )


def test_the_tenants_own_work_passes_every_lock() -> None:
    data_key, bucket = keys.key_policy(SCOPE, "data"), buckets.bucket_policy(SCOPE, "data", KEY)
    labelled = INSIDE | {"kms:EncryptionContext:tenant": "acme"}
    on_key = {"resourcePolicy": data_key, "endpointPolicy": endpoints.endpoint_policy(SCOPE, "kms")}
    on_bucket = {"resourcePolicy": bucket, "endpointPolicy": endpoints.endpoint_policy(SCOPE, "s3")}
    same_key = {"kms:ReEncryptOnSameKey": "true"}
    through_s3 = {
        "aws:ViaAWSService": "true",
        "kms:ViaService": "s3.us-east-1.amazonaws.com",
        "kms:CallerAccount": ACME,
        "kms:EncryptionContext:aws:s3:arn": DATA,
    }
    for asked in (
        work("trainer", "kms:Decrypt", KEY, labelled | MEASURED, **on_key),
        work("data-owner", "kms:GenerateDataKey", KEY, labelled, **on_key),
        work("data-owner", "kms:Encrypt", KEY, labelled, **on_key),
        work("data-owner", "kms:ReEncryptFrom", KEY, labelled | same_key, **on_key),
        work("data-owner", "kms:ReEncryptTo", KEY, labelled | same_key, **on_key),
        work("trainer", "s3:GetObject", f"{DATA}/shard", INSIDE, **on_bucket),
        work("data-owner", "s3:PutObject", f"{DATA}/shard", INSIDE, **on_bucket),
        work("trainer", "s3:ListBucket", DATA, INSIDE, **on_bucket),
        work("trainer", "kms:Decrypt", KEY, through_s3, resourcePolicy=keys.key_policy(SCOPE, "disk")),
        work("data-owner", "kms:GenerateDataKey", KEY, through_s3, resourcePolicy=keys.key_policy(SCOPE, "disk")),
        work("auditor", "kms:GetKeyPolicy", KEY, {}, resourcePolicy=data_key),
        work("auditor", "s3:GetBucketPolicy", DATA, {}, resourcePolicy=bucket),
        work("auditor", "events:ListEventBuses", "*", {}),
        work("auditor", "s3:ListMultiRegionAccessPoints", "*", {}),
        work("auditor", "s3:GetMultiRegionAccessPointPolicy", f"arn:aws:s3::{ACME}:accesspoint/m1.mrap", {}),
    ):
        assert allowed(asked), asked["request"]


def test_a_role_does_nothing_that_is_not_its_work() -> None:
    data_key, bucket = keys.key_policy(SCOPE, "data"), buckets.bucket_policy(SCOPE, "data", KEY)
    labelled = INSIDE | {"kms:EncryptionContext:tenant": "acme"}
    foreign_label = {"kms:EncryptionContext:tenant": "globex"}
    through_s3 = {
        "aws:ViaAWSService": "true",
        "kms:ViaService": "s3.us-east-1.amazonaws.com",
        "kms:CallerAccount": ACME,
        "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::bh-acme-checkpoint",
    }
    for asked in (
        work("trainer", "kms:GenerateDataKey", KEY, labelled | MEASURED, resourcePolicy=data_key),
        work("trainer", "kms:Decrypt", KEY, INSIDE | MEASURED, resourcePolicy=data_key),
        work("trainer", "kms:Decrypt", KEY, labelled, resourcePolicy=data_key),
        work("trainer", "kms:Decrypt", KEY, through_s3, resourcePolicy=data_key),
        work("data-owner", "kms:Decrypt", KEY, labelled | MEASURED, resourcePolicy=data_key),
        work("data-owner", "kms:Decrypt", KEY, through_s3, resourcePolicy=keys.key_policy(SCOPE, "disk")),
        work("trainer", "kms:Decrypt", KEY, labelled, resourcePolicy=keys.key_policy(SCOPE, "disk")),
        work("data-owner", "kms:GenerateDataKey", KEY, labelled, resourcePolicy=keys.key_policy(SCOPE, "export")),
        work(
            "trainer",
            "kms:Decrypt",
            KEY,
            INSIDE | MEASURED | foreign_label,
            resourcePolicy=data_key,
        ),
        work("trainer", "s3:PutObject", f"{DATA}/shard", INSIDE, resourcePolicy=bucket),
        work("auditor", "s3:GetObject", f"{DATA}/shard", INSIDE, resourcePolicy=bucket),
        work("auditor", "kms:Decrypt", KEY, labelled, resourcePolicy=data_key),
        work("data-owner", "s3:PutBucketPolicy", DATA, INSIDE, resourcePolicy=bucket),
    ):
        assert not allowed(asked), asked["request"]


def test_the_deployer_administers_keys_and_cannot_use_them() -> None:
    deployer = role(DEPLOYER_ROLE)
    policy = {"resourcePolicy": keys.key_policy(SCOPE, "data")}
    assert allowed(question("kms:PutKeyPolicy", KEY, deployer, **policy))
    labelled = INSIDE | {"kms:EncryptionContext:tenant": "acme"}
    assert not allowed(question("kms:Decrypt", KEY, deployer, context=labelled, **policy))
    assert not allowed(question("kms:CreateGrant", KEY, deployer, **policy))


@pytest.mark.parametrize(
    ("name", "principal", "may"),
    [
        ("trainer", {"service": "ec2.amazonaws.com"}, True),
        ("trainer", {"service": "lambda.amazonaws.com"}, False),
        ("trainer", role(DEPLOYER_ROLE), False),
        ("auditor", role("anyone", AUDIT), True),
        ("auditor", role("administrator", GLOBEX), False),
        ("data-owner", role("AWSReservedSSO_acme-data-owner_1"), False),
        ("data-owner", role(DEPLOYER_ROLE), False),
    ],
)
def test_who_may_take_on_a_role(name: str, principal: dict[str, Any], may: bool) -> None:
    arn = f"arn:aws:iam::{ACME}:role/bh-acme-{name}"
    trust = roles.trust_policy(SCOPE, name)  # type: ignore[arg-type]
    assert allowed(question("sts:AssumeRole", arn, principal, resourcePolicy=trust)) is may


def test_people_sign_in_through_their_permission_set_only() -> None:
    arn = f"arn:aws:iam::{ACME}:role/bh-acme-data-owner"
    trust = {"resourcePolicy": roles.trust_policy(SCOPE, "data-owner")}
    reserved = f"arn:aws:iam::{ACME}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_acme-data-owner_0a1b"
    signed_in = role("AWSReservedSSO_acme-data-owner_0a1b")
    assert allowed(question("sts:AssumeRole", arn, signed_in, context={"aws:PrincipalArn": reserved}, **trust))
    other = reserved.replace("acme-data-owner", "acme-auditor")
    assert not allowed(question("sts:AssumeRole", arn, signed_in, context={"aws:PrincipalArn": other}, **trust))
