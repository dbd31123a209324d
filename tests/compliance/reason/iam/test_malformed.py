"""Malformed questions and policies are refused with the place."""

import pytest

from compliance.errors import ComplianceError
from compliance.reason.iam import parse_question
from tests.compliance.reason.iam.support import ALL, KEY, OBJECT, ROLE, USER, A, ask, doc, levels, st

S = "identityPolicies[0].Statement[0]"
POLICIES = [
    ("no Statement", {"Version": "2012-10-17"}, "identityPolicies[0]"),
    ("empty Statement", doc(), "identityPolicies[0].Statement"),
    ("unknown version", doc(st(), version="2012-10-18"), "identityPolicies[0].Version"),
    ("unknown top element", doc(st()) | {"Statements": []}, "identityPolicies[0].Statements"),
    ("unknown statement element", doc(st(Actions="*")), f"{S}.Actions"),
    ("element in other case", doc({"effect": "Allow", "Action": "*", "Resource": "*"}), f"{S}.effect"),
    ("no Effect", doc({"Action": "*", "Resource": "*"}), f"{S}.Effect"),
    ("Effect in other case", doc(st("allow")), f"{S}.Effect"),
    ("Effect is a list", doc(st(["Allow"])), f"{S}.Effect"),
    ("no Action", doc({"Effect": "Allow", "Resource": "*"}), S),
    ("Action and NotAction", doc(st(action="*") | {"NotAction": "s3:*"}), S),
    ("empty Action", doc(st(action=[])), f"{S}.Action"),
    ("Action without service", doc(st(action="GetObject")), f"{S}.Action"),
    ("Action is a number", doc(st(action=7)), f"{S}.Action"),
    ("no Resource", doc(st(resource=None)), S),
    ("Resource and NotResource", doc(st() | {"NotResource": "arn:aws:s3:::x"}), S),
    ("Resource is no ARN", doc(st(resource="bucket/x")), f"{S}.Resource"),
    ("Principal in an identity policy", doc(st(Principal="*")), f"{S}.Principal"),
    ("NotPrincipal in an identity policy", doc(st(NotPrincipal="*")), f"{S}.NotPrincipal"),
    ("duplicate Sid", doc(st(Sid="a"), st(Sid="a")), "identityPolicies[0].Statement[1].Sid"),
    ("Sid is a number", doc(st(Sid=1)), f"{S}.Sid"),
    ("Condition is a list", doc(st(Condition=[])), f"{S}.Condition"),
    ("Condition key without operator", doc(st(Condition={"aws:SourceVpc": "x"})), f"{S}.Condition.aws:SourceVpc"),
    ("Condition value is an object", doc(st(Condition={"Bool": {"a:b": {}}})), f"{S}.Condition.Bool['a:b']"),
    ("Condition value is null", doc(st(Condition={"Bool": {"a:b": None}})), f"{S}.Condition.Bool['a:b']"),
    ("statement is a string", doc("Allow"), S),
    ("policy is a list", [st()], "identityPolicies[0]"),
    ("Condition key without values", doc(st(Condition={"Bool": {"a:b": []}})), f"{S}.Condition.Bool['a:b']"),
    ("policy is broken JSON text", "{", "identityPolicies[0]"),
    ("Effect twice in a text", '{"Statement": {"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}}',
     "identityPolicies[0]"),
    ("a text with a number of 5,000 digits", '{"Statement": ' + "1" * 5000 + "}", "identityPolicies[0]"),
    ("a text that is no JSON of the standard", '{"Statement": NaN}', "identityPolicies[0]"),
    ("a text nested too deeply", "[" * 100_000, "identityPolicies[0]"),
]  # fmt: skip


def place(question):
    with pytest.raises(ComplianceError) as caught:
        parse_question(question)
    return caught.value.place.removeprefix("$.")


@pytest.mark.parametrize(("name", "policy", "where"), POLICIES, ids=[p[0] for p in POLICIES])
def test_malformed_policy(name, policy, where):
    assert place(ask(identityPolicies=[policy])) == where


