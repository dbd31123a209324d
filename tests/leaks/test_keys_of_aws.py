"""Condition keys that AWS sets by itself: nobody elsewhere can have the owner's value, and anybody else's is a leak."""

import json

import pytest

from compliance.estate.from_facts import estate_of_facts
from compliance.prove.engine import prove
from tests.leaks.clean import ACCOUNTS, AUDIT, REGION, State, allow, policy
from tests.leaks.planted import A, B

MINE, THEIRS = ACCOUNTS[B], ACCOUNTS[A]
TOPIC = f"arn:aws:sns:{REGION}:{MINE}:bh-globex-news"
QUEUE = f"arn:aws:sqs:{REGION}:{MINE}:bh-globex-work"


def verdict(state):
    return prove(estate_of_facts(state.facts(), state.scope())).verdict(A, B, "data")


def bucket(state, **statement):
    objects = f"arn:aws:s3:::{state.bucket(B)}/*"
    state.bucket_policy(B).append(allow("s3:GetObject", objects, **statement))


def topic(state, **statement):
    text = json.dumps(policy(allow(["sns:Publish", "sns:Subscribe"], TOPIC, **statement)))
    state.answer("sns:GetTopicAttributes", B, TOPIC, TopicArn=TOPIC)["Attributes"] = {"TopicArn": TOPIC, "Policy": text}


def queue(state, **statement):
    text = json.dumps(policy(allow("sqs:SendMessage", QUEUE, **statement)))
    state.answer("sqs:GetQueueAttributes", B, QUEUE)["Attributes"] = {"QueueArn": QUEUE, "Policy": text}


def equals(**keys):
    return {"StringEquals": {name.replace("__", ":"): value for name, value in keys.items()}}


def source(pattern, operator="ArnLike"):
    return {operator: {"aws:SourceArn": pattern}}


SERVICE = {"Service": "s3.amazonaws.com"}
IS_SERVICE = {"Bool": {"aws:PrincipalIsAWSService": "true"}}
CASES = [
    # what, where, who, condition for the owner's, condition that lets the other tenant in
    ("default policy of a topic", topic, {"AWS": "*"}, equals(AWS__SourceOwner=MINE), equals(AWS__SourceOwner=THEIRS)),
    (
        "a topic's messages",
        queue,
        "*",
        source(TOPIC, "ArnEquals"),
        source(f"arn:aws:sns:{REGION}:{THEIRS}:t", "ArnEquals"),
    ),
    ("messages of topics", queue, "*", source(f"arn:aws:sns:*:{MINE}:*"), source("arn:aws:sns:*:*:*")),
    ("a bucket's events", queue, SERVICE, source("arn:aws:s3:::bh-globex-data"), source("arn:aws:s3:::bh-acme-data")),
    ("a bucket by its name", queue, SERVICE, source("arn:*:s3:*:*:bh-globex-data"), source("arn:*:s3:*:*:bh-*-data")),
    ("a bucket that nobody has", queue, SERVICE, source("arn:aws:s3:::bh-globex-data"), source("arn:aws:s3:::gone")),
    ("account", queue, SERVICE, equals(aws__SourceAccount=MINE), equals(aws__SourceAccount=THEIRS)),
    ("account of the queue", queue, SERVICE, equals(aws__SourceAccount="${aws:ResourceAccount}"), {}),
    ("the platform's account", queue, SERVICE, equals(aws__SourceAccount=AUDIT), {}),
    ("some service", bucket, "*", IS_SERVICE | equals(aws__SourceAccount=MINE), IS_SERVICE),
    (
        "a service by its name",
        bucket,
        "*",
        equals(aws__PrincipalServiceName="logs.amazonaws.com", aws__SourceAccount=MINE),
        equals(aws__PrincipalServiceName="logs.amazonaws.com"),
    ),
    (
        "sessions of a role",
        bucket,
        "*",
        {"StringLike": {"aws:userid": "AROAGLOBEXTRAINER:*"}},
        {"StringLike": {"aws:userid": "AROAACMETRAINER:*"}},
    ),
]


@pytest.mark.parametrize(
    ("place", "who", "own", "_open"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_owners_value_raises_no_alarm(place, who, own, _open):
    state = State(shared=False, locks=False)
    place(state, Principal=who, Condition=own)
    assert verdict(state) == "proved"


@pytest.mark.parametrize(
    ("place", "who", "_own", "other"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_another_value_is_found(place, who, _own, other):
    state = State(shared=False, locks=False)
    place(state, Principal=who, Condition=other)
    assert verdict(state) == "violated"


@pytest.mark.parametrize(
    ("unique_id", "expected"),
    [("AROAGLOBEXTRAINER", "proved"), ("AROADELETEDLONGAGO", "proved"), ("AROAACMETRAINER", "violated")],
)
def test_an_id_is_of_one_role_only_and_never_given_again(unique_id, expected):
    state = State(shared=False, locks=False)
    bucket(state, Principal={"AWS": unique_id})
    assert verdict(state) == expected


def test_an_id_may_be_of_a_role_that_was_not_read():
    state = State(shared=False, locks=False)
    bucket(state, Principal={"AWS": "AROADELETEDLONGAGO"})
    state.fail("iam:GetAccountAuthorizationDetails", A)
    assert verdict(state) == "violated"


@pytest.mark.parametrize(
    "narrower",
    [
        {"StringNotEquals": {"aws:PrincipalServiceName": "cloudtrail.amazonaws.com"}},
        {"StringLike": {"aws:PrincipalServiceName": "logs.*.amazonaws.com"}},
        {"ForAnyValue:StringLike": {"aws:PrincipalServiceNamesList": "*.logs.amazonaws.com"}},
    ],
)
def test_services_let_in_by_what_they_are_not_or_by_part_of_a_name_are_tried(narrower):
    state = State(shared=False, locks=False)
    bucket(state, Principal="*", Condition=IS_SERVICE | narrower)
    assert verdict(state) == "violated"
