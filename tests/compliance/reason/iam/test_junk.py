"""Whatever stands in the place of a part of a question, the answer is a decision or an error that names the place."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as some

from compliance.errors import ComplianceError
from compliance.reason.iam import authorise, parse_question
from tests.compliance.reason.iam.support import ALL, KEY, OBJECT, SESSION, USER, A, B, ask, doc, levels, st

CONDITIONS = {
    "StringLike": {"aws:PrincipalTag/team": ["a*", "${aws:username, 'x'}"]},
    "DateLessThan": {"aws:CurrentTime": "2024-01-01T00:00:00Z"},
    "NumericLessThan": {"s3:max-keys": "10"},
    "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
    "ForAllValues:StringEquals": {"aws:TagKeys": ["a"]},
    "Bool": {"aws:SecureTransport": "true"},
    "BinaryEquals": {"kms:x": "QQ=="},
    "ArnLike": {"aws:SourceArn": "arn:aws:s3:::b*"},
    "Null": {"aws:SourceVpce": "true"},
}
CONTEXT = {
    "aws:PrincipalTag/team": "a1", "aws:CurrentTime": "2023-01-01T00:00:00Z", "s3:max-keys": "1", "aws:TagKeys": ["a"],
    "aws:SourceIp": "10.0.0.1", "aws:SecureTransport": "true", "kms:x": "QQ==", "aws:SourceArn": "arn:aws:s3:::b",
}  # fmt: skip
GRANT = {
    "GranteePrincipal": USER, "Operations": ["Decrypt"], "KeyId": KEY, "RetiringPrincipal": USER,
    "Constraints": {"EncryptionContextSubset": {"a": "b"}},
}  # fmt: skip
ACL = {"Grants": [{"Grantee": {"Type": "CanonicalUser", "ID": "c"}, "Permission": "READ"}]}
POINT = f"arn:aws:s3:us-east-1:{A}:accesspoint/p"
FULL = ask(
    {"arn": SESSION, "account": A, "uniqueId": "AROAX", "canonicalId": "c"},
    context=CONTEXT,
    identityPolicies=[doc(st(Condition=CONDITIONS), st("Deny", NotAction=["s3:*"], NotResource=[OBJECT]))],
    permissionBoundaries=[ALL],
    sessionPolicies=[ALL],
    resourcePolicy=doc(
        st(Principal={"AWS": [A, SESSION, "AROAX"], "Service": "s.amazonaws.com", "Federated": "x"}),
        st(Principal={"CanonicalUser": "c"}),
        st("Deny", NotPrincipal={"AWS": [USER, A]}, Condition=CONDITIONS),
    ),
    serviceControlPolicies=levels([ALL], [ALL]),
    resourceControlPolicies=levels([doc(st("Deny", "s3:*", Principal="*", Condition=CONDITIONS))]),
    endpointPolicy=doc(st(Principal="*")),
    grants=[GRANT],
    s3={
        "objectOwnership": "ObjectWriter", "objectOwner": B, "bucketAcl": ACL, "objectAcl": ACL,
        "publicAccessBlock": {"RestrictPublicBuckets": True}, "accountPublicAccessBlock": {"IgnorePublicAcls": True},
        "accessPoint": {"arn": POINT, "policy": doc(st(Principal="*")), "vpc": "vpc-1", "publicAccessBlock": {}},
    },
)  # fmt: skip


def places(value, path=()):
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from places(item, (*path, key))


PLACES = list(places(FULL))[1:]
TEXTS = some.sampled_from(
    ["", "*", "${", "${}", "${aws:x}", ":", "arn:", "arn:aws:s3:::*", "arn:aws:iam::*:role/x", "\n", "\ud800", "1e9999",
     "9" * 60, "0000-00-00", "2024-01-01T99:99:99Z", "::/0", "1.2.3.4/99", "====", "AROA", "\u0661", "true", A, USER]
)  # fmt: skip
JUNK = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | TEXTS | some.text(max_size=4),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)


def replaced(path, junk):
    question = copy.deepcopy(FULL)
    holder = question
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = junk
    return question


def test_the_whole_question_is_well_formed():
    assert authorise(*parse_question(FULL)).decision in ("allowed", "denied")


@settings(max_examples=600, deadline=None)
@given(some.sampled_from(PLACES), JUNK)
def test_junk_is_judged_or_refused(path, junk):
    decision, refused = "", None
    try:
        decision = authorise(*parse_question(replaced(path, junk))).decision
    except ComplianceError as error:
        refused = error
    assert decision in ("allowed", "denied") or (refused is not None and refused.place and refused.reason)