KINDS = [
    ("permissionBoundaries", [doc(st("allow"))], "permissionBoundaries[0].Statement[0].Effect"),
    ("sessionPolicies", [ALL, doc(st(Principal="*"))], "sessionPolicies[1].Statement[0].Principal"),
    ("resourcePolicy", doc(st()), "resourcePolicy.Statement[0]"),
    ("resourcePolicy", doc(st(Principal="*", NotPrincipal="*")), "resourcePolicy.Statement[0]"),
    ("resourcePolicy", doc(st(Principal="alice")), "resourcePolicy.Statement[0].Principal"),
    ("resourcePolicy", doc(st(Principal={})), "resourcePolicy.Statement[0].Principal"),
    ("resourcePolicy", doc(st(Principal={"AWS": []})), "resourcePolicy.Statement[0].Principal.AWS"),
    ("resourcePolicy", doc(st(NotPrincipal={"AWS": []})), "resourcePolicy.Statement[0].NotPrincipal.AWS"),
    (
        "resourcePolicy",
        doc(st(NotPrincipal={"AWS": f"arn:aws:iam::{A}:user/*"})),
        "resourcePolicy.Statement[0].NotPrincipal",
    ),
    ("resourcePolicy", doc(st(Principal={"AWS": "alice"})), "resourcePolicy.Statement[0].Principal.AWS"),
    ("resourcePolicy", doc(st(Principal={"AWS": [USER, 7]})), "resourcePolicy.Statement[0].Principal.AWS[1]"),
    (
        "serviceControlPolicies",
        levels([ALL], [doc(st(Principal="*"))]),
        "serviceControlPolicies[1].policies[0].Statement[0].Principal",
    ),
    ("serviceControlPolicies", [ALL], "serviceControlPolicies[0]"),
    (
        "resourceControlPolicies",
        levels([doc(st("Deny", Principal={"AWS": A}))]),
        "resourceControlPolicies[0].policies[0].Statement[0].Principal",
    ),
    (
        "resourceControlPolicies",
        levels([doc(st("Deny", NotPrincipal="*"))]),
        "resourceControlPolicies[0].policies[0].Statement[0].NotPrincipal",
    ),
    ("resourceControlPolicies", levels([doc(st("Deny"))]), "resourceControlPolicies[0].policies[0].Statement[0]"),
    ("endpointPolicy", doc(st("Permit", Principal="*")), "endpointPolicy.Statement[0].Effect"),
    ("grants", {}, "grants"),
    ("identityPolicies", ALL, "identityPolicies"),
    ("identityPolices", [ALL], "identityPolices"),
]


@pytest.mark.parametrize(("element", "document", "where"), KINDS)
def test_malformed_document_of_each_kind(element, document, where):
    assert place(ask(**{element: document})) == where


def test_bucket_policy_needs_a_resource():
    assert place(ask(resourcePolicy=doc(st(resource=None, Principal="*")))) == "resourcePolicy.Statement[0]"


REQUESTS = [
    ({"action": "GetObject"}, "request.action"),
    ({"action": "s3:*"}, "request.action"),
    ({"action": None}, "request.action"),
    ({"resource": {"arn": "bucket"}}, "request.resource.arn"),
    ({"resource": {"arn": OBJECT}}, "request.resource.account"),
    ({"resource": OBJECT}, "request.resource"),
    ({"principal": {"arn": "alice"}}, "request.principal.arn"),
    ({"principal": {"arn": f"arn:aws:iam::{A}:group/admins"}}, "request.principal.arn"),
    ({"principal": {"arn": f"arn:aws:sts::{A}:assumed-role/only"}}, "request.principal.arn"),
    ({"principal": {"arn": ROLE, "account": "222222222222"}}, "request.principal.account"),
    ({"principal": {"type": "robot"}}, "request.principal.type"),
    ({"principal": {"service": "x", "arn": ROLE}}, "request.principal"),
    ({"principal": {}}, "request.principal"),
    ({"context": []}, "request.context"),
    ({"context": {"aws:x": None}}, "request.context['aws:x']"),
    ({"context": {"aws:x": "1", "AWS:X": "2"}}, "request.context['AWS:X']"),
    ({"contexts": {}}, "request.contexts"),
]


@pytest.mark.parametrize(("change", "where"), REQUESTS)
def test_malformed_request(change, where):
    question = ask()
    question["request"] |= change
    assert place(question) == where


@pytest.mark.parametrize("question", [None, [], "x", {}, {"request": None}])
def test_what_is_no_question(question):
    assert place(question).startswith(("$", "request"))


def big(kind_statement, size):
    return doc(kind_statement | {"Sid": "x" * size})


QUOTAS = [
    ("serviceControlPolicies", lambda n: levels([big(st(), n)]), 5120, OBJECT, "s3:GetObject"),
    ("resourceControlPolicies", lambda n: levels([big(st("Deny", Principal="*"), n)]), 5120, OBJECT, "s3:GetObject"),
    ("endpointPolicy", lambda n: big(st(Principal="*"), n), 20480, OBJECT, "s3:GetObject"),
    ("resourcePolicy", lambda n: big(st(Principal="*"), n), 20480, OBJECT, "s3:GetObject"),
    ("resourcePolicy", lambda n: big(st(Principal="*"), n), 32768, KEY, "kms:Decrypt"),
    ("resourcePolicy", lambda n: big(st(resource=None, Principal="*"), n), 8192, ROLE, "sts:AssumeRole"),
    ("identityPolicies", lambda n: [big(st(), n)], 32768, OBJECT, "s3:GetObject"),
    ("permissionBoundaries", lambda n: [big(st(), n)], 6144, OBJECT, "s3:GetObject"),
    ("sessionPolicies", lambda n: [big(st(), n)], 6144, OBJECT, "s3:GetObject"),
]


@pytest.mark.parametrize(("element", "make", "quota", "on", "action"), QUOTAS)
def test_a_policy_over_its_quota_is_refused(element, make, quota, on, action):
    parse_question(ask(USER, action, on, **{element: make(quota - 200)}))
    with pytest.raises(ComplianceError, match="characters; AWS accepts"):
        parse_question(ask(USER, action, on, **{element: make(quota)}))
