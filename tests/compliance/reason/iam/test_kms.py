"""KMS: the key policy is the root of trust; grants add to it."""

import pytest

from compliance.errors import ComplianceError
from tests.compliance.reason.iam.support import (
    ALL,
    FOREIGN_ROLE,
    FOREIGN_SESSION,
    FOREIGN_USER,
    KEY,
    NOTHING,
    ROLE,
    ROOT,
    SESSION,
    USER,
    A,
    B,
    allowed,
    doc,
    levels,
    st,
)

DELEGATES = doc(st("Allow", "kms:*", "*", Principal={"AWS": ROOT}))
ELSEWHERE = doc(st("Allow", "kms:*", "*", Principal={"AWS": f"arn:aws:iam::{A}:role/other"}))


def decrypt(who=SESSION, *, action="kms:Decrypt", on=KEY, **more):
    return allowed(who, action, on, **more)


def grant(**more):
    return [{"GranteePrincipal": ROLE, "Operations": ["Decrypt", "DescribeKey"], "GrantId": "g1"} | more]


def test_identity_policy_is_useless_without_delegation_by_the_key_policy():
    assert not decrypt(identityPolicies=[ALL], resourcePolicy=ELSEWHERE)
    assert not decrypt(identityPolicies=[ALL])


def test_root_delegation_enables_identity_policies_and_grants_nothing_itself():
    assert decrypt(identityPolicies=[ALL], resourcePolicy=DELEGATES)
    assert not decrypt(resourcePolicy=DELEGATES)


def test_key_policy_alone_suffices_within_the_account():
    assert decrypt(resourcePolicy=doc(st("Allow", "kms:Decrypt", "*", Principal={"AWS": ROLE})))


def test_resource_star_in_a_key_policy_means_this_key():
    assert decrypt(resourcePolicy=doc(st("Allow", "kms:Decrypt", None, Principal={"AWS": ROLE})))


def test_key_policy_naming_the_role_is_limited_by_the_boundary():
    policy = doc(st("Allow", "kms:Decrypt", "*", Principal={"AWS": ROLE}))
    assert not decrypt(resourcePolicy=policy, permissionBoundaries=[NOTHING])


def test_across_accounts_key_policy_and_identity_policy_must_allow():
    shared = doc(st("Allow", "kms:Decrypt", "*", Principal={"AWS": B}))
    assert decrypt(FOREIGN_USER, resourcePolicy=shared, identityPolicies=[ALL])
    assert not decrypt(FOREIGN_USER, resourcePolicy=shared)
    assert not decrypt(FOREIGN_USER, resourcePolicy=DELEGATES, identityPolicies=[ALL])


def test_the_root_user_too_needs_the_key_policy():
    assert decrypt(ROOT, resourcePolicy=DELEGATES)
    assert not decrypt(ROOT, resourcePolicy=ELSEWHERE)


def test_everyone_in_the_account_by_caller_account_and_via_service():
    policy = doc(
        st(
            "Allow",
            "kms:Decrypt",
            "*",
            Principal={"AWS": "*"},
            Condition={"StringEquals": {"kms:CallerAccount": A, "kms:ViaService": "ec2.us-east-1.amazonaws.com"}},
        )
    )
    via = {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}
    assert decrypt(resourcePolicy=policy, context=via)
    assert not decrypt(resourcePolicy=policy)
    assert not decrypt(FOREIGN_USER, resourcePolicy=policy, context=via, identityPolicies=[ALL])


def test_attestation_deny_stops_administrators_too():
    guarded = doc(
        st("Allow", "kms:*", "*", Principal={"AWS": ROOT}),
        st(
            "Deny",
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            "*",
            Principal="*",
            Condition={"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:NitroTPMPCR4": "ab" * 48}},
        ),
    )
    assert not decrypt(ROOT, resourcePolicy=guarded)
    assert not decrypt(resourcePolicy=guarded, identityPolicies=[ALL])
    attested = {"kms:RecipientAttestation:NitroTPMPCR4": "AB" * 48}
    assert decrypt(resourcePolicy=guarded, identityPolicies=[ALL], context=attested)


