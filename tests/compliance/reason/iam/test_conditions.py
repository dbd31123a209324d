"""Condition operators, set operators, missing keys; each row is one nuance."""

import pytest

from compliance.errors import ComplianceError
from tests.compliance.reason.iam.support import holds

OPERATOR_CASES = [
    ("StringEquals is case-sensitive", "StringEquals", "a", "a", True),
    ("StringEquals differs in case", "StringEquals", "a", "A", False),
    ("StringEquals takes a star literally", "StringEquals", "a*", "ab", False),
    ("StringEquals equals a literal star", "StringEquals", "a*", "a*", True),
    ("StringNotEquals", "StringNotEquals", "a", "b", True),
    ("StringNotEquals of an equal value", "StringNotEquals", "a", "a", False),
    ("StringEqualsIgnoreCase", "StringEqualsIgnoreCase", "AbC", "aBc", True),
    ("StringNotEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "AbC", "aBc", False),
    ("StringLike with star across slashes", "StringLike", "home/*", "home/a/b", True),
    ("StringLike with question mark", "StringLike", "a?c", "abc", True),
    ("StringLike question mark is one character", "StringLike", "a?c", "ac", False),
    ("StringLike is case-sensitive", "StringLike", "A*", "abc", False),
    ("StringLike matches the whole value", "StringLike", "a*", "ba", False),
    ("StringLike brackets are no wildcards", "StringLike", "[ab]", "a", False),
    ("StringLike dot is no wildcard", "StringLike", "a.c", "abc", False),
    ("StringLike star over a newline", "StringLike", "a*c", "a\nc", True),
    ("StringNotLike", "StringNotLike", "a*", "b", True),
    ("NumericEquals of different spellings", "NumericEquals", "10", "10.0", True),
    ("NumericNotEquals", "NumericNotEquals", "10", "11", True),
    ("NumericLessThan", "NumericLessThan", "10", "9", True),
    ("NumericLessThan is strict", "NumericLessThan", "10", "10", False),
    ("NumericLessThan is no string comparison", "NumericLessThan", "10", "9.5", True),
    ("NumericLessThanEquals", "NumericLessThanEquals", "10", "10", True),
    ("NumericGreaterThan", "NumericGreaterThan", "10", "100", True),
    ("NumericGreaterThanEquals", "NumericGreaterThanEquals", "10", "10", True),
    ("NumericEquals of a negative number", "NumericEquals", "-5", "-5", True),
    ("NumericEquals takes JSON numbers", "NumericEquals", 5, 5, True),
    ("a value that is no number matches nothing", "NumericLessThan", "10", "nine", False),
    ("nor under the negation", "NumericNotEquals", "10", "nine", False),
    ("DateEquals of date and time", "DateEquals", "2024-01-01", "2024-01-01T00:00:00Z", True),
    ("DateEquals of epoch seconds", "DateEquals", "2024-01-01T00:00:00Z", "1704067200", True),
    ("DateEquals of epoch milliseconds", "DateEquals", "2024-01-01T00:00:00Z", "1704067200000", True),
    ("DateEquals of another zone", "DateEquals", "2024-01-01T02:00:00+02:00", "2024-01-01T00:00:00Z", True),
    ("DateLessThan", "DateLessThan", "2024-01-01T00:00:00Z", "2023-12-31T23:59:59Z", True),
    ("DateLessThan is strict", "DateLessThan", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", False),
    ("DateLessThanEquals", "DateLessThanEquals", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", True),
    ("DateGreaterThan", "DateGreaterThan", "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", True),
    (
        "DateGreaterThanEquals with milliseconds",
        "DateGreaterThanEquals",
        "2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00.5Z",
        True,
    ),
    ("DateNotEquals", "DateNotEquals", "2024-01-01", "2024-01-02", True),
    ("a value that is no date matches nothing", "DateGreaterThan", "2024-01-01", "tomorrow", False),
    ("nor under its negation", "DateNotEquals", "2024-01-01", "tomorrow", False),
    ("a number beyond every date", "DateLessThan", "2024-01-01", "9e2000000", False),
    ("a number beyond a double", "NumericGreaterThan", "10", "1e400", True),
    ("the thirteenth month is no date", "DateGreaterThan", "2024-13-01", "2025-01-01", False),
    ("Bool", "Bool", "true", "true", True),
    ("Bool takes JSON booleans", "Bool", True, "true", True),
    ("Bool of the other value", "Bool", "true", "false", False),
    ("Bool false", "Bool", "false", "false", True),
    ("Bool ignores case", "Bool", "True", "true", True),
    ("Bool of another word", "Bool", "yes", "yes", False),
    ("BinaryEquals", "BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
    ("BinaryEquals differs", "BinaryEquals", "QmluYXJ5", "QmluYXJ6", False),
    ("BinaryEquals of no base64", "BinaryEquals", "!!", "!!", False),
    ("IpAddress in a network", "IpAddress", "203.0.113.0/24", "203.0.113.9", True),
    ("IpAddress outside", "IpAddress", "203.0.113.0/24", "203.0.114.9", False),
    ("IpAddress alone is a /32", "IpAddress", "203.0.113.9", "203.0.113.9", True),
    ("IpAddress with host bits set", "IpAddress", "203.0.113.77/24", "203.0.113.9", True),
    ("IpAddress v6", "IpAddress", "2001:db8::/32", "2001:DB8::1", True),
    ("IpAddress v4 is not in a v6 network", "IpAddress", "::/0", "203.0.113.9", False),
    ("NotIpAddress v4 against a v6 network", "NotIpAddress", "::/0", "203.0.113.9", True),
    ("NotIpAddress", "NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
    ("NotIpAddress inside", "NotIpAddress", "203.0.113.0/24", "203.0.113.1", False),
    ("a value that is no address matches nothing", "IpAddress", "203.0.113.0/24", "home", False),
    ("ArnEquals has wildcards as ArnLike has", "ArnEquals", "arn:aws:iam::*:role/a*", "arn:aws:iam::1:role/abc", True),
    ("ArnLike star spans slashes within a part", "ArnLike", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/x/y", True),
    ("ArnLike star does not span a colon", "ArnLike", "arn:aws:*:role/a", "arn:aws:iam::1:role/a", False),
    (
        "ArnLike star in the resource spans colons",
        "ArnLike",
        "arn:aws:logs:r:1:log-group:*",
        "arn:aws:logs:r:1:log-group:a:b",
        True,
    ),
    ("ArnLike compares case", "ArnLike", "arn:aws:iam::1:role/A", "arn:aws:iam::1:role/a", False),
    ("ArnLike question mark", "ArnLike", "arn:aws:iam::?:role/a", "arn:aws:iam::1:role/a", True),
    ("ArnLike of a value that is no ARN", "ArnLike", "arn:aws:iam::1:role/*", "role/a", False),
    ("ArnNotLike of a value that is no ARN", "ArnNotLike", "arn:aws:iam::1:role/*", "role/a", False),
    ("ArnNotEquals", "ArnNotEquals", "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b", True),
    ("ArnLike pattern that is no ARN", "ArnLike", "role/*", "arn:aws:iam::1:role/b", False),
    ("ArnLike star alone", "ArnLike", "*", "arn:aws:iam::1:role/b", True),
]


@pytest.mark.parametrize(
    ("name", "operator", "policy", "value", "expected"), OPERATOR_CASES, ids=[c[0] for c in OPERATOR_CASES]
)
def test_operator(name, operator, policy, value, expected):
    assert holds({operator: {"my:key": policy}}, {"my:key": value}) is expected


MISSING_CASES = [
    ("StringEquals", False), ("StringNotEquals", True), ("StringLike", False), ("StringNotLike", True),
    ("StringEqualsIgnoreCase", False), ("StringNotEqualsIgnoreCase", True), ("NumericEquals", False),
    ("NumericNotEquals", True), ("NumericLessThan", False), ("DateNotEquals", True), ("DateGreaterThan", False),
    ("Bool", False), ("IpAddress", False), ("NotIpAddress", True), ("ArnLike", False), ("ArnNotLike", True),
    ("ArnEquals", False), ("ArnNotEquals", True), ("BinaryEquals", False),
    ("StringEqualsIfExists", True), ("StringNotEqualsIfExists", True), ("BoolIfExists", True),
    ("NumericLessThanIfExists", True), ("IpAddressIfExists", True), ("ArnLikeIfExists", True),
    ("ForAllValues:StringEquals", True), ("ForAllValues:StringNotEquals", True),
    ("ForAnyValue:StringEquals", False), ("ForAnyValue:StringNotEquals", False),
    ("ForAnyValue:StringEqualsIfExists", True), ("ForAllValues:StringEqualsIfExists", True),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "expected"), MISSING_CASES, ids=[c[0] for c in MISSING_CASES])
def test_missing_key(operator, expected):
    assert holds({operator: {"my:key": "true"}}, {}) is expected


@pytest.mark.parametrize("operator", ["StringEqualsIfExists", "ArnLikeIfExists", "BoolIfExists"])
def test_if_exists_still_compares_a_key_that_is_there(operator):
    assert not holds({operator: {"my:key": "true"}}, {"my:key": "false"})


NULL_CASES = [
    ("true", {}, True),
    ("true", {"my:key": "x"}, False),
    ("false", {}, False),
    ("false", {"my:key": "x"}, True),
    (True, {}, True),
    (["true", "false"], {}, True),
    ("true", {"my:key": []}, True),
    ("false", {"my:key": []}, False),
]


@pytest.mark.parametrize(("wanted", "context", "expected"), NULL_CASES)
def test_null(wanted, context, expected):
    assert holds({"Null": {"my:key": wanted}}, context) is expected


SET_CASES = [
    (
        "ForAllValues: every request value is among the policy's",
        "ForAllValues:StringEquals",
        ["a", "b"],
        ["a", "b"],
        True,
    ),
    ("ForAllValues: fewer request values", "ForAllValues:StringEquals", ["a", "b", "c"], ["a"], True),
    ("ForAllValues: one value too many", "ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
    ("ForAllValues: empty list is vacuously true", "ForAllValues:StringEquals", ["a"], [], True),
    ("ForAllValues: empty string is vacuously true", "ForAllValues:StringEquals", ["a"], "", True),
    ("ForAllValues: single-valued key", "ForAllValues:StringEquals", ["a"], "a", True),
    ("ForAllValues negated: none may match", "ForAllValues:StringNotEquals", ["a", "b"], ["c", "d"], True),
    ("ForAllValues negated: one matches", "ForAllValues:StringNotEquals", ["a", "b"], ["c", "a"], False),
    ("ForAnyValue: one is among them", "ForAnyValue:StringEquals", ["a", "b"], ["x", "a"], True),
    ("ForAnyValue: none is", "ForAnyValue:StringEquals", ["a", "b"], ["x"], False),
    ("ForAnyValue: empty list", "ForAnyValue:StringEquals", ["a"], [], False),
    ("ForAnyValue negated: one differs", "ForAnyValue:StringNotEquals", ["a"], ["a", "x"], True),
    ("ForAnyValue negated: none differs", "ForAnyValue:StringNotEquals", ["a"], ["a"], False),
    ("ForAnyValue:StringLike", "ForAnyValue:StringLike", ["a*"], ["x", "abc"], True),
    ("ForAllValues:StringLike", "ForAllValues:StringLike", ["a*"], ["x", "abc"], False),
    ("ForAnyValue:ArnLike", "ForAnyValue:ArnLike", ["arn:aws:iam::1:role/*"], ["arn:aws:iam::1:role/a"], True),
    ("without set operator a list matches when one value does", "StringEquals", ["a"], ["x", "a"], True),
    ("without set operator its negation holds when none does", "StringNotEquals", ["a"], ["x", "a"], False),
]


@pytest.mark.parametrize(("name", "operator", "policy", "value", "expected"), SET_CASES, ids=[c[0] for c in SET_CASES])
def test_set_operator(name, operator, policy, value, expected):
    assert holds({operator: {"my:key": policy}}, {"my:key": value}) is expected


def test_condition_keys_are_case_insensitive():
    assert holds({"StringEquals": {"AWS:sourceVPC": "vpc-1"}}, {"aws:SourceVpc": "vpc-1"})


def test_several_values_are_alternatives():
    assert holds({"StringEquals": {"my:key": ["a", "b"]}}, {"my:key": "b"})


def test_several_values_of_a_negated_operator_must_all_differ():
    assert not holds({"StringNotEquals": {"my:key": ["a", "b"]}}, {"my:key": "b"})
    assert holds({"StringNotEquals": {"my:key": ["a", "b"]}}, {"my:key": "c"})


def test_several_keys_must_all_hold():
    condition = {"StringEquals": {"my:one": "1", "my:two": "2"}}
    assert holds(condition, {"my:one": "1", "my:two": "2"})
    assert not holds(condition, {"my:one": "1"})


def test_several_operators_must_all_hold():
    condition = {"StringEquals": {"my:one": "1"}, "Bool": {"aws:SecureTransport": "true"}}
    assert holds(condition, {"my:one": "1", "aws:SecureTransport": True})
    assert not holds(condition, {"my:one": "1", "aws:SecureTransport": False})


@pytest.mark.parametrize(
    "operator",
    ["StringIs", "stringequals", "StringEqualsIfexists", "NullIfExists", "ForSomeValues:StringEquals", "BoolNot", ""],
)
def test_unknown_operator_is_malformed_with_its_place(operator):
    with pytest.raises(ComplianceError, match=r"Statement\[0\].Condition"):
        holds({operator: {"my:key": "x"}}, {})


def test_null_takes_true_or_false_only():
    with pytest.raises(ComplianceError, match="Null takes"):
        holds({"Null": {"my:key": "maybe"}}, {})


VARIABLE_CASES = [
    (
        "variable equals",
        {"StringEquals": {"my:key": "${aws:PrincipalTag/team}"}},
        {"my:key": "red", "aws:PrincipalTag/team": "red"},
        True,
    ),
    (
        "variable differs",
        {"StringEquals": {"my:key": "${aws:PrincipalTag/team}"}},
        {"my:key": "red", "aws:PrincipalTag/team": "blue"},
        False,
    ),
    (
        "variable name is case-insensitive",
        {"StringEquals": {"my:key": "${AWS:principaltag/TEAM}"}},
        {"my:key": "red", "aws:PrincipalTag/team": "red"},
        True,
    ),
    ("variable within text", {"StringLike": {"my:key": "home/${aws:username}/*"}}, {"my:key": "home/alice/x"}, True),
    ("null variable equals nothing", {"StringEquals": {"my:key": "${my:none}"}}, {"my:key": ""}, False),
    ("null variable is not equal", {"StringNotEquals": {"my:key": "${my:none}"}}, {"my:key": "x"}, True),
    ("null variable is not like", {"StringNotLike": {"my:key": "a${my:none}*"}}, {"my:key": "a"}, True),
    (
        "null variable in ArnNotLike",
        {"ArnNotLike": {"aws:SourceArn": "arn:aws:s3:::${my:none}"}},
        {"aws:SourceArn": "arn:aws:s3:::b"},
        True,
    ),
    ("default is used", {"StringEquals": {"my:key": "${my:none, 'company'}"}}, {"my:key": "company"}, True),
    (
        "default gives way to the value",
        {"StringEquals": {"my:key": "${my:tag, 'company'}"}},
        {"my:key": "company", "my:tag": "red"},
        False,
    ),
    ("empty default", {"StringEquals": {"my:key": "x${my:none, ''}"}}, {"my:key": "x"}, True),
    ("escaped star is a star", {"StringLike": {"my:key": "a${*}"}}, {"my:key": "ab"}, False),
    ("escaped star equals a star", {"StringLike": {"my:key": "a${*}"}}, {"my:key": "a*"}, True),
    ("escaped question mark", {"StringLike": {"my:key": "a${?}"}}, {"my:key": "a?"}, True),
    ("escaped dollar", {"StringEquals": {"my:key": "${$}x"}}, {"my:key": "$x"}, True),
    (
        "a variable's value is no pattern",
        {"StringLike": {"my:key": "${my:tag}"}},
        {"my:key": "abc", "my:tag": "a*"},
        False,
    ),
    (
        "a multivalued key is no variable",
        {"StringEquals": {"my:key": "${my:tags}"}},
        {"my:key": "a", "my:tags": ["a", "b"]},
        False,
    ),
    ("no variables in numbers", {"NumericEquals": {"my:key": "${my:n}"}}, {"my:key": "1", "my:n": "1"}, False),
    (
        "no variables in addresses",
        {"IpAddress": {"aws:SourceIp": "${my:ip}"}},
        {"aws:SourceIp": "10.0.0.1", "my:ip": "10.0.0.1"},
        False,
    ),
    ("derived account against account", {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}, {}, True),
    ("unclosed variable is text", {"StringEquals": {"my:key": "${aws:username"}}, {"my:key": "${aws:username"}, True),
]


@pytest.mark.parametrize(
    ("name", "condition", "context", "expected"), VARIABLE_CASES, ids=[c[0] for c in VARIABLE_CASES]
)
def test_policy_variable(name, condition, context, expected):
    assert holds(condition, context) is expected


@pytest.mark.parametrize("version", ["2008-10-17", None])
def test_variables_are_plain_text_before_version_2012(version):
    condition = {"StringEquals": {"my:key": "${aws:username}"}}
    assert not holds(condition, {"my:key": "alice"}, version=version)
    assert holds(condition, {"my:key": "${aws:username}"}, version=version)
    assert holds(condition, {"my:key": "alice"})
