"""How the types of policy combine, within an account and across accounts."""

import pytest

from compliance.reason.iam import authorise, parse_question
from tests.compliance.reason.iam.support import (
    ALL,
    FOREIGN_ROLE,
    FOREIGN_ROOT,
    FOREIGN_SESSION,
    FOREIGN_USER,
    NOTHING,
    OBJECT,
    ROLE,
    ROOT,
    S3_ALL,
    SESSION,
    USER,
    A,
    B,
    allowed,
    ask,
    doc,
    levels,
    st,
)  # fmt: skip


def bucket(principal, effect="Allow", **more):
    return doc(st(effect, "s3:*", ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"], Principal=principal, **more))


DENY_S3 = doc(st("Deny", "s3:GetObject"))


def test_nothing_allows_so_it_is_implicitly_denied():
    assert not allowed()


def test_identity_policy_alone_suffices_within_the_account():
    assert allowed(identityPolicies=[S3_ALL])


def test_resource_policy_alone_suffices_within_the_account():
    assert allowed(resourcePolicy=bucket({"AWS": USER}))


@pytest.mark.parametrize("root", [ROOT, A])
def test_resource_policy_naming_the_account_delegates_and_does_not_grant(root):
    assert not allowed(resourcePolicy=bucket({"AWS": root}))
    assert allowed(resourcePolicy=bucket({"AWS": root}), identityPolicies=[S3_ALL])


def test_across_accounts_identity_alone_does_not_suffice():
    assert not allowed(FOREIGN_USER, identityPolicies=[S3_ALL])


def test_across_accounts_resource_policy_alone_does_not_suffice():
    assert not allowed(FOREIGN_USER, resourcePolicy=bucket({"AWS": FOREIGN_USER}))


@pytest.mark.parametrize("named", [FOREIGN_USER, FOREIGN_ROOT, B, "*"])
def test_across_accounts_both_sides_together_suffice(named):
    assert allowed(FOREIGN_USER, resourcePolicy=bucket({"AWS": named}), identityPolicies=[S3_ALL])


@pytest.mark.parametrize(
    "where",
    ["identityPolicies", "permissionBoundaries", "sessionPolicies"],
)
def test_explicit_deny_in_the_callers_policies_wins(where):
    policies = {"identityPolicies": [ALL], "permissionBoundaries": [ALL], "sessionPolicies": [ALL]}
    assert allowed(SESSION, resourcePolicy=bucket({"AWS": SESSION}), **policies)
    policies[where] = [ALL, DENY_S3]
    assert not allowed(SESSION, resourcePolicy=bucket({"AWS": SESSION}), **policies)


def test_explicit_deny_in_the_resource_policy_wins():
    assert not allowed(identityPolicies=[ALL], resourcePolicy=bucket("*", "Deny"))


def test_explicit_deny_in_any_level_of_scps_wins():
    assert allowed(identityPolicies=[ALL], serviceControlPolicies=levels([ALL], [ALL]))
    assert not allowed(identityPolicies=[ALL], serviceControlPolicies=levels([ALL, DENY_S3], [ALL]))
    assert not allowed(identityPolicies=[ALL], serviceControlPolicies=levels([ALL], [ALL, DENY_S3]))


def test_every_level_of_scps_must_allow():
    assert not allowed(identityPolicies=[ALL], serviceControlPolicies=levels([ALL], [NOTHING]))
    assert not allowed(identityPolicies=[ALL], serviceControlPolicies=levels([NOTHING], [ALL]))


def test_a_level_without_scps_allows_nothing():
    assert not allowed(identityPolicies=[ALL], serviceControlPolicies=levels([ALL], []))


def test_without_scps_at_all_none_applies():
    assert allowed(identityPolicies=[ALL], serviceControlPolicies=[])


def test_scps_grant_nothing():
    assert not allowed(serviceControlPolicies=levels([ALL]))


def test_scps_restrict_the_root_user_too():
    assert allowed(ROOT)
    assert not allowed(ROOT, serviceControlPolicies=levels([ALL, DENY_S3]))


def test_scps_limit_resource_policy_grants_too():
    assert not allowed(resourcePolicy=bucket({"AWS": USER}), serviceControlPolicies=levels([NOTHING]))


@pytest.mark.parametrize(
    "linked",
    [
        f"arn:aws:iam::{A}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
        f"arn:aws:sts::{A}:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling",
    ],
)
def test_neither_scps_nor_rcps_restrict_service_linked_roles(linked):
    deny_all = doc(st("Deny", "s3:*", "*", Principal="*"))
    assert allowed(linked, identityPolicies=[ALL], serviceControlPolicies=levels([DENY_S3]))
    assert allowed(linked, identityPolicies=[ALL], resourceControlPolicies=levels([deny_all]))
    assert not allowed(ROLE, identityPolicies=[ALL], resourceControlPolicies=levels([deny_all]))


def test_scps_do_not_restrict_service_principals():
    service = {"service": "logging.s3.amazonaws.com"}
    policy = bucket({"Service": "logging.s3.amazonaws.com"})
    assert allowed(service, resourcePolicy=policy, serviceControlPolicies=levels([DENY_S3]))


def rcp(**more):
    return doc(st("Deny", "s3:*", "*", Principal="*", **more))


def test_rcps_deny_at_any_level():
    assert not allowed(identityPolicies=[ALL], resourceControlPolicies=levels([rcp()], []))
    assert not allowed(identityPolicies=[ALL], resourceControlPolicies=levels([], [rcp()]))


def test_rcps_need_not_allow_because_aws_attaches_full_access_to_every_level():
    assert allowed(
        identityPolicies=[ALL], resourceControlPolicies=levels([], [rcp(Condition={"Null": {"aws:x": "false"}})])
    )


def test_rcps_restrict_anonymous_callers_and_service_principals():
    public = bucket("*")
    assert allowed({"type": "anonymous"}, resourcePolicy=public)
    assert not allowed({"type": "anonymous"}, resourcePolicy=public, resourceControlPolicies=levels([rcp()]))
    service = {"service": "logging.s3.amazonaws.com"}
    assert not allowed(service, resourcePolicy=public, resourceControlPolicies=levels([rcp()]))


def test_rcp_with_principal_is_aws_service_spares_service_principals():
    spare = rcp(Condition={"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}})
    service = {"service": "logging.s3.amazonaws.com"}
    assert allowed(service, resourcePolicy=bucket("*"), resourceControlPolicies=levels([spare]))
    assert not allowed(resourcePolicy=bucket("*"), resourceControlPolicies=levels([spare]))


def test_rcps_restrict_only_the_services_that_support_them():
    deny = doc(st("Deny", "*", "*", Principal="*"))
    instance = f"arn:aws:ec2:us-east-1:{A}:instance/i-1"
    assert allowed(USER, "ec2:StopInstances", instance, identityPolicies=[ALL], resourceControlPolicies=levels([deny]))
    assert not allowed(identityPolicies=[ALL], resourceControlPolicies=levels([deny]))


def test_kms_retire_grant_is_not_restricted_by_rcps():
    deny = doc(st("Deny", "kms:*", "*", Principal="*"))
    key = f"arn:aws:kms:us-east-1:{A}:key/1"
    policy = doc(st("Allow", "kms:*", "*", Principal={"AWS": USER}))
    assert allowed(USER, "kms:RetireGrant", key, resourcePolicy=policy, resourceControlPolicies=levels([deny]))
    assert not allowed(USER, "kms:Decrypt", key, resourcePolicy=policy, resourceControlPolicies=levels([deny]))


def test_boundary_limits_identity_policies():
    assert allowed(identityPolicies=[ALL], permissionBoundaries=[S3_ALL])
    assert not allowed(identityPolicies=[ALL], permissionBoundaries=[NOTHING])


def test_boundary_grants_nothing():
    assert not allowed(permissionBoundaries=[ALL])


@pytest.mark.parametrize("none", [None, []])
def test_no_boundary_and_no_session_policy_limit_nothing(none):
    assert allowed(identityPolicies=[ALL], permissionBoundaries=none, sessionPolicies=none)


def test_session_policies_limit_identity_policies():
    assert allowed(SESSION, identityPolicies=[ALL], sessionPolicies=[S3_ALL])
    assert not allowed(SESSION, identityPolicies=[ALL], sessionPolicies=[NOTHING])
    assert not allowed(SESSION, identityPolicies=[], sessionPolicies=[ALL])


@pytest.mark.parametrize("limit", ["permissionBoundaries", "sessionPolicies"])
def test_a_grant_to_the_role_arn_is_limited_by_boundary_and_session_policy(limit):
    grant = bucket({"AWS": ROLE})
    assert allowed(SESSION, resourcePolicy=grant)
    assert not allowed(SESSION, resourcePolicy=grant, **{limit: [NOTHING]})
    assert allowed(SESSION, resourcePolicy=grant, **{limit: [S3_ALL]})


@pytest.mark.parametrize("limit", ["permissionBoundaries", "sessionPolicies"])
def test_a_grant_to_the_session_arn_is_not_limited_by_implicit_denies(limit):
    assert allowed(SESSION, resourcePolicy=bucket({"AWS": SESSION}), **{limit: [NOTHING]})
    assert not allowed(SESSION, resourcePolicy=bucket({"AWS": SESSION}), **{limit: [ALL, DENY_S3]})


def test_a_grant_to_the_user_arn_is_not_limited_by_the_boundary():
    assert allowed(USER, resourcePolicy=bucket({"AWS": USER}), permissionBoundaries=[NOTHING])


def test_a_grant_to_everyone_with_principal_arn_is_not_limited_by_the_boundary():
    grant = bucket("*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}})
    assert allowed(SESSION, resourcePolicy=grant, permissionBoundaries=[NOTHING])
    assert not allowed(USER, resourcePolicy=grant)


@pytest.mark.parametrize("named", [FOREIGN_SESSION, FOREIGN_ROLE, "*"])
def test_across_accounts_the_boundary_always_limits(named):
    sides = {"resourcePolicy": bucket({"AWS": named}), "identityPolicies": [ALL]}
    assert allowed(FOREIGN_SESSION, **sides)
    assert not allowed(FOREIGN_SESSION, **sides, permissionBoundaries=[NOTHING])
    assert not allowed(FOREIGN_SESSION, **sides, sessionPolicies=[NOTHING])


def test_federated_user_without_session_policy_has_only_what_a_resource_grants():
    federated = f"arn:aws:sts::{A}:federated-user/alice"
    assert not allowed(federated, identityPolicies=[ALL])
    assert allowed(federated, identityPolicies=[ALL], sessionPolicies=[S3_ALL])
    assert allowed(federated, resourcePolicy=bucket({"AWS": federated}))


def test_a_grant_to_the_parent_user_reaches_its_federated_session_within_the_session_policy():
    federated = f"arn:aws:sts::{A}:federated-user/alice"
    assert allowed(federated, resourcePolicy=bucket({"AWS": USER}), sessionPolicies=[S3_ALL])
    assert not allowed(federated, resourcePolicy=bucket({"AWS": USER}), sessionPolicies=[NOTHING])


def test_root_user_has_every_permission_in_its_own_account():
    assert allowed(ROOT)
    assert not allowed(FOREIGN_ROOT)


def test_root_user_can_be_denied_by_the_resource_policy():
    assert not allowed(ROOT, resourcePolicy=bucket("*", "Deny"))


def test_root_user_of_another_account_needs_only_the_resource_side():
    assert allowed(FOREIGN_ROOT, resourcePolicy=bucket({"AWS": B}))


def test_endpoint_policy_must_allow():
    endpoint = doc(st("Allow", "s3:*", "*", Principal="*"))
    assert allowed(identityPolicies=[ALL], endpointPolicy=endpoint)
    assert not allowed(identityPolicies=[ALL], endpointPolicy=doc(st("Allow", "kms:*", "*", Principal="*")))


def test_endpoint_policy_denies_explicitly():
    open_ = st("Allow", "*", "*", Principal="*")
    closed = st("Deny", "*", "*", Principal="*", Condition={"StringNotEquals": {"aws:PrincipalAccount": A}})
    assert allowed(identityPolicies=[ALL], endpointPolicy=doc(open_, closed))
    both = {"identityPolicies": [ALL], "resourcePolicy": bucket({"AWS": B})}
    assert allowed(FOREIGN_USER, **both)
    assert not allowed(FOREIGN_USER, **both, endpointPolicy=doc(open_, closed))


def test_endpoint_policy_grants_nothing():
    assert not allowed(endpointPolicy=doc(st("Allow", "*", "*", Principal="*")))


def test_null_endpoint_policy_is_full_access():
    assert allowed(identityPolicies=[ALL], endpointPolicy=None)


def test_endpoint_policy_naming_the_account_covers_its_principals():
    assert allowed(identityPolicies=[ALL], endpointPolicy=doc(st(Principal={"AWS": A})))
    assert not allowed(identityPolicies=[ALL], endpointPolicy=doc(st(Principal={"AWS": B})))


def test_get_caller_identity_cannot_be_denied():
    deny = doc(st("Deny"))
    assert allowed(USER, "sts:GetCallerIdentity", "*", identityPolicies=[deny])
    assert not allowed({"type": "anonymous"}, "sts:GetCallerIdentity", "*")


def test_operation_without_resource_is_judged_in_the_callers_account():
    listing = {"action": "s3:ListAllMyBuckets", "on": "*"}
    assert allowed(USER, **listing, identityPolicies=[S3_ALL])
    assert not allowed(USER, **listing, identityPolicies=[doc(st("Allow", "s3:*", "arn:aws:s3:::*"))])


def test_aws_managed_policies_cannot_be_changed_by_anyone():
    policy = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    assert allowed(USER, "iam:GetPolicy", policy, identityPolicies=[ALL])
    assert not allowed(USER, "iam:CreatePolicyVersion", policy, identityPolicies=[ALL])


def test_the_object_belongs_to_the_resource_account_not_to_the_bucket_name():
    assert not allowed(USER, owner=B, identityPolicies=[ALL])
    assert OBJECT.count(A) == 0


def test_across_accounts_the_statement_that_opens_the_resource_is_named():
    opened = doc(st("Allow", "s3:GetObject", OBJECT, Sid="Open", Principal={"AWS": B}))
    question = ask(FOREIGN_USER, identityPolicies=[ALL], resourcePolicy=opened)
    assert authorise(*parse_question(question)).decided_by.statement == "Open"
    delegated = doc(st("Allow", "s3:GetObject", OBJECT, Sid="Open", Principal={"AWS": A}))
    question = ask(USER, identityPolicies=[ALL], resourcePolicy=delegated)
    assert authorise(*parse_question(question)).decided_by.policy == "identityPolicies[0]"