def test_alias_and_key_less_operations_need_identity_policies_only():
    assert decrypt(USER, action="kms:ListKeys", on="*", identityPolicies=[ALL])
    alias = f"arn:aws:kms:us-east-1:{A}:alias/mine"
    assert decrypt(USER, action="kms:DeleteAlias", on=alias, identityPolicies=[ALL])
    assert not decrypt(
        USER, action="kms:DeleteAlias", on=f"arn:aws:kms:us-east-1:{A}:alias/aws/s3", identityPolicies=[ALL]
    )


def test_grant_suffices_without_any_policy():
    assert decrypt(resourcePolicy=ELSEWHERE, grants=grant())
    assert not decrypt(resourcePolicy=ELSEWHERE, grants=[])


def test_grant_covers_its_operations_only():
    assert not decrypt(action="kms:Encrypt", resourcePolicy=ELSEWHERE, grants=grant())
    assert decrypt(action="kms:DescribeKey", resourcePolicy=ELSEWHERE, grants=grant())
    assert not decrypt(action="kms:PutKeyPolicy", resourcePolicy=ELSEWHERE, grants=grant())


def test_grant_names_its_grantee_only():
    assert not decrypt(USER, resourcePolicy=ELSEWHERE, grants=grant())
    assert not decrypt(FOREIGN_SESSION, resourcePolicy=ELSEWHERE, grants=grant())


def test_grant_reaches_across_accounts():
    assert decrypt(FOREIGN_SESSION, resourcePolicy=DELEGATES, grants=grant(GranteePrincipal=FOREIGN_ROLE))


@pytest.mark.parametrize("level", ["key", "scp", "identity", "rcp", "endpoint"])
def test_explicit_denies_beat_grants(level):
    deny = st("Deny", "kms:Decrypt", "*")
    everyone = st(Principal="*")
    documents = {
        "key": {"resourcePolicy": doc(deny | {"Principal": "*"})},
        "scp": {"serviceControlPolicies": levels([ALL, doc(deny)])},
        "identity": {"identityPolicies": [doc(deny)]},
        "rcp": {"resourceControlPolicies": levels([doc(deny | {"Principal": "*"})])},
        "endpoint": {"endpointPolicy": doc(everyone, deny | {"Principal": "*"})},
    }
    assert not decrypt(grants=grant(), **documents[level])


def test_grant_is_still_within_scps_and_the_endpoint_policy():
    assert not decrypt(grants=grant(), serviceControlPolicies=levels([NOTHING]))
    assert not decrypt(grants=grant(), endpointPolicy=doc(st("Allow", "s3:*", "*", Principal="*")))


SUBSET = {"EncryptionContextSubset": {"tenant": "acme"}}
EQUALS = {"EncryptionContextEquals": {"tenant": "acme"}}
TENANT, MORE = "kms:EncryptionContext:tenant", "kms:EncryptionContext:run"

CONSTRAINTS = [
    ("subset: exact context", SUBSET, {TENANT: "acme"}, True),
    ("subset: larger context", SUBSET, {TENANT: "acme", MORE: "7"}, True),
    ("subset: other value", SUBSET, {TENANT: "globex"}, False),
    ("subset: no context", SUBSET, {}, False),
    ("equals: exact context", EQUALS, {TENANT: "acme"}, True),
    ("equals: larger context", EQUALS, {TENANT: "acme", MORE: "7"}, False),
    ("equals: other value", EQUALS, {TENANT: "globex"}, False),
    ("equals: no context", EQUALS, {}, False),
    ("name compared with its case", SUBSET, {"kms:EncryptionContext:Tenant": "acme"}, False),
    ("value compared with its case", SUBSET, {TENANT: "Acme"}, False),
]


