"""Action, NotAction, Resource, NotResource."""

import pytest

from tests.compliance.reason.iam.support import ALL, OBJECT, USER, A, allowed, doc, st


def says(**statement):
    return allowed(USER, "s3:GetObject", OBJECT, identityPolicies=[doc(st(**statement))])


ACTIONS = [
    ("s3:GetObject", True),
    ("S3:getobject", True),
    ("s3:*", True),
    ("*", True),
    ("s3:Get*", True),
    ("s3:*Object", True),
    ("s3:GetObjec?", True),
    ("s3:GetObject?", False),
    ("s3:Put*", False),
    ("s3:", False),
    ("s3: GetObject", False),
    ("s3:GetObject,s3:PutObject", False),
    ("s3:GetObject ", False),
    (["s3:Put*", "s3:Get*"], True),
    ("*:*", True),
    ("s3:G*t*t", True),
    ("s3:[G]etObject", False),
    ("s3.GetObject:x", False),
]


@pytest.mark.parametrize(("action", "expected"), ACTIONS)
def test_action(action, expected):
    assert says(action=action) is expected


@pytest.mark.parametrize(("action", "expected"), ACTIONS)
def test_not_action_is_the_complement(action, expected):
    assert says(NotAction=action) is not expected


def says_of(pattern, on=OBJECT):
    return allowed(USER, "s3:GetObject", on, identityPolicies=[doc(st(resource=pattern))])


QUEUE = f"arn:aws:sqs:us-east-1:{A}:jobs"
RESOURCES = [
    ("*", OBJECT, True),
    ("arn:aws:s3:::bucket/data.csv", OBJECT, True),
    ("arn:aws:s3:::Bucket/data.csv", OBJECT, False),
    ("arn:aws:s3:::bucket/*", OBJECT, True),
    ("arn:aws:s3:::bucket/dat?.csv", OBJECT, True),
    ("arn:aws:s3:::b*/d*", OBJECT, True),
    ("arn:aws:s3:::*", OBJECT, True),
    ("arn:*", OBJECT, True),
    ("arn:aws:s3:*", OBJECT, True),
    ("arn:aws:s3:::bucket", OBJECT, False),
    ("arn:aws:sqs:us-*:*:jobs", QUEUE, True),
    ("arn:aws:sqs:us-*-1:*:jobs", QUEUE, True),
    ("arn:aws:sqs:us-e*-1:jobs", QUEUE, False),
    ("arn:aws:s*s:jobs", QUEUE, False),
    ("arn:aws:sqs:us-east-?:*:jobs", QUEUE, True),
    # AWS completes an ARN that lacks parts.
    ("arn:aws:s3", OBJECT, True),
    ("arn:aws:sqs", OBJECT, False),
    ("arn:aws:sqs:us-east-1", QUEUE, True),
    ("arn:aws:sqs:us-west-2", QUEUE, False),
    ("arn:aws", OBJECT, True),
    ("arn:aws:s3:::bucket/a*z", "arn:aws:s3:::bucket/a:b/z", True),
]


@pytest.mark.parametrize(("pattern", "on", "expected"), RESOURCES)
def test_resource(pattern, on, expected):
    assert says_of(pattern, on) is expected


@pytest.mark.parametrize(("pattern", "on", "expected"), RESOURCES)
def test_not_resource_is_the_complement(pattern, on, expected):
    assert allowed(USER, "s3:GetObject", on, identityPolicies=[doc(st(NotResource=pattern))]) is not expected


def test_several_resources_are_alternatives():
    assert says_of(["arn:aws:s3:::other/*", "arn:aws:s3:::bucket/*"])


def test_not_resource_with_several_excepts_each():
    statement = st(NotResource=["arn:aws:s3:::other/*", "arn:aws:s3:::bucket/*"])
    assert not allowed(identityPolicies=[doc(statement)])


def test_variable_in_resource():
    home = st(resource="arn:aws:s3:::bucket/${aws:username}/*")
    assert allowed(on="arn:aws:s3:::bucket/alice/x", identityPolicies=[doc(home)])
    assert not allowed(on="arn:aws:s3:::bucket/bob/x", identityPolicies=[doc(home)])


def test_variable_in_resource_is_plain_text_in_version_2008():
    home = doc(st(resource="arn:aws:s3:::bucket/${aws:username}/*"), version="2008-10-17")
    assert not allowed(on="arn:aws:s3:::bucket/alice/x", identityPolicies=[home])
    assert allowed(on="arn:aws:s3:::bucket/${aws:username}/x", identityPolicies=[home])


def test_null_variable_in_resource_matches_nothing():
    tagged = "arn:aws:s3:::bucket/${aws:PrincipalTag/team}*"
    assert not says_of(tagged, "arn:aws:s3:::bucket/x")
    assert not allowed(on="arn:aws:s3:::bucket/x", identityPolicies=[doc(st(resource=tagged))])
    denied = [ALL, doc(st("Deny", resource=tagged))]
    assert allowed(on="arn:aws:s3:::bucket/x", identityPolicies=denied)


def test_null_variable_in_not_resource_excepts_nothing():
    tagged = "arn:aws:s3:::bucket/${aws:PrincipalTag/team}*"
    assert not allowed(on="arn:aws:s3:::bucket/x", identityPolicies=[ALL, doc(st("Deny", NotResource=tagged))])


def test_variable_in_resource_with_default():
    tagged = [doc(st(resource="arn:aws:s3:::bucket/${aws:PrincipalTag/team, 'common'}/*"))]
    assert allowed(on="arn:aws:s3:::bucket/common/x", identityPolicies=tagged)
    assert not allowed(
        on="arn:aws:s3:::bucket/common/x", identityPolicies=tagged, context={"aws:PrincipalTag/team": "red"}
    )


def test_escaped_star_in_resource_is_a_star():
    assert says_of("arn:aws:s3:::bucket/${*}", "arn:aws:s3:::bucket/*")
    assert not says_of("arn:aws:s3:::bucket/${*}", "arn:aws:s3:::bucket/x")


def test_a_single_statement_object_is_a_policy():
    assert allowed(identityPolicies=[{"Version": "2012-10-17", "Statement": st()}])


def test_statements_are_alternatives_and_deny_wins_in_any_order():
    assert not allowed(identityPolicies=[doc(st("Deny", "s3:*"), st())])
    assert not allowed(identityPolicies=[doc(st(), st("Deny", "s3:*"))])
    assert allowed(identityPolicies=[doc(st("Deny", "ec2:*"), st())])
