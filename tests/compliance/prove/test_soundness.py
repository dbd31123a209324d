"""The engine never says `proved` where a concrete request of the other tenant is allowed."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from compliance.estate.from_facts import estate_of_facts
from compliance.prove.engine import prove
from compliance.reason.iam import authorise, parse_question
from tests.leaks.clean import ACCOUNTS, State, allow, policy
from tests.leaks.planted import A, B

ACCOUNT = ACCOUNTS[A]
CALLERS = [
    f"arn:aws:sts::{ACCOUNT}:assumed-role/bh-acme-trainer/x",
    f"arn:aws:iam::{ACCOUNT}:user/anyone",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/other/x",
]
CONTEXTS = [
    {},
    {"aws:SecureTransport": "true"},
    {"aws:UserAgent": "a"},
    {"aws:PrincipalTag/team": "globex", "aws:UserAgent": "b"},
]
PRINCIPALS = ["*", {"AWS": ACCOUNT}, {"AWS": f"arn:aws:iam::{ACCOUNT}:role/bh-acme-trainer"}, {"AWS": ACCOUNTS[B]}]
CONDITIONS = [
    {},
    {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}},
    {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNTS[B]}},
    {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/bh-*"}},
    {"StringLike": {"aws:UserAgent": "a*"}},
    {"StringEqualsIfExists": {"aws:PrincipalTag/team": "globex"}},
    {"Null": {"aws:UserAgent": "true"}},
    {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}},
    {"ForAllValues:StringEquals": {"aws:CalledVia": "x"}},
    {"Bool": {"aws:SecureTransport": "true"}},
]
RESOURCES = ["arn:aws:s3:::bh-globex-data/*", "arn:aws:s3:::bh-globex-data/a", "arn:aws:s3:::*", "*"]


def statements():
    def build(effect, who, no, resource, condition):
        body = {"Effect": effect, "Action": "s3:GetObject", "Resource": resource, "Condition": condition}
        return body | {"NotPrincipal" if no else "Principal": who}

    return some.builds(
        build,
        some.sampled_from(["Allow", "Allow", "Deny"]),
        some.sampled_from(PRINCIPALS),
        some.integers(0, 4).map(lambda n: n == 0),
        some.sampled_from(RESOURCES),
        some.sampled_from(CONDITIONS),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.lists(statements(), min_size=1, max_size=3))
def test_an_allowed_request_is_never_proved_impossible(extra):
    state = State(shared=False, locks=False)
    state.bucket_policy(B).extend(extra)
    document = policy(*state.bucket_policy(B))
    proofs = prove(estate_of_facts(state.facts(), state.scope()))

    def question(caller, context, key):
        return {
            "request": {
                "action": "s3:GetObject",
                "resource": {"arn": f"arn:aws:s3:::bh-globex-data/{key}", "account": ACCOUNTS[B]},
                "principal": {"arn": caller, "account": ACCOUNT},
                "context": context,
            },
            "identityPolicies": [policy(allow("*"))],
            "resourcePolicy": document,
        }

    reached = any(
        authorise(*parse_question(question(caller, context, key))).allowed
        for caller in CALLERS
        for context in CONTEXTS
        for key in ("a", "b")
    )
    if reached:
        assert proofs.verdict(A, B, "data") in ("violated", "undecided")
