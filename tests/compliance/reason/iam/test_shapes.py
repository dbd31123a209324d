"""Shapes of questions that the interface leaves open: what is let pass, and what might hide a mistake."""

import pytest

from compliance.errors import ComplianceError
from compliance.reason.iam import authorise, parse_question
from tests.compliance.reason.iam.support import ALL, KEY, OBJECT, ROLE, USER, A, allowed, ask, doc, levels, st

DENY = doc(st("Deny", Principal="*"))


def refused_at(question):
    with pytest.raises(ComplianceError) as caught:
        parse_question(question)
    return caught.value.place.removeprefix("$.")


def test_notes_beside_a_question_do_not_change_the_answer():
    notes = {"title": "one", "category": "scp", "tags": ["a"], "source": {"page": 1}, "caseId": 7, "why": None}
    assert allowed(identityPolicies=[ALL], **notes)
    assert not allowed(**notes)


@pytest.mark.parametrize("name", ["resourcePolices", "ResourcePolicy", "resource_policy", "endpointpolicy"])
def test_a_misspelt_element_is_refused_as_it_may_hold_the_deny(name):
    assert refused_at(ask(identityPolicies=[ALL], **{name: DENY})) == name
    assert not allowed(identityPolicies=[ALL], resourcePolicy=DENY)


@pytest.mark.parametrize("hidden", [DENY, [DENY], {"at": {"the": [DENY]}}, levels([DENY]), '{"Statement": []}'])
def test_a_policy_under_a_name_that_is_not_read_is_refused(hidden):
    assert refused_at(ask(identityPolicies=[ALL], other=hidden)) == "other"


def test_notes_within_a_request_and_a_level():
    question = ask(identityPolicies=[ALL], serviceControlPolicies=[{"level": "r", "target": "r-1", "policies": [ALL]}])
    question["request"]["region"] = "eu-west-1"
    assert authorise(*parse_question(question)).allowed
    question["serviceControlPolicies"][0]["policies"] = []
    assert not authorise(*parse_question(question)).allowed


def test_a_policy_in_a_level_beside_its_policies_is_refused():
    level = {"level": "r", "policies": [ALL], "more": [DENY]}
    assert refused_at(ask(serviceControlPolicies=[level])) == "serviceControlPolicies[0].more"


def test_a_level_without_a_name():
    assert allowed(identityPolicies=[ALL], serviceControlPolicies=[{"level": None, "policies": [ALL]}])
    assert refused_at(ask(serviceControlPolicies=[{"level": {}, "policies": []}])) == "serviceControlPolicies[0].level"


@pytest.mark.parametrize(
    "caller",
    [
        {"arn": USER, "account": A, "type": "AWS"},
        {"arn": USER, "account": None, "service": None, "federated": None, "type": None, "uniqueId": None},
    ],
)
def test_principal_with_agreeing_type_or_nulls(caller):
    assert allowed(caller, identityPolicies=[ALL])
    assert not allowed(caller)


def test_service_principal_with_its_type():
    caller = {"type": "Service", "service": "sns.amazonaws.com"}
    assert allowed(caller, resourcePolicy=doc(st(Principal={"Service": "sns.amazonaws.com"})))
    assert not allowed(caller, resourcePolicy=doc(st(Principal={"Service": "sqs.amazonaws.com"})))


@pytest.mark.parametrize("kind", ["robot", "anonymous", "service"])
def test_principal_whose_type_contradicts_its_arn_is_refused(kind):
    assert refused_at(ask({"arn": USER, "account": A, "type": kind})) == "request.principal.type"


@pytest.mark.parametrize("account", ["12", "acme", 111111111111])
def test_resource_account_that_is_no_account_is_refused(account):
    question = ask()
    question["request"]["resource"] = {"arn": OBJECT, "account": account}
    assert refused_at(question) == "request.resource.account"


GRANT = {"KeyId": None, "GranteePrincipal": ROLE, "Operations": ["Decrypt"], "Constraints": None, "GrantId": "g"}


def test_grants_as_the_whole_answer_of_list_grants():
    policy = doc(st(action="kms:*", Principal={"AWS": f"arn:aws:iam::{A}:root"}))
    whole = {"Grants": [GRANT], "Truncated": False}
    assert allowed(ROLE, "kms:Decrypt", KEY, resourcePolicy=policy, grants=whole)
    assert not allowed(USER, "kms:Decrypt", KEY, resourcePolicy=policy, grants=whole)
    assert not allowed(ROLE, "kms:Encrypt", KEY, resourcePolicy=policy, grants=whole)


def test_grants_of_which_pages_are_missing_are_refused():
    assert refused_at(ask(grants={"Grants": [GRANT], "Truncated": True})) == "grants.Truncated"
    assert refused_at(ask(grants={"Grants": "x"})) == "grants.Grants"


def test_public_access_block_as_the_call_prints_it():
    public = doc(st(Principal="*"))
    for on in (True, False):
        block = {"PublicAccessBlockConfiguration": {"RestrictPublicBuckets": on}}
        assert allowed({"type": "anonymous"}, resourcePolicy=public, s3={"publicAccessBlock": block}) is not on
