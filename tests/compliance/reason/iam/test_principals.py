"""Whom `Principal` and `NotPrincipal` name."""

import pytest

from compliance.errors import ComplianceError
from tests.compliance.reason.iam.support import (
    ALL,
    FOREIGN_ROOT,
    FOREIGN_USER,
    ROLE,
    ROOT,
    SESSION,
    USER,
    A,
    B,
    allowed,
    doc,
    st,
)


def named(principal, who=USER, **more):
    return allowed(who, resourcePolicy=doc(st("Allow", "s3:*", Principal=principal)), **more)


def spared(principal, who=USER, **more):
    """Whether a Deny with this NotPrincipal leaves the caller alone."""
    return allowed(who, identityPolicies=[ALL], resourcePolicy=doc(st("Deny", "s3:*", NotPrincipal=principal)), **more)


def test_user_arn_names_the_user_and_nobody_else():
    assert named({"AWS": USER})
    assert not named({"AWS": f"arn:aws:iam::{A}:user/mallory"})


def test_user_name_is_case_sensitive():
    assert not named({"AWS": f"arn:aws:iam::{A}:user/Alice"})


def test_role_arn_names_its_sessions():
    assert named({"AWS": ROLE}, SESSION)
    assert not named({"AWS": f"arn:aws:iam::{A}:role/other"}, SESSION)
    assert not named({"AWS": f"arn:aws:iam::{B}:role/trainer"}, SESSION)


def test_role_arn_with_path_names_sessions_whose_arn_has_no_path():
    assert named({"AWS": f"arn:aws:iam::{A}:role/teams/ml/trainer"}, SESSION)


def test_role_arn_with_path_is_compared_whole_when_the_principal_arn_is_known():
    path = {"aws:PrincipalArn": f"arn:aws:iam::{A}:role/teams/ml/trainer"}
    assert named({"AWS": f"arn:aws:iam::{A}:role/teams/ml/trainer"}, SESSION, context=path)
    assert not named({"AWS": f"arn:aws:iam::{A}:role/other/trainer"}, SESSION, context=path)


def test_session_arn_names_one_session_only():
    assert named({"AWS": SESSION}, SESSION)
    assert not named({"AWS": SESSION}, f"arn:aws:sts::{A}:assumed-role/trainer/job-2")
    assert not named({"AWS": SESSION}, ROLE)


@pytest.mark.parametrize("star", ["*", {"AWS": "*"}, {"AWS": ["*"]}])
def test_star_names_everyone(star):
    assert named(star)
    assert named(star, {"type": "anonymous"})


@pytest.mark.parametrize("pattern", [f"arn:aws:iam::{A}:user/*", f"arn:aws:iam::{A}:user/al?ce", "arn:aws:iam::*:root"])
def test_a_wildcard_within_a_principal_names_nobody(pattern):
    assert not named({"AWS": pattern})


def test_several_principals_are_alternatives():
    assert named({"AWS": [FOREIGN_USER, USER]})
    assert named({"Service": "ec2.amazonaws.com", "AWS": USER})


def test_service_principal():
    service = {"service": "ec2.amazonaws.com"}
    assert named({"Service": "ec2.amazonaws.com"}, service)
    assert named({"Service": ["s3.amazonaws.com", "ec2.amazonaws.com"]}, service)
    assert not named({"Service": "s3.amazonaws.com"}, service)
    assert not named({"AWS": USER}, service)
    assert not named({"Service": "ec2.amazonaws.com"})


def test_service_principal_with_source_account_against_confused_deputy():
    policy = doc(st(Principal={"Service": "s3.amazonaws.com"}, Condition={"StringEquals": {"aws:SourceAccount": A}}))
    service = {"service": "s3.amazonaws.com"}
    assert allowed(service, resourcePolicy=policy, context={"aws:SourceAccount": A})
    assert not allowed(service, resourcePolicy=policy, context={"aws:SourceAccount": B})
    assert not allowed(service, resourcePolicy=policy)


def test_a_service_principal_has_no_identity_policies():
    assert not allowed({"service": "ec2.amazonaws.com"}, identityPolicies=[ALL])


