"""Accounts that a document cannot tell apart are judged once: the same answer as judging each of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.rules.probe import Question, alike, certainly_denied, possibly_allowed, someone

ACCOUNTS = ["111111111111", "222222222222", "333333333333", "444444444444", "111111111112"]
OWNER = "999999999999"
VALUES = [*ACCOUNTS, OWNER, "1*", "*2", "22222222222?", "*", "${aws:ResourceAccount}", "arn:aws:iam::333333333333:root"]
PRINCIPALS = [*ACCOUNTS, "*", "arn:aws:iam::333333333333:root", "arn:aws:iam::444444444444:role/trainer"]
KEYS = ["aws:PrincipalAccount", "aws:PrincipalArn", "aws:SourceVpce"]
OPERATORS = ["StringEquals", "StringNotEqualsIfExists", "StringLike", "ArnNotLikeIfExists", "NumericLessThan"]


@st.composite
def statement(draw):
    values = st.lists(st.sampled_from(VALUES), min_size=1, max_size=3)
    found = {"Effect": draw(st.sampled_from(["Allow", "Deny"])), "Action": "s3:*", "Resource": "*"}
    if draw(st.booleans()):
        found["Principal"] = {"AWS": draw(st.lists(st.sampled_from(PRINCIPALS), min_size=1, max_size=3))}
    else:
        found["Principal"] = "*"
    if draw(st.booleans()):
        found["Condition"] = {draw(st.sampled_from(OPERATORS)): {draw(st.sampled_from(KEYS)): draw(values)}}
    return found


@given(st.lists(statement(), min_size=1, max_size=3))
def test_one_of_a_group_stands_for_all(statements):
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    groups = alike([document], ACCOUNTS)
    assert sorted(account for group in groups for account in group) == sorted(ACCOUNTS)
    for group in groups:
        for judge in (certainly_denied, possibly_allowed):
            answers = {
                judge([document], "bucket", Question("s3:GetObject", "arn:aws:s3:::b/x", OWNER, someone(account), {}))
                for account in group
            }
            assert len(answers) == 1, (group, document)


@pytest.mark.parametrize(
    ("value", "sizes"),
    [("555555555555", [5]), ("111111111111", [1, 4]), ("1*", [1] * 5), ("?2", [1] * 5), ("*", [5])],
)
def test_groups(value, sizes):
    condition = {"StringLike": {"aws:PrincipalAccount": value}}
    document = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": condition}]}
    assert sorted(len(group) for group in alike([document], ACCOUNTS)) == sizes
