"""The symbolic evaluator: proofs of impossibility and witnesses."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from compliance.reason.iam import Principal, Unknown, authorise, open_request, parse_context, parse_question, possible
from compliance.reason.iam.principals import parse_arn_principal
from tests.compliance.reason.iam.support import (
    ALL,
    FOREIGN_ROLE,
    FOREIGN_ROOT,
    FOREIGN_SESSION,
    FOREIGN_USER,
    KEY,
    OBJECT,
    ROLE,
    SESSION,
    USER,
    A,
    B,
    ask,
    doc,
    levels,
    st,
)

ANYONE_OF_B = Principal("any-of-account", account=B)


def judge(who=ANYONE_OF_B, action="s3:GetObject", on=OBJECT, owner=A, known=None, **documents):
    caller = parse_arn_principal(who, "who") if isinstance(who, str) else who
    asked = ask(USER, action, on, owner=owner, **documents)
    _, policies = parse_question(asked)
    return possible(open_request(action, on, owner, caller, known), policies)


def bucket(principal="*", effect="Allow", **more):
    return doc(st(effect, "s3:*", "arn:aws:s3:::bucket/*", Principal=principal, **more))


def test_without_a_grant_by_the_resource_another_account_is_kept_out():
    result = judge(identityPolicies=[ALL])
    assert result.verdict == "impossible"
    assert result.decision.decided_by.policy == "resourcePolicy"


def test_a_grant_to_the_account_comes_with_a_witness():
    result = judge(identityPolicies=[ALL], resourcePolicy=bucket({"AWS": B}))
    assert result.verdict == "possible"
    assert result.witness.principal.account == B


def test_a_grant_to_one_role_is_reached_as_that_role():
    result = judge(identityPolicies=[ALL], resourcePolicy=bucket({"AWS": FOREIGN_ROLE}))
    assert result.witness.principal.arn == FOREIGN_ROLE


def test_a_condition_that_the_caller_controls_is_in_the_witness():
    result = judge(
        identityPolicies=[ALL], resourcePolicy=bucket(Condition={"StringEquals": {"aws:Referer": ["example.com"]}})
    )
    assert result.witness.context.get("aws:referer") == ("example.com",)


def test_the_witness_is_the_smallest_context():
    result = judge(
        identityPolicies=[doc(st(Condition={"StringEqualsIfExists": {"aws:RequestedRegion": "eu-west-1"}}))],
        resourcePolicy=bucket(Condition={"Bool": {"aws:SecureTransport": "true"}}),
    )
    context = dict(result.witness.context.items())
    assert context["aws:securetransport"] == ("true",)
    assert "aws:requestedregion" not in context or context["aws:requestedregion"] == ()


def test_a_known_key_is_not_the_callers_to_choose():
    grant = bucket(Condition={"StringEquals": {"aws:SourceVpce": "vpce-a"}})
    assert (
        judge(identityPolicies=[ALL], resourcePolicy=grant, known={"aws:SourceVpce": ("vpce-b",)}).verdict
        == "impossible"
    )
    assert judge(identityPolicies=[ALL], resourcePolicy=grant, known={"aws:SourceVpce": ()}).verdict == "impossible"
    assert judge(identityPolicies=[ALL], resourcePolicy=grant).verdict == "possible"


def test_deny_unless_own_account_is_certain():
    perimeter = levels(
        [ALL, doc(st("Deny", Condition={"StringNotEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}))]
    )
    open_bucket = bucket()
    assert judge(identityPolicies=[ALL], resourcePolicy=open_bucket).verdict == "possible"
    result = judge(identityPolicies=[ALL], resourcePolicy=open_bucket, serviceControlPolicies=perimeter)
    assert result.verdict == "impossible"
    assert result.decision.decided_by.policy.startswith("serviceControlPolicies[0]")


def test_deny_that_the_caller_can_step_round_is_not_a_proof():
    guard = bucket(effect="Deny", Condition={"StringNotEquals": {"aws:UserAgent": "good"}})
    policy = doc(*bucket()["Statement"], *guard["Statement"])
    result = judge(identityPolicies=[ALL], resourcePolicy=policy)
    assert result.verdict == "possible"
    assert result.witness.context.get("aws:useragent") == ("good",)


def test_deny_by_principal_arn_of_known_role():
    guard = bucket(effect="Deny", Condition={"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{A}:role/*"}})
    policy = doc(*bucket()["Statement"], *guard["Statement"])
    assert judge(identityPolicies=[ALL], resourcePolicy=policy).verdict == "impossible"
    assert judge(ROLE, identityPolicies=[ALL], resourcePolicy=policy).verdict == "possible"


def test_the_path_of_a_sessions_role_is_not_assumed():
    condition = {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{B}:role/teams/ml/trainer"}}
    assert (
        judge(FOREIGN_SESSION, identityPolicies=[ALL], resourcePolicy=bucket(Condition=condition)).verdict == "possible"
    )


def test_principal_tag_variable_in_the_resource():
    tagged = [doc(st(resource="arn:aws:s3:::${aws:PrincipalTag/tenant}/*"))]
    result = judge(USER, identityPolicies=tagged)
    assert result.verdict == "possible"
    assert result.witness.context.get("aws:principaltag/tenant") == ("bucket",)
    assert judge(USER, identityPolicies=tagged, known={"aws:PrincipalTag/tenant": ("other",)}).verdict == "impossible"


def test_a_grant_on_a_key_is_found():
    grants = [
        {
            "GranteePrincipal": FOREIGN_ROLE,
            "Operations": ["Decrypt"],
            "Constraints": {"EncryptionContextSubset": {"t": "acme"}},
        }
    ]
    delegates = doc(st(Principal={"AWS": A}))
    asked = {"action": "kms:Decrypt", "on": KEY, "resourcePolicy": delegates}
    assert judge(**asked).verdict == "impossible"
    assert judge(**asked, grants=grants).verdict != "impossible"


def test_an_unknown_pattern_that_cannot_meet_is_a_proof():
    grant = bucket(Condition={"StringLike": {"aws:SourceVpce": "vpce-b*"}})
    only_a = {"aws:SourceVpce": Unknown(may_be_absent=True, pattern="vpce-a*")}
    assert judge(identityPolicies=[ALL], resourcePolicy=grant, known=only_a).verdict == "impossible"


def test_what_no_search_can_settle_is_undecided_and_says_why():
    riddle = bucket(Condition={"StringLike": {"my:k": "a*"}, "StringNotLike": {"my:k": ["?any", "a", "aany"]}})
    result = judge(identityPolicies=[ALL], resourcePolicy=riddle)
    assert result.verdict == "undecided"
    assert "concrete evaluator" in result.why


# ---- never impossible where concrete says allowed

PRINCIPALS = [USER, ROLE, SESSION, FOREIGN_USER, FOREIGN_ROLE, FOREIGN_SESSION]
FREE = ["aws:SourceVpce", "aws:PrincipalTag/team", "my:number", "aws:userid", "aws:SecureTransport"]
KEYS = [*FREE, "aws:PrincipalArn"]
VALUES = ["a", "ab", "true", "false", "5", "10", "vpce-1", FOREIGN_ROLE, ROLE, "AROAX:s", "*", ""]
PATTERNS = [
    *VALUES,
    "a*",
    "?b",
    "vpce-*",
    f"arn:aws:iam::{B}:role/*",
    "${aws:PrincipalTag/team}",
    "${my:x, 'a'}",
    "x${aws:username}",
]
OPERATORS = [
    "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "Bool", "Null",
    "NumericLessThan", "NumericNotEquals", "ArnLike", "ArnNotLike", "StringEqualsIfExists", "StringNotEqualsIfExists",
    "ForAllValues:StringEquals", "ForAnyValue:StringLike", "ForAllValues:StringNotLike", "ForAnyValue:StringNotEquals",
]  # fmt: skip


def conditions():
    def build(operator, key, values):
        return {operator: {key: ["true"] if operator == "Null" else values}}

    values = some.lists(some.sampled_from(PATTERNS), min_size=1, max_size=2)
    one = some.builds(build, some.sampled_from(OPERATORS), some.sampled_from(KEYS), values)
    return some.one_of(some.just({}), one)


def statements(principal):
    resources = ["*", "arn:aws:s3:::bucket/*", "arn:aws:s3:::${aws:PrincipalTag/team}/*", "arn:aws:s3:::other/*"]
    named = [
        "*",
        {"AWS": A},
        {"AWS": B},
        {"AWS": USER},
        {"AWS": FOREIGN_ROLE},
        {"AWS": FOREIGN_SESSION},
        {"AWS": "AROAX"},
    ]

    def build(effect, resource, inverse, who, no, condition):
        body = st(effect, "s3:*", resource, Condition=condition)
        if inverse:
            body["NotResource"] = body.pop("Resource")
        return body | ({"NotPrincipal" if no else "Principal": who} if principal else {})

    return some.builds(
        build,
        some.sampled_from(["Allow", "Allow", "Deny"]),
        some.sampled_from(resources),
        some.integers(0, 5).map(lambda n: n == 0),
        some.sampled_from(named),
        some.integers(0, 5).map(lambda n: n == 0),
        conditions(),
    )


def policies(principal=False):
    return some.lists(statements(principal), min_size=1, max_size=3).map(lambda items: doc(*items))


CONTEXTS = some.dictionaries(
    some.sampled_from(FREE),
    some.one_of(some.sampled_from(VALUES), some.lists(some.sampled_from(VALUES), max_size=2)),
    max_size=5,
)
MAYBE = some.one_of(some.none(), policies(True))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    who=some.sampled_from(PRINCIPALS),
    context=CONTEXTS,
    hidden=some.sets(some.sampled_from([key.lower() for key in FREE])),
    identity=some.lists(policies(), max_size=2),
    boundary=some.one_of(some.none(), policies()),
    resource=MAYBE,
    scp=some.one_of(some.none(), policies()),
    endpoint=MAYBE,
    anyone=some.booleans(),
)
def test_never_impossible_where_concrete_says_allowed(
    who, context, hidden, identity, boundary, resource, scp, endpoint, anyone
):
    documents = {
        "identityPolicies": identity,
        "permissionBoundaries": None if boundary is None else [boundary],
        "resourcePolicy": resource,
        "serviceControlPolicies": [] if scp is None else levels([ALL, scp]),
        "endpointPolicy": endpoint,
    }
    request, parsed = parse_question(ask(who, context=context, **documents))
    concrete = authorise(request, parsed).allowed
    known = {key.lower(): () for key in FREE if key.lower() not in hidden}
    known |= dict(parse_context({k: v for k, v in context.items() if k.lower() not in hidden}, "context").items())
    caller = request.principal
    if anyone:
        caller = Principal("any-of-account", account=caller.account)
        known.pop("aws:userid", None)
    result = possible(open_request("s3:GetObject", OBJECT, A, caller, known), parsed, bound=60)
    if concrete:
        assert result.verdict != "impossible"
    if result.verdict == "possible":
        assert authorise(result.witness, parsed).allowed
        assert result.witness.principal.account == request.principal.account


def test_a_wholly_known_request_is_judged_as_concretely():
    request, documents = parse_question(ask(identityPolicies=[ALL]))
    assert possible(request, documents).witness == request
    assert possible(replace(request, resource_account=B), documents).verdict == "impossible"


@pytest.mark.parametrize("root", [FOREIGN_ROOT, B])
def test_root_delegation_is_reachable_by_any_principal_of_the_account(root):
    assert judge(identityPolicies=[ALL], resourcePolicy=bucket({"AWS": root})).verdict == "possible"
