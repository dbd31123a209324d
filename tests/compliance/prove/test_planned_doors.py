"""Doors that a plan opens to another tenant are found before deploying: in the policies of topics, queues, secrets,
repositories, functions, buses, destinations and access points, and in what buckets and rules send elsewhere."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from compliance.estate.from_terraform import estate_of_plans
from compliance.prove.engine import prove
from tests.compliance.prove.test_plans import FORMS, in_form, scope, stacks
from tests.leaks.clean import ACCOUNTS, allow, policy

A, B = "acme", "globex"
GUEST = {"AWS": f"arn:aws:iam::{ACCOUNTS[A]}:role/bh-acme-trainer"}
OWN = {"AWS": f"arn:aws:iam::{ACCOUNTS[B]}:role/bh-globex-trainer"}
HERE = f"us-east-1:{ACCOUNTS[B]}"
THERE = f"us-east-1:{ACCOUNTS[A]}"


@dataclass(frozen=True)
class Door:
    """A resource with a policy of its own: `make` gives the stack's resources for whom the policy names."""

    name: str
    path: str
    make: Callable[[Any], dict[str, Any]]


def text(who, action, resource=None):
    return json.dumps(policy(allow(action, resource, Principal=who) if resource else allow(action, Principal=who)))


def separate(kind, body, attribute, member="policy", action="*", resource="*", **more):
    """A resource and its policy, written as a resource of its own that refers to the first."""

    def make(who):
        refers = {attribute: f"${{{kind}.x.{'arn' if 'arn' in attribute else 'id'}}}"}
        return {kind: {"x": body}, f"{kind}_policy": {"x": refers | more | {member: text(who, action, resource)}}}

    return make


def inline(kind, body, action, resource="*"):
    return lambda who: {kind: {"x": body | {"policy": text(who, action, resource)}}}


def permission(who):
    return {
        "aws_lambda_function": {"x": {"function_name": "report", "role": "r"}},
        "aws_lambda_permission": {
            "x": {
                "function_name": "${aws_lambda_function.x.function_name}",
                "action": "lambda:InvokeFunction",
                "principal": who["AWS"],
            }
        },
    }


def bus_permission(who):
    return {
        "aws_cloudwatch_event_permission": {"x": {"principal": who["AWS"].split(":")[4], "statement_id": "s"}},
    }


def repository(who):
    statement = {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Principal": who}
    return {
        "aws_ecr_repository": {"x": {"name": "trainer"}},
        "aws_ecr_repository_policy": {
            "x": {"repository": "${aws_ecr_repository.x.name}", "policy": json.dumps(policy(statement))}
        },
    }


def access_point(who):
    delegated = {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNTS[B]}}
    holders = {"AWS": who["AWS"].split(":")[4]}
    both = ["arn:aws:s3:::bh-globex-data", "arn:aws:s3:::bh-globex-data/*"]
    point = f"arn:aws:s3:{HERE}:accesspoint/share/object/*"
    return {
        "aws_s3_bucket_policy": {
            "data": {
                "bucket": "${aws_s3_bucket.data.id}",
                "policy": json.dumps(policy(allow("s3:*", both, Principal=holders, Condition=delegated))),
            }
        },
        "aws_s3_access_point": {
            "x": {"name": "share", "bucket": "${aws_s3_bucket.data.id}", "policy": text(who, "s3:GetObject", point)}
        },
    }


def access_point_of_several_regions(who):
    one = access_point(who)["aws_s3_bucket_policy"]["data"]
    anyone = json.loads(one["policy"])["Statement"][0] | {"Principal": "*"}
    arn = f"arn:aws:s3::{ACCOUNTS[B]}:accesspoint/*"
    return {
        "aws_s3_bucket_policy": {"data": one | {"policy": json.dumps(policy(anyone))}},
        "aws_s3control_multi_region_access_point": {
            "x": {"details": [{"name": "wide", "region": [{"bucket": "bh-globex-data"}]}]}
        },
        "aws_s3control_multi_region_access_point_policy": {
            "x": {"details": [{"name": "wide", "policy": text(who, "s3:GetObject", arn)}]}
        },
    }


