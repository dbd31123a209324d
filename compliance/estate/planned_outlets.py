"""Planned access points, notifications, access logs and inventories of buckets, as the answers of S3's APIs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from compliance.estate.planned_answers import Answers, ById, Translate, block, block_of, blocks, bucket_name
from compliance.estate.planned_arns import arn_of, details_name
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
    if not (answers.needs(resource, "name", "data") and answers.needs(resource, "bucket", "data")):
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
    arn = str(resource.values.get("access_point_arn", ""))
    target = by_id.get(arn) or _of_type("aws_s3_access_point", by_id, lambda point: arn_of(point) == arn)
    if target is None:
        _of_no_stack(answers, resource)
        return
    _point_policy(answers, resource, str(target.values.get("name")))


def _of_type(kind: str, by_id: ById, fits: Callable[[Planned], bool]) -> Planned | None:
    return next((each for each in by_id.values() if each.type == kind and fits(each)), None)


def _of_no_stack(answers: Answers, resource: Planned) -> None:
    why = "which access point it is for, and so which bucket, is not known"
    answers.builder.gap(resource.account, ("data",), f"{resource.stack}: {resource.address}", why)


def _point_policy(answers: Answers, resource: Planned, name: str) -> None:
    if answers.needs(resource, "policy", "data"):
        policy = resource.values["policy"]
        answers.about(resource, "s3control:GetAccessPointPolicy", name, Name=name)["Policy"] = policy


def _multi_region_access_point(answers: Answers, resource: Planned, by_id: ById) -> None:
    name = details_name(resource.values)
    regions = block(resource, "details").get("region")
    aims = [regions] if isinstance(regions, dict) else regions or []
    unsaid = any("${" in str(aim.get("bucket") or "${") for aim in aims)
    if not name or not aims or unsaid or "details" in resource.unknown:
        what = f"{resource.stack}: {resource.address}"
        answers.builder.gap(resource.account, ("data",), what, "its name or its buckets are not known")
        return
    held = [by_id.get(str(aim.get("bucket"))) for aim in aims]
    buckets = [
        str(bucket.values.get("bucket")) if bucket is not None else str(aim.get("bucket"))
        for aim, bucket in zip(aims, held, strict=True)
    ]
    closed = block_of(block(resource, "details"), "public_access_block").get("restrict_public_buckets") is not False
    item = {
        "Name": name, "Alias": arn_of(resource).rpartition("/")[2], "Regions": [{"Bucket": each} for each in buckets],
        "PublicAccessBlock": {"RestrictPublicBuckets": closed},
    }  # fmt: skip
    answers.lists(resource, "s3control:ListMultiRegionAccessPoints", "AccessPoints", item)


def _multi_region_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    details = block(resource, "details")
    said = str(details.get("name", ""))
    target = by_id.get(said) or _of_type(
        "aws_s3control_multi_region_access_point",
        by_id,
        lambda point: point.account == resource.account and details_name(point.values) == said,
    )
    if target is None or not details.get("policy"):
        _of_no_stack(answers, resource)
        return
    name, policy = details_name(target.values), details["policy"]
    answer = answers.about(resource, "s3control:GetMultiRegionAccessPointPolicy", name, Name=name)
    answer["Policy"] = {"Established": {"Policy": policy}}


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_s3_bucket_notification": _notification,
    "aws_s3_bucket_logging": _logging,
    "aws_s3_bucket_inventory": _inventory,
    "aws_s3_access_point": _access_point,
    "aws_s3control_access_point_policy": _access_point_policy,
    "aws_s3control_multi_region_access_point": _multi_region_access_point,
    "aws_s3control_multi_region_access_point_policy": _multi_region_policy,
}
