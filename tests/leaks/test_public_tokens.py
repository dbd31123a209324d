"""A role that trusts an issuer which signs for everybody must say for whom."""

import pytest

from compliance.estate.from_facts import estate_of_facts
from compliance.prove.engine import prove
from tests.leaks.clean import ACCOUNTS, AUDIT, State
from tests.leaks.planted import A, B

ACTION = "sts:AssumeRoleWithWebIdentity"
GITHUB, GITLAB, TERRAFORM = "token.actions.githubusercontent.com", "gitlab.com", "app.terraform.io"
COGNITO = "cognito-identity.amazonaws.com"


def trusting(host, condition=None, *, principal=None, action=ACTION, denied=None):
    """Globex's trainer trusts tokens of a host; `denied` is the condition of a Deny beside."""
    state = State(shared=False, locks=False)
    provider = host if host == COGNITO else f"arn:aws:iam::{ACCOUNTS[B]}:oidc-provider/{host}"
    who = principal or {"Federated": provider}
    statements = state.role(B)["AssumeRolePolicyDocument"]["Statement"]
    statements.append({"Effect": "Allow", "Action": action, "Principal": who, "Condition": condition or {}})
    if denied:
        statements.append({"Effect": "Deny", "Action": action, "Principal": "*", "Condition": denied})
    return state


def proofs_of(state):
    return prove(estate_of_facts(state.facts(), state.scope()))


OPEN = {
    "nothing": (GITHUB, None),
    "the audience only": (GITHUB, {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}}),
    "every repository": (GITHUB, {"StringLike": {f"{GITHUB}:sub": "repo:*"}}),
    "the beginning of a name": (GITHUB, {"StringLike": {f"{GITHUB}:sub": "repo:globex*"}}),
    "a repository of any owner": (GITHUB, {"StringLike": {f"{GITHUB}:sub": "repo:*/trainer:*"}}),
    "IfExists of another claim": (GITHUB, {"StringEqualsIfExists": {f"{GITHUB}:repo": "globex/trainer"}}),
    "all but one": (GITHUB, {"StringNotLike": {f"{GITHUB}:sub": "repo:globex/*"}}),
    "a branch of any project": (GITLAB, {"StringLike": {f"{GITLAB}:sub": "project_path:*:ref:main"}}),
    "a workspace of any organisation": (
        TERRAFORM,
        {"StringLike": {f"{TERRAFORM}:sub": "organization:*:workspace:x:*"}},
    ),
    "an environment of any repository": (GITHUB, {"StringEquals": {f"{GITHUB}:sub": "environment:production"}}),
    "a branch of any repository": (GITHUB, {"StringLike": {f"{GITHUB}:sub": "ref:refs/heads/main"}}),
    "guests of one identity pool": (
        COGNITO,
        {
            "StringEquals": {f"{COGNITO}:aud": "us-east-1:4d2a"},
            "ForAnyValue:StringLike": {f"{COGNITO}:amr": "unauthenticated"},
        },
    ),
    "any identity pool": (COGNITO, {"ForAnyValue:StringLike": {f"{COGNITO}:amr": "authenticated"}}),
}
CLOSED = {
    "one repository": (GITHUB, {"StringLike": {f"{GITHUB}:sub": "repo:globex/trainer:*"}}),
    "several repositories": (GITHUB, {"StringLike": {f"{GITHUB}:sub": ["repo:globex/a:*", "repo:globex-labs/b:*"]}}),
    "one branch": (GITHUB, {"StringEquals": {f"{GITHUB}:sub": "repo:globex/trainer:ref:refs/heads/main"}}),
    "the owner": (GITHUB, {"StringEquals": {f"{GITHUB}:repository_owner": "globex"}}),
    "one group": (GITLAB, {"StringLike": {f"{GITLAB}:sub": "project_path:globex/*"}}),
    "one organisation": (TERRAFORM, {"StringLike": {f"{TERRAFORM}:sub": "organization:globex:*"}}),
    "one identity pool": (COGNITO, {"StringEquals": {f"{COGNITO}:aud": "us-east-1:4d2a"}}),
    "an issuer of its own": ("login.globex.example", None),
}


@pytest.mark.parametrize(("host", "condition"), OPEN.values(), ids=OPEN)
def test_a_role_for_everybody_at_an_issuer_is_found_with_what_it_opens(host, condition):
    proofs = proofs_of(trusting(host, condition))
    assert proofs.verdict(A, B, "role") == proofs.verdict(A, B, "data") == "violated"
    step = proofs.found(A, B, "role")[0].witness["steps"][0]
    assert step["action"] == ACTION
    assert host in step["request"]["principal"]["federated"]
    assert proofs.verdict(B, A, "role") == "proved"


@pytest.mark.parametrize(("host", "condition"), CLOSED.values(), ids=CLOSED)
def test_a_role_that_says_for_whom_raises_no_alarm(host, condition):
    proofs = proofs_of(trusting(host, condition))
    assert proofs.verdict(A, B, "role") == proofs.verdict(A, B, "data") == "proved"


def test_a_deny_may_say_for_whom():
    unlike = {"StringNotLike": {f"{GITHUB}:sub": "repo:globex/*"}}
    assert proofs_of(trusting(GITHUB, denied=unlike)).verdict(A, B, "role") == "proved"
    like = {"StringLike": {f"{GITHUB}:sub": "repo:initech/*"}}
    assert proofs_of(trusting(GITHUB, denied=like)).verdict(A, B, "role") == "violated"


@pytest.mark.parametrize("principal", ["*", {"Federated": "*"}, {"AWS": "*"}], ids=str)
def test_everybody_includes_the_issuers_that_need_no_provider(principal):
    # `{"AWS": "*"}` means the same as `*` (IAM User Guide, "Principal").
    assert proofs_of(trusting(COGNITO, principal=principal)).verdict(A, B, "role") == "violated"


def test_the_token_is_of_no_use_where_the_trust_allows_another_call():
    assert proofs_of(trusting(GITHUB, action="sts:TagSession")).verdict(A, B, "role") == "proved"


def test_an_rcp_against_federation_closes_it():
    state = trusting(GITHUB)
    deny = {"Effect": "Deny", "Action": ACTION, "Resource": "*", "Principal": "*"}
    state._attach(
        "RESOURCE_CONTROL_POLICY", "no-federation", {"Version": "2012-10-17", "Statement": [deny]}, "ou-tenants"
    )
    assert proofs_of(state).verdict(A, B, "role") == "proved"


def test_a_role_of_the_platform_opens_what_it_may_do():
    state = State(shared=False, locks=False)
    hub = f"arn:aws:iam::{AUDIT}:role/hub"
    provider = f"arn:aws:iam::{AUDIT}:oidc-provider/{GITHUB}"
    trust = {"Effect": "Allow", "Action": ACTION, "Principal": {"Federated": provider}}
    role = {
        "RoleName": "hub", "Arn": hub, "RoleId": "AROAHUB", "Tags": [], "AttachedManagedPolicies": [],
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}, "RolePolicyList": [],
    }  # fmt: skip
    state.answers["iam:GetAccountAuthorizationDetails", AUDIT, ""] = {"RoleDetailList": [role], "Policies": []}
    proofs = proofs_of(state)
    assert {proofs.verdict(a, b, "role") for a, b in ((A, B), (B, A))} == {"violated"}