QUEUE, TOPIC = {"name": "work"}, {"name": "news"}
DOORS = [
    Door("topic, policy apart", "data", separate("aws_sns_topic", TOPIC, "arn", action="sns:Publish")),
    Door("topic, policy inside", "data", inline("aws_sns_topic", TOPIC, "sns:Subscribe", f"arn:aws:sns:{HERE}:news")),
    Door("queue, policy apart", "data", separate("aws_sqs_queue", QUEUE, "queue_url", action="sqs:ReceiveMessage")),
    Door("queue, policy inside", "data", inline("aws_sqs_queue", QUEUE, "sqs:SendMessage")),
    Door(
        "secret, policy apart",
        "data",
        separate("aws_secretsmanager_secret", {"name": "token"}, "secret_arn", action="secretsmanager:GetSecretValue"),
    ),
    Door(
        "secret, policy inside, by ARN",
        "data",
        inline(
            "aws_secretsmanager_secret",
            {"name": "token"},
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:{HERE}:secret:token-??????",
        ),
    ),
    Door("repository", "image", repository),
    Door("function", "role", permission),
    Door(
        "event bus",
        "log",
        separate("aws_cloudwatch_event_bus", {"name": "b"}, "event_bus_name", action="events:PutEvents"),
    ),
    Door("default event bus, by permission", "log", bus_permission),
    Door(
        "log destination",
        "log",
        separate(
            "aws_cloudwatch_log_destination",
            {"name": "d", "target_arn": "t", "role_arn": "r"},
            "destination_name",
            "access_policy",
            "logs:PutSubscriptionFilter",
        ),
    ),
    Door("access point", "data", access_point),
    Door("access point of several regions", "data", access_point_of_several_regions),
]


def with_resources(resources, *, locks=False):
    documents = stacks()
    if not locks:
        documents["organisation"]["resource"]["aws_organizations_policy_attachment"] = {}
    documents["acme-vault"]["resource"]["aws_iam_role_policy"]["work"]["policy"] = json.dumps(policy(allow("*")))
    for kind, named in resources.items():
        documents["globex-vault"]["resource"].setdefault(kind, {}).update(named)
    return documents


def judged(documents, form=lambda document: document):
    return prove(estate_of_plans(in_form(documents, form), scope()))


@FORMS
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_door_that_lets_in_the_other_tenant_is_found_with_a_witness(form, door):
    proofs = judged(with_resources(door.make(GUEST)), form)
    assert proofs.verdict(A, B, door.path) == "violated"
    assert all(one.witness for one in proofs.found(A, B, door.path) if one.verdict == "violated")
    assert proofs.verdict(B, A, door.path) == "proved"


@FORMS
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_the_same_door_for_ones_own_is_no_alarm(form, door):
    proofs = judged(with_resources(door.make(OWN)), form)
    assert {proofs.verdict(a, b, door.path) for a, b in ((A, B), (B, A))} == {"proved"}
    assert not [text for text in proofs.coverage["unknown"] if "no reader" in text]


LATER = [
    ("data", {"aws_sns_topic": {"x": {"name": "news", "policy": "${data.external.x.result}"}}}),
    ("data", {"aws_sqs_queue_policy": {"x": {"queue_url": "https://x/1/q", "policy": "${data.external.x.result}"}}}),
    ("data", {"aws_secretsmanager_secret_policy": {"x": {"secret_arn": "a", "policy": "${data.external.x.result}"}}}),
    ("data", {"aws_s3_access_point": {"x": {"name": "p", "bucket": "${data.external.x.result}"}}}),
    ("data", {"aws_s3control_multi_region_access_point": {"x": {"details": [{"name": "wide"}]}}}),
    (
        "data",
        {
            "aws_s3control_multi_region_access_point_policy": {
                "x": {"details": [{"name": "wide", "policy": json.dumps(policy())}]}
            }
        },
    ),
    ("data", {"aws_s3control_access_point_policy": {"x": {"access_point_arn": "other", "policy": "{}"}}}),
    (
        "data",
        {
            "aws_s3control_multi_region_access_point": {
                "x": {"details": [{"name": "wide", "region": [{"bucket": "${aws_s3_bucket.data.id}"}]}]}
            },
            "aws_s3control_multi_region_access_point_policy": {
                "x": {"details": [{"name": "wide", "policy": "${data.external.x.result}"}]}
            },
        },
    ),
    ("image", {"aws_ecr_repository_policy": {"x": {"repository": "r", "policy": "${data.external.x.result}"}}}),
    ("role", {"aws_lambda_permission": {"x": {"function_name": "f", "principal": "${data.external.x.result}"}}}),
    ("log", {"aws_cloudwatch_event_bus_policy": {"x": {"policy": "${data.external.x.result}"}}}),
    ("log", {"aws_cloudwatch_event_permission": {"x": {"principal": "${data.external.x.result}"}}}),
    ("log", {"aws_cloudwatch_log_resource_policy": {"x": {"policy_document": "no JSON"}}}),
    ("data", {"aws_s3_bucket_inventory": {"x": {"bucket": "${aws_s3_bucket.data.id}"}}}),
]


