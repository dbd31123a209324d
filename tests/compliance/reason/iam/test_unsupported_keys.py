"""`aws:ResourceAccount` is missing from a few actions' requests, and policies that lean on it must still be judged."""

import pytest

from compliance.reason.iam import open_request, parse_question, possible
from compliance.reason.iam.principals import parse_arn_principal
from tests.compliance.reason.iam.support import ALL, ROLE, USER, A, B, allowed, ask, doc, levels, st

FOREIGN_SNAPSHOT = "arn:aws:ec2:us-east-1::snapshot/snap-1"
OWN_ONLY = st("Deny", Condition={"StringNotEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}})
LACKING = ["ec2:CreateVolume", "ec2:CopySnapshot", "ec2:copyimage", "events:PutEvents", "ebs:GetSnapshotBlock"]


def of_own_account(action: str) -> bool:
    condition = {"StringEquals": {"aws:ResourceAccount": A}}
    return allowed(USER, action, FOREIGN_SNAPSHOT, identityPolicies=[doc(st(Condition=condition))])


@pytest.mark.parametrize("action", LACKING)
def test_the_key_is_absent(action):
    assert not of_own_account(action)


@pytest.mark.parametrize("action", ["ec2:CreateSnapshot", "ec2:RunInstances", "s3:GetObject"])
def test_the_key_is_there_for_other_actions(action):
    assert of_own_account(action)


@pytest.mark.parametrize("action", LACKING)
def test_a_lock_on_the_key_fails_closed(action):
    locked = levels([ALL, doc(OWN_ONLY)])
    assert not allowed(USER, action, FOREIGN_SNAPSHOT, identityPolicies=[ALL], serviceControlPolicies=locked)


@pytest.mark.parametrize(("owner", "verdict"), [(B, "impossible"), (A, "possible")])
def test_the_proof_holds_whether_or_not_the_key_comes_one_day(owner, verdict):
    request = open_request("ec2:CopySnapshot", FOREIGN_SNAPSHOT, owner, parse_arn_principal(ROLE, "who"))
    asked = ask(ROLE, "ec2:CopySnapshot", FOREIGN_SNAPSHOT, owner=owner, identityPolicies=[ALL],
                resourcePolicy=doc(st(Principal="*")), serviceControlPolicies=levels([ALL, doc(OWN_ONLY)]))  # fmt: skip
    result = possible(request, parse_question(asked)[1])
    assert result.verdict == verdict


def test_a_statement_that_only_the_key_would_stop_is_possible():
    without_the_key = st("Deny", Condition={"StringEquals": {"aws:ResourceAccount": B}})
    request = open_request("ec2:CopySnapshot", FOREIGN_SNAPSHOT, B, parse_arn_principal(ROLE, "who"))
    asked = ask(ROLE, "ec2:CopySnapshot", FOREIGN_SNAPSHOT, owner=B, identityPolicies=[ALL],
                resourcePolicy=doc(st(Principal="*")),
                serviceControlPolicies=levels([ALL, doc(without_the_key)]))  # fmt: skip
    assert possible(request, parse_question(asked)[1]).verdict == "possible"
