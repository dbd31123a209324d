"""Wildcards: disjointness is a proof."""

from hypothesis import given
from hypothesis import strategies as some

from compliance.reason.iam.globs import arn_pieces, condition_arn_regex, disjoint, string_regex

TEXT = some.text("ab:*?", max_size=6)
PLAIN = some.text("ab:", max_size=6)


@given(TEXT, TEXT, PLAIN)
def test_a_text_that_matches_both_patterns_refutes_disjointness(left, right, text):
    pieces = (("glob", left),), (("glob", right),)
    if all(string_regex(each).fullmatch(text) for each in pieces):
        assert not disjoint(*pieces)


@given(TEXT, PLAIN)
def test_a_text_is_disjoint_from_exactly_the_patterns_it_does_not_match(pattern, text):
    matches = string_regex((("glob", pattern),)).fullmatch(text) is not None
    assert disjoint((("glob", pattern),), (("literal", text),)) is not matches


@given(
    some.lists(some.text("ab*?", max_size=3), min_size=6, max_size=7),
    some.lists(some.text("ab", max_size=3), min_size=6, max_size=7),
)
def test_arn_pieces_match_what_arn_like_matches(pattern, value):
    pattern, value = ":".join(["arn", *pattern[1:]]), ":".join(["arn", *value[1:]])
    regex = condition_arn_regex((("glob", pattern),))
    assert disjoint(arn_pieces(pattern), (("literal", value),)) is (regex.fullmatch(value) is None)


def test_a_wildcard_within_a_part_does_not_reach_another_account():
    assert disjoint(arn_pieces("arn:*:*::222222222222:*"), (("glob", "arn:aws:iam::111111111111:role/*"),))
    assert not disjoint((("glob", "arn:*:*::222222222222:*"),), (("glob", "arn:aws:iam::111111111111:role/*"),))