@pytest.mark.parametrize(("path", "resources"), LATER, ids=lambda one: one if isinstance(one, str) else next(iter(one)))
def test_what_a_plan_does_not_say_is_indeterminate(path, resources):
    assert judged(with_resources(resources)).verdict(A, B, path) == "indeterminate"


BUCKET = {"bucket": "${aws_s3_bucket.data.id}"}
OUTLETS = [
    ("data", {"aws_s3_bucket_notification": {"x": BUCKET | {"queue": [{"queue_arn": f"arn:aws:sqs:{THERE}:q"}]}}}),
    ("data", {"aws_s3_bucket_notification": {"x": BUCKET | {"topic": [{"topic_arn": f"arn:aws:sns:{THERE}:t"}]}}}),
    ("log", {"aws_s3_bucket_logging": {"x": BUCKET | {"target_bucket": "bh-acme-data"}}}),
    (
        "data",
        {
            "aws_s3_bucket_inventory": {
                "x": BUCKET | {"destination": [{"bucket": [{"bucket_arn": "arn:aws:s3:::bh-acme-data"}]}]}
            }
        },
    ),
    ("log", {"aws_cloudwatch_event_target": {"x": {"rule": "r", "arn": f"arn:aws:events:{THERE}:event-bus/b"}}}),
    (
        "data",
        {
            "aws_sns_topic_subscription": {
                "x": {"topic_arn": f"arn:aws:sns:{HERE}:t", "endpoint": f"arn:aws:sqs:{THERE}:q", "protocol": "sqs"}
            }
        },
    ),
    ("data", {"aws_ssm_document": {"x": {"name": "d", "permissions": {"type": "Share", "account_ids": ACCOUNTS[A]}}}}),
]


@pytest.mark.parametrize(
    ("path", "resources"), OUTLETS, ids=lambda one: one if isinstance(one, str) else next(iter(one))
)
def test_what_is_sent_to_the_other_tenant_is_found(path, resources):
    assert judged(with_resources(resources)).verdict(B, A, path) == "proved"
    assert judged(with_resources(resources)).verdict(A, B, path) == "violated"
    at_home = json.loads(
        json.dumps(resources).replace(ACCOUNTS[A], ACCOUNTS[B]).replace("bh-acme-data", "bh-globex-data")
    )
    assert judged(with_resources(at_home)).verdict(A, B, path) == "proved"


def test_a_function_url_without_authorisation_lets_everybody_in():
    function = {"aws_lambda_function": {"x": {"function_name": "report", "role": "r"}}}
    url = {"function_name": "${aws_lambda_function.x.function_name}", "authorization_type": "NONE"}
    opened = function | {"aws_lambda_function_url": {"x": url}}
    assert judged(with_resources(opened)).verdict(A, B, "role") == "violated"
    signed = function | {"aws_lambda_function_url": {"x": url | {"authorization_type": "AWS_IAM"}}}
    assert judged(with_resources(signed)).verdict(A, B, "role") == "proved"


def test_a_policy_that_refers_to_its_bucket_is_read_with_the_buckets_arn():
    opened = policy(allow("s3:GetObject", "${aws_s3_bucket.data.arn}/*", Principal=GUEST))
    held = {"aws_s3_bucket_policy": {"data": BUCKET | {"policy": json.dumps(opened)}}}
    assert judged(with_resources(held)).verdict(A, B, "data") == "violated"
