"""`matches()`: RE2's meaning by Python's means, and never exponential time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.reason.gcp.cel.evaluate import holds
from compliance.reason.gcp.cel.patterns import compiled
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN


def matches(text, pattern):
    return holds("assertion.text.matches(assertion.pattern)", {"assertion": {"text": text, "pattern": pattern}})


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("abc", "b", TRUE),
        ("ab", "^ab$", TRUE),
        ("ab\n", "^ab$", FALSE),
        ("ab\nc", "(?m)^ab$", TRUE),
        ("ab", r"ab\z", TRUE),
        ("a$", r"a\$", TRUE),
        ("a$", "a[$]$", TRUE),
        ("a]", "[]a]+$", TRUE),
        ("org/repo/x", "^org/[^/]+/[a-z]+$", TRUE),
        ("refs/tags/v1", "^refs/(heads|tags)/.+$", TRUE),
        ("A", "(?i)a", TRUE),
        ("abc", "(?P<n>b)", TRUE),
        ("x", "(?=x)", FALSE),
        ("xx", r"(x)\1", FALSE),
        ("\u00e9", r"\pL", UNKNOWN),
        ("x", "(", UNKNOWN),  # Python refuses patterns that RE2 takes, so its refusal says nothing
        ("ab", "a(?i)B", UNKNOWN),
        ("a", r"\x{61}", UNKNOWN),
        ("a_b", "^[_[:alpha:]]+$", UNKNOWN),
        ("a", "[^[:space:]]$", UNKNOWN),
        ("ab", "^(a|b)+$", UNKNOWN),
        ("p/a/l/b/k/c/v/d", "^p/[^/]+/l/[^/]+/k/[a-z]+/v/[^/]*$", TRUE),
        ("p/a/l/b/k/c/v/", "^p/[^/]+/l/[^/]+/k/[a-z]+/v/[^/]+$", FALSE),
        ("p/a.b.c.d.e", r"^p/\w+\.\w+\.\w+\.\w+\.\w+$", TRUE),
        ("aaaaa", "^a+a+a+a+a+$", UNKNOWN),
        ("aXaXaXaXa", "(?i)^a+xa+xa+xa+xa+$", UNKNOWN),
        ("a" * 60 + "!", "^(aa?)*b$", UNKNOWN),
        ("a" * 60 + "!", "^" + "(a?)" * 28 + "a{28}$", UNKNOWN),
        ("a" * 60 + "!", ".*" * 8 + "x", UNKNOWN),
        ("a", "[[:alpha:]]", UNKNOWN),
        ("a" * 60 + "!", "^(a+)+$", UNKNOWN),
        ("a" * 60 + "!", "^(a|a)*$", UNKNOWN),
        ("a" * 60 + "!", "^((a+)b?){2,}$", UNKNOWN),
    ],
)
def test_patterns(text, pattern, expected):
    assert matches(text, pattern) == expected


@given(st.text(alphabet="ab$.|()[]+*?{}1,\\^", max_size=12), st.text(alphabet="ab\n$", max_size=6))
def test_what_is_taken_over_means_the_same_but_for_the_end(pattern, text):
    try:
        found = compiled(pattern)
    except ValueError:
        return
    if found is not None and "$" not in pattern:
        assert bool(found.search(text)) == bool(re.search(pattern, text))
