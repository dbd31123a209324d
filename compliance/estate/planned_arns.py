"""ARNs that planned resources will have, so that a policy which refers to one speaks of it by its ARN."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from compliance.estate.terraform import Planned

_LINK: Final = re.compile(r"(arn:aws:s3:::)?([\w-]+:aws_\w+\.[\w-]+)")


def arn_of(resource: Planned) -> str:
    """The ARN that a planned resource will have, or its name made of the address where the ARN depends on an id."""
    values, account, region = resource.values, resource.account, resource.region
    name = str(values.get("name") or "")
    path = str(values.get("path") or "/")
    made: Mapping[str, Callable[[], str]] = {
        "aws_s3_bucket": lambda: f"arn:aws:s3:::{values.get('bucket')}",
        "aws_kms_key": lambda: f"arn:aws:kms:{region}:{account}:key/{resource.id}",
        "aws_iam_role": lambda: f"arn:aws:iam::{account}:role{path}{name}",
        "aws_iam_policy": lambda: f"arn:aws:iam::{account}:policy{path}{name}",
        "aws_cloudwatch_log_group": lambda: f"arn:aws:logs:{region}:{account}:log-group:{name}",
        "aws_cloudwatch_log_destination": lambda: f"arn:aws:logs:{region}:{account}:destination:{name}",
        "aws_cloudwatch_event_bus": lambda: f"arn:aws:events:{region}:{account}:event-bus/{name}",
        "aws_sns_topic": lambda: f"arn:aws:sns:{region}:{account}:{name}",
        "aws_sqs_queue": lambda: f"arn:aws:sqs:{region}:{account}:{name}",
        "aws_ecr_repository": lambda: f"arn:aws:ecr:{region}:{account}:repository/{name}",
        "aws_lambda_function": lambda: f"arn:aws:lambda:{region}:{account}:function:{values.get('function_name')}",
        # AWS adds a hyphen and six characters of its own choice (Secrets Manager user guide, "Secret ARN").
        "aws_secretsmanager_secret": lambda: f"arn:aws:secretsmanager:{region}:{account}:secret:{name}-000000",
        "aws_s3_access_point": lambda: f"arn:aws:s3:{region}:{account}:accesspoint/{name}",
        # Its last part is an alias of AWS's own choice.
        "aws_s3control_multi_region_access_point": lambda: (
            f"arn:aws:s3::{account}:accesspoint/{details_name(values)}.mrap"
        ),
        "aws_cloudtrail": lambda: f"arn:aws:cloudtrail:{region}:{account}:trail/{name}",
    }
    return str(values.get("arn") or (made[resource.type]() if resource.type in made else resource.id))


def details_name(values: Mapping[str, Any]) -> str:
    """The name in the block `details` of a Multi-Region Access Point or of its policy."""
    details = values.get("details")
    first = details[0] if isinstance(details, list) and details else details
    return str(first.get("name") or "") if isinstance(first, Mapping) else ""


def linked(text: str, by_id: Mapping[str, Planned]) -> str:
    """The text with the names of planned resources inside it replaced by their ARNs.

    A text that is such a name and nothing else stays: whoever reads it looks the resource up.
    """
    if ":aws_" not in text or text in by_id:
        return text

    def name(found: re.Match[str]) -> str:
        target = by_id.get(found.group(2))
        return found.group(0) if target is None else arn_of(target)

    return _LINK.sub(name, text)


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The value with every text in it that may hold a reference changed."""
    if isinstance(value, str):
        return change(value) if "${" in value or ":aws_" in value else value
    if isinstance(value, Mapping):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [mapped(item, change) for item in value]
    return value
