"""Grants for a time: one that had ended when the facts were read is none, and no other is taken for ended."""

from dataclasses import replace

import pytest

from compliance.estate.from_facts import estate_of_facts
from compliance.prove.engine import prove
from tests.leaks.clean import State, allow, deny
from tests.leaks.planted import A, B

READ = "2026-11-23T10:00:00Z"
PAST, FUTURE = "2026-11-01T00:00:00Z", "2027-11-01T00:00:00Z"
PAST_SECONDS, FUTURE_SECONDS = "1793491200", "1825027200"
NOW, EPOCH = "aws:CurrentTime", "aws:EpochTime"


def judged(*statements, read=READ):
    state = State(shared=False, locks=False)
    state.bucket_policy(B).extend(statements)
    facts = [replace(fact, started=read) for fact in state.facts()]
    return prove(estate_of_facts(facts, state.scope()))


def given(operator, key, *values):
    objects = f"arn:aws:s3:::{State(shared=False).bucket(B)}/*"
    return allow("s3:GetObject", objects, Principal="*", Condition={operator: {key: list(values)}})


@pytest.mark.parametrize(
    ("operator", "key", "values", "verdict"),
    [
        ("DateLessThan", NOW, [PAST], "proved"),
        ("DateLessThan", NOW, [FUTURE], "violated"),
        ("DateLessThan", NOW, [READ], "proved"),
        ("DateLessThanEquals", NOW, [READ], "violated"),
        ("DateLessThanEquals", NOW, [PAST], "proved"),
        ("DateLessThan", NOW, [PAST, FUTURE], "violated"),
        ("DateLessThan", NOW, [PAST, "2020-01-01"], "proved"),
        ("DateLessThanIfExists", NOW, [PAST], "proved"),
        ("DateGreaterThan", NOW, [PAST], "violated"),
        ("DateGreaterThan", NOW, [FUTURE], "violated"),
        ("DateGreaterThanEquals", NOW, [FUTURE], "violated"),
        ("DateEquals", NOW, [PAST], "proved"),
        ("DateEquals", NOW, [FUTURE], "violated"),
        ("DateNotEquals", NOW, [PAST], "violated"),
        ("DateLessThan", EPOCH, [PAST_SECONDS], "proved"),
        ("DateLessThan", EPOCH, [FUTURE_SECONDS], "violated"),
        ("NumericLessThan", EPOCH, [PAST_SECONDS], "proved"),
        ("NumericLessThan", EPOCH, [FUTURE_SECONDS], "violated"),
        ("NumericEquals", EPOCH, [PAST_SECONDS], "proved"),
        ("NumericGreaterThan", EPOCH, [PAST_SECONDS], "violated"),
    ],
)
def test_only_a_grant_that_had_ended_is_none(operator, key, values, verdict):
    assert judged(given(operator, key, *values)).verdict(A, B, "data") == verdict


@pytest.mark.parametrize("read", ["t0", "2026-10-23T10:00:00Z"])
def test_it_ends_by_when_the_facts_were_read_and_not_by_any_other_clock(read):
    assert judged(given("DateLessThan", NOW, PAST), read=read).verdict(A, B, "data") == "violated"


def test_a_time_that_nobody_can_read_is_not_taken_for_ended():
    assert judged(given("NumericLessThan", NOW, "1")).verdict(A, B, "data") != "proved"


def test_a_refusal_that_had_begun_when_the_facts_were_read_holds_and_one_that_begins_later_does_not():
    objects = f"arn:aws:s3:::{State(shared=False).bucket(B)}/*"
    for since, verdict in ((PAST, "proved"), (FUTURE, "violated")):
        refusal = deny("s3:*", objects, Principal="*", Condition={"DateGreaterThan": {NOW: since}})
        assert judged(allow("s3:GetObject", objects, Principal="*"), refusal).verdict(A, B, "data") == verdict


def test_the_witness_is_of_a_time_at_which_the_grant_holds():
    found = judged(given("DateLessThan", NOW, FUTURE)).found(A, B, "data")
    times = [
        step["request"]["context"][NOW.lower()]
        for one in found
        if one.verdict == "violated"
        for step in one.witness["steps"]
        if NOW.lower() in step["request"]["context"]
    ]
    assert times
    assert all(READ <= time < FUTURE for time in times)


def test_four_digits_may_be_a_year_or_seconds_and_are_not_taken_for_the_past():
    assert judged(given("DateLessThan", NOW, "2030")).verdict(A, B, "data") != "proved"
