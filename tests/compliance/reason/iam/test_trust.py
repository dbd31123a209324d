"""Assuming roles: the trust policy is always needed."""

import pytest

from tests.compliance.reason.iam.support import (
    ALL,
    FOREIGN_USER,
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

TARGET = f"arn:aws:iam::{A}:role/target"
OIDC = f"arn:aws:iam::{A}:oidc-provider/token.example.com"
SAML = f"arn:aws:iam::{A}:saml-provider/corp"


def trust(principal, action="sts:AssumeRole", effect="Allow", **more):
    return doc(st(effect, action, None, Principal=principal, **more))


def assume(who=USER, *, action="sts:AssumeRole", **more):
    return allowed(who, action, TARGET, **more)


def test_identity_policy_alone_does_not_suffice():
    assert not assume(identityPolicies=[ALL])
    assert not assume(identityPolicies=[ALL], resourcePolicy=trust({"AWS": f"arn:aws:iam::{A}:user/other"}))


def test_trust_naming_the_principal_suffices_within_the_account():
    assert assume(resourcePolicy=trust({"AWS": USER}))


def test_trust_naming_the_account_delegates_to_identity_policies():
    assert not assume(resourcePolicy=trust({"AWS": ROOT}))
    assert assume(resourcePolicy=trust({"AWS": ROOT}), identityPolicies=[ALL])


def test_across_accounts_both_are_needed():
    assert not assume(FOREIGN_USER, resourcePolicy=trust({"AWS": FOREIGN_USER}))
    assert not assume(FOREIGN_USER, identityPolicies=[ALL], resourcePolicy=trust({"AWS": A}))
    assert assume(FOREIGN_USER, identityPolicies=[ALL], resourcePolicy=trust({"AWS": B}))


def test_role_chaining_by_role_arn():
    assert assume(SESSION, resourcePolicy=trust({"AWS": ROLE}))
    assert not assume(SESSION, resourcePolicy=trust({"AWS": ROLE}), sessionPolicies=[NOTHING])


def test_external_id_against_the_confused_deputy():
    guarded = trust({"AWS": B}, Condition={"StringEquals": {"sts:ExternalId": "s3cret"}})
    sides = {"resourcePolicy": guarded, "identityPolicies": [ALL]}
    assert assume(FOREIGN_USER, **sides, context={"sts:ExternalId": "s3cret"})
    assert not assume(FOREIGN_USER, **sides, context={"sts:ExternalId": "guess"})
    assert not assume(FOREIGN_USER, **sides)


def test_service_principal_needs_the_trust_policy_only():
    policy = trust({"Service": "ec2.amazonaws.com"})
    assert assume({"service": "ec2.amazonaws.com"}, resourcePolicy=policy)
    assert not assume({"service": "lambda.amazonaws.com"}, resourcePolicy=policy)
    assert not assume({"service": "ec2.amazonaws.com"})


@pytest.mark.parametrize(
    ("provider", "action"), [(OIDC, "sts:AssumeRoleWithWebIdentity"), (SAML, "sts:AssumeRoleWithSAML")]
)
def test_federated_principal_needs_the_trust_policy_only(provider, action):
    assert assume({"federated": provider}, action=action, resourcePolicy=trust({"Federated": provider}, action))
    assert not assume({"federated": provider}, action=action, resourcePolicy=trust({"Federated": "other"}, action))
    assert not assume({"federated": provider}, action=action, identityPolicies=[ALL])


def test_web_identity_subject_condition():
    action = "sts:AssumeRoleWithWebIdentity"
    policy = trust(
        {"Federated": OIDC},
        action,
        Condition={"StringLike": {"token.example.com:sub": "repo:acme/*:ref:refs/heads/main"}},
    )
    who = {"federated": OIDC}
    good = {"token.example.com:sub": "repo:acme/app:ref:refs/heads/main"}
    assert assume(who, action=action, resourcePolicy=policy, context=good)
    assert not assume(who, action=action, resourcePolicy=policy, context={"token.example.com:sub": "repo:evil/app:x"})
    assert not assume(who, action=action, resourcePolicy=policy)


def test_scps_do_not_restrict_federated_callers_but_rcps_do():
    action = "sts:AssumeRoleWithWebIdentity"
    asked = {"action": action, "resourcePolicy": trust({"Federated": OIDC}, action)}
    assert assume({"federated": OIDC}, **asked, serviceControlPolicies=levels([NOTHING]))
    deny = doc(st("Deny", "sts:*", "*", Principal="*"))
    assert not assume({"federated": OIDC}, **asked, resourceControlPolicies=levels([deny]))


def test_the_root_user_cannot_assume_roles():
    assert not assume(ROOT, resourcePolicy=trust({"AWS": ROOT}), identityPolicies=[ALL])


def test_deny_in_the_trust_policy():
    policy = doc(
        st("Allow", "sts:AssumeRole", None, Principal={"AWS": USER}),
        st("Deny", "sts:AssumeRole", None, Principal="*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}}),
    )
    assert assume(resourcePolicy=policy)
    assert not assume(resourcePolicy=policy, context={"aws:MultiFactorAuthPresent": "false"})


def test_tag_session_is_a_request_of_its_own():
    policy = trust({"AWS": USER}, "sts:AssumeRole")
    assert not assume(action="sts:TagSession", resourcePolicy=policy, identityPolicies=[ALL])
    assert assume(action="sts:TagSession", resourcePolicy=trust({"AWS": USER}, ["sts:AssumeRole", "sts:TagSession"]))