@pytest.mark.parametrize(("name", "constraints", "context", "expected"), CONSTRAINTS, ids=[c[0] for c in CONSTRAINTS])
def test_grant_constraint(name, constraints, context, expected):
    assert decrypt(grants=grant(Constraints=constraints), context=context) is expected


def test_grant_constraint_does_not_apply_to_describe_key():
    assert decrypt(action="kms:DescribeKey", grants=grant(Constraints=EQUALS))


def test_retiring_principal_may_retire_and_nothing_else():
    retiring = grant(RetiringPrincipal=USER)
    assert decrypt(USER, action="kms:RetireGrant", grants=retiring)
    assert not decrypt(USER, grants=retiring)
    assert not decrypt(USER, action="kms:RevokeGrant", grants=retiring)
    assert not decrypt(USER, action="kms:RetireGrant", grants=grant())


def test_grant_made_under_a_grant_may_not_be_wider():
    parent = grant(Operations=["CreateGrant", "Decrypt"])
    create = {"action": "kms:CreateGrant", "grants": parent}
    assert decrypt(**create, context={"kms:GrantOperations": ["Decrypt"]})
    assert not decrypt(**create, context={"kms:GrantOperations": ["Decrypt", "Encrypt"]})


def test_grant_to_an_account_root_delegates_to_its_identity_policies():
    to_root = grant(GranteePrincipal=f"arn:aws:iam::{B}:root")
    assert not decrypt(FOREIGN_USER, grants=to_root)
    assert decrypt(FOREIGN_USER, grants=to_root, identityPolicies=[ALL])


def test_grant_of_another_key_does_not_count():
    assert decrypt(grants=grant(KeyId=KEY))
    assert decrypt(grants=grant(KeyId="1234"))
    assert not decrypt(grants=grant(KeyId=KEY.replace("1234", "5678")))


BROKEN = [
    ({"Operations": ["PutKeyPolicy"]}, "Operations"),
    ({"Operations": []}, "Operations"),
    ({"Operations": [["Decrypt"]]}, "Operations"),
    ({"GranteePrincipal": "alice"}, "GranteePrincipal"),
    ({"Constraints": {"EncryptionContextLike": {}}}, "Constraints"),
    ({"Operation": ["Decrypt"]}, "Operation"),
]


@pytest.mark.parametrize(("change", "place"), BROKEN)
def test_a_malformed_grant_is_refused_with_its_place(change, place):
    with pytest.raises(ComplianceError, match=rf"grants\[0\].{place}"):
        decrypt(grants=grant(**change))


def test_kms_condition_on_grant_operations():
    policy = doc(
        st(
            "Allow",
            "kms:CreateGrant",
            "*",
            Principal={"AWS": ROLE},
            Condition={
                "ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]},
                "Bool": {"kms:GrantIsForAWSResource": "true"},
            },
        )
    )
    create = {"action": "kms:CreateGrant", "resourcePolicy": policy}
    assert decrypt(**create, context={"kms:GrantOperations": ["Decrypt"], "kms:GrantIsForAWSResource": True})
    assert not decrypt(
        **create, context={"kms:GrantOperations": ["Decrypt", "CreateGrant"], "kms:GrantIsForAWSResource": True}
    )
    assert not decrypt(**create, context={"kms:GrantOperations": ["Decrypt"]})


def test_grant_to_a_deleted_role_stands_by_its_unique_id_and_names_nobody_else():
    orphan = grant(GranteePrincipal="AROAEXAMPLEID")
    assert not decrypt(grants=orphan)
    assert decrypt({"arn": SESSION, "account": A, "uniqueId": "AROAEXAMPLEID"}, grants=orphan)


def test_grant_to_a_service():
    to_service = grant(GranteePrincipal="dynamodb.us-east-1.amazonaws.com")
    assert decrypt({"service": "dynamodb.us-east-1.amazonaws.com"}, grants=to_service)
    assert not decrypt(grants=to_service)
