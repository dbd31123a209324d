"""Planned access points, notifications, access logs and inventories of buckets, as the answers of S3's APIs."""

from __future__ import annotations

from typing import Any, Final

from compliance.estate.planned_answers import Answers, ById, Translate, block, blocks, bucket_name
from compliance.estate.planned_arns import arn_of
from compliance.estate.terraform import Planned


def _arn(value: Any, by_id: ById) -> str:
    target = by_id.get(str(value))
    return arn_of(target) if target is not None else str(value)


def _notification(answers: Answers, resource: Planned, by_id: ById) -> None:
    name = bucket_name(resource, by_id)
    answer = answers.about(resource, "s3:GetBucketNotificationConfiguration", name, Bucket=name)
    for kind, attribute, member, key in (
        ("topic", "topic_arn", "TopicConfigurations", "TopicArn"),
        ("queue", "queue_arn", "QueueConfigurations", "QueueArn"),
        ("lambda_function", "lambda_function_arn", "LambdaFunctionConfigurations", "LambdaFunctionArn"),
    ):
        answer[member] = [{key: _arn(one.get(attribute), by_id)} for one in blocks(resource, kind)]


def _logging(answers: Answers, resource: Planned, by_id: ById) -> None:
    if answers.needs(resource, "target_bucket", "log"):
        name = bucket_name(resource, by_id)
        answer = answers.about(resource, "s3:GetBucketLogging", name, Bucket=name)
        answer["LoggingEnabled"] = {"TargetBucket": bucket_name(resource, by_id, "target_bucket")}


def _inventory(answers: Answers, resource: Planned, by_id: ById) -> None:
    name = bucket_name(resource, by_id)
    destination = block(resource, "destination").get("bucket") or {}
    destination = destination[0] if isinstance(destination, list) and destination else destination
    aim = destination.get("bucket_arn") if isinstance(destination, dict) else None
    if not aim:
        answers.builder.gap(resource.account, ("data",), resource.address, "where the inventory goes is not known")
        return
    entry = {"Destination": {"S3BucketDestination": {"Bucket": _arn(aim, by_id)}}}
    answers.lists(
        resource, "s3:ListBucketInventoryConfigurations", "InventoryConfigurationList", entry, name, Bucket=name
    )


def _access_point(answers: Answers, resource: Planned, by_id: ById) -> None:
    if not answers.needs(resource, "name", "data"):
        return
    name = str(resource.values["name"])
    point = answers.about(resource, "s3control:GetAccessPoint", name, Name=name)
    point |= {"Name": name, "Bucket": bucket_name(resource, by_id), "AccessPointArn": arn_of(resource)}
    vpc = block(resource, "vpc_configuration").get("vpc_id")
    if vpc:
        point["VpcConfiguration"] = {"VpcId": str(vpc)}
    # AWS turns all four blocks on unless told otherwise (S3 API, CreateAccessPoint).
    blocked = block(resource, "public_access_block_configuration").get("restrict_public_buckets")
    point["PublicAccessBlockConfiguration"] = {"RestrictPublicBuckets": blocked is not False}
    if resource.values.get("policy") or "policy" in resource.unknown:
        _point_policy(answers, resource, name)


def _access_point_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    target = by_id.get(str(resource.values.get("access_point_arn", "")))
    name = str(target.values.get("name")) if target is not None else str(resource.values.get("access_point_arn"))
    _point_policy(answers, resource, name.rpartition("/")[2])


def _point_policy(answers: Answers, resource: Planned, name: str) -> None:
    if answers.needs(resource, "policy", "data"):
        policy = resource.values["policy"]
        answers.about(resource, "s3control:GetAccessPointPolicy", name, Name=name)["Policy"] = policy


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_s3_bucket_notification": _notification,
    "aws_s3_bucket_logging": _logging,
    "aws_s3_bucket_inventory": _inventory,
    "aws_s3_access_point": _access_point,
    "aws_s3control_access_point_policy": _access_point_policy,
}