def test_anonymous_is_named_by_star_only():
    anonymous = {"type": "anonymous"}
    assert not named({"AWS": A}, anonymous)
    assert not named({"AWS": USER}, anonymous)
    assert not allowed(anonymous, identityPolicies=[ALL])


def test_canonical_user_stands_for_its_account():
    canonical = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"
    who = {"arn": USER, "account": A, "canonicalId": canonical}
    assert not named({"CanonicalUser": canonical}, who)
    assert named({"CanonicalUser": canonical}, who, identityPolicies=[ALL])
    policy = doc(st(Principal={"CanonicalUser": canonical}))
    foreign = {"arn": FOREIGN_USER, "account": B, "canonicalId": canonical}
    assert allowed(foreign, resourcePolicy=policy, identityPolicies=[ALL])
    assert not allowed(foreign | {"canonicalId": "0" * 64}, resourcePolicy=policy, identityPolicies=[ALL])


def test_role_unique_id_names_the_role_that_has_it():
    assert named({"AWS": "AROAEXAMPLEID"}, SESSION, context={"aws:userid": "AROAEXAMPLEID:job-1"})
    assert not named({"AWS": "AROAEXAMPLEID"}, SESSION, context={"aws:userid": "AROAOTHERID:job-1"})


def test_unique_id_of_a_deleted_role_names_nobody():
    assert not named({"AWS": "AROAEXAMPLEID"}, SESSION)


def test_user_unique_id_names_the_user():
    assert named({"AWS": "AIDAEXAMPLEID"}, {"arn": USER, "account": A, "uniqueId": "AIDAEXAMPLEID"})
    assert not named({"AWS": "AIDAEXAMPLEID"}, {"arn": USER, "account": A, "uniqueId": "AIDAOTHER"})


def test_a_grant_by_role_unique_id_is_limited_like_one_by_role_arn():
    who = {"arn": SESSION, "account": A, "uniqueId": "AROAEXAMPLEID"}
    policy = doc(st(Principal={"AWS": "AROAEXAMPLEID"}))
    assert allowed(who, resourcePolicy=policy)
    assert not allowed(who, resourcePolicy=policy, sessionPolicies=[doc(st(action="ec2:*"))])


def test_not_principal_with_deny_spares_the_named():
    assert spared({"AWS": USER})
    assert not spared({"AWS": FOREIGN_USER})


def test_not_principal_with_its_companion_account_spares_the_named_only():
    bob_and_account = {"AWS": [ROLE, ROOT]}
    assert spared(bob_and_account, ROLE)
    assert spared(bob_and_account, SESSION)
    assert not spared(bob_and_account, USER)
    assert not spared(bob_and_account, FOREIGN_USER)


def test_not_principal_naming_an_account_alone_spares_all_of_it():
    assert spared({"AWS": [ROOT, FOREIGN_USER]}, USER)
    assert not spared({"AWS": FOREIGN_ROOT}, USER)


def test_not_principal_naming_the_role_spares_its_sessions():
    assert spared({"AWS": ROLE}, SESSION)


def test_not_principal_with_deny_denies_everyone_with_a_permissions_boundary():
    assert not spared({"AWS": ROLE}, SESSION, permissionBoundaries=[ALL])


def test_not_principal_with_allow_grants_everyone_else_even_anonymous():
    policy = doc(st(NotPrincipal={"AWS": USER}))
    assert not allowed(USER, resourcePolicy=policy)
    assert allowed(SESSION, resourcePolicy=policy)
    assert allowed({"type": "anonymous"}, resourcePolicy=policy)


def test_not_principal_star_excepts_everyone():
    assert not allowed(USER, resourcePolicy=doc(st(NotPrincipal="*")))


def test_unknown_principal_type_is_refused_with_its_place():
    with pytest.raises(ComplianceError, match=r"resourcePolicy.Statement\[0\].Principal.Group"):
        named({"Group": "everyone"})


def test_root_user_is_named_by_the_account():
    assert named({"AWS": A}, ROOT)


def test_cloudfront_origin_access_identity():
    oai = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EH1HDMB1FH2TC"
    policy = doc(st(Principal={"AWS": oai}))
    assert allowed({"arn": oai, "account": "cloudfront"}, resourcePolicy=policy, identityPolicies=[ALL])
    assert not allowed(resourcePolicy=policy)
