"""Planned doors between accounts: topics, queues, repositories, functions, secrets, event buses, documents, shares."""

from __future__ import annotations

from typing import Any, Final

from compliance.estate.planned_arns import arn_of
from compliance.estate.terraform import Planned
from compliance.planned.answers import Shown, Translate
from compliance.planned.values import block, truth


def _target(shown: Shown, resource: Planned, attribute: str) -> Planned | None:
    return shown.by_id.get(str(resource.values.get(attribute)))


def _arn(shown: Shown, resource: Planned, attribute: str) -> str:
    target = _target(shown, resource, attribute)
    return arn_of(target) if target is not None else str(resource.values.get(attribute))


def _named(shown: Shown, resource: Planned, attribute: str) -> str:
    target = _target(shown, resource, attribute)
    value = str(resource.values.get(attribute))
    return str(target.values.get("name") or target.values.get("function_name")) if target is not None else value


def _topic(shown: Shown, resource: Planned) -> None:
    arn = arn_of(resource)
    shown.add(resource, "sns:ListTopics", "Topics", {"TopicArn": arn})
    policy = {"Policy": resource.values["policy"]} if resource.values.get("policy") else {}
    shown.put(resource, "sns:GetTopicAttributes", {"Attributes": policy}, TopicArn=arn)


def _topic_policy(shown: Shown, resource: Planned) -> None:
    attributes = {"Attributes": {"Policy": resource.values.get("policy")}}
    shown.put(resource, "sns:GetTopicAttributes", attributes, TopicArn=_arn(shown, resource, "arn"))


def _queue(shown: Shown, resource: Planned) -> None:
    url = f"https://sqs.{resource.region}.amazonaws.com/{resource.account}/{resource.values.get('name')}"
    shown.add(resource, "sqs:ListQueues", "QueueUrls", url)
    policy = {"Policy": resource.values["policy"]} if resource.values.get("policy") else {}
    asked = {"QueueUrl": url, "AttributeNames": ["All"]}
    shown.put(resource, "sqs:GetQueueAttributes", {"Attributes": policy}, **asked)


def _queue_policy(shown: Shown, resource: Planned) -> None:
    target = _target(shown, resource, "queue_url")
    name = target.values.get("name") if target is not None else ""
    url = f"https://sqs.{resource.region}.amazonaws.com/{resource.account}/{name}"
    asked = {"QueueUrl": url if name else str(resource.values.get("queue_url")), "AttributeNames": ["All"]}
    attributes = {"Attributes": {"Policy": resource.values.get("policy")}}
    shown.put(resource, "sqs:GetQueueAttributes", attributes, **asked)


def _repository(shown: Shown, resource: Planned) -> None:
    name = str(resource.values.get("name"))
    shown.add(resource, "ecr:DescribeRepositories", "repositories", {"repositoryName": name})
    shown.default((resource.account, resource.region), "ecr:GetRepositoryPolicy", None, repositoryName=name)


def _repository_policy(shown: Shown, resource: Planned) -> None:
    name = _named(shown, resource, "repository")
    policy = {"policyText": resource.values.get("policy")}
    shown.put(resource, "ecr:GetRepositoryPolicy", policy, repositoryName=name)


def _function(shown: Shown, resource: Planned) -> None:
    name = str(resource.values.get("function_name"))
    shown.add(resource, "lambda:ListFunctions", "Functions", {"FunctionName": name})
    shown.default((resource.account, resource.region), "lambda:GetPolicy", None, FunctionName=name)


def _permission(shown: Shown, resource: Planned) -> None:
    """One statement of a function's policy, as Lambda writes it."""
    values, name = resource.values, _named(shown, resource, "function_name").rpartition(":")[2]
    principal = str(values.get("principal"))
    kind = "Service" if principal.endswith(".amazonaws.com") else "AWS"
    statement: dict[str, Any] = {
        "Sid": values.get("statement_id"),
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {kind: principal},
        "Action": values.get("action"),
        "Resource": "*",
    }
    conditions: dict[str, dict[str, Any]] = {}
    if values.get("source_account"):
        conditions["StringEquals"] = {"aws:SourceAccount": values["source_account"]}
    if values.get("source_arn"):
        conditions["ArnLike"] = {"aws:SourceArn": _arn(shown, resource, "source_arn")}
    if conditions:
        statement["Condition"] = conditions
    held = shown.found((resource.account, resource.region), "lambda:GetPolicy", FunctionName=name).get("Policy")
    statements = [*(held or {}).get("Statement", []), statement]
    policy = {"Version": "2012-10-17", "Statement": statements}
    shown.put(resource, "lambda:GetPolicy", {"Policy": policy}, FunctionName=name)


def _secret(shown: Shown, resource: Planned) -> None:
    name = arn_of(resource)
    shown.add(resource, "secretsmanager:ListSecrets", "SecretList", {"ARN": name})
    policy = {"ResourcePolicy": resource.values["policy"]} if resource.values.get("policy") else {}
    shown.put(resource, "secretsmanager:GetResourcePolicy", {"ARN": name, **policy}, SecretId=name)


def _secret_policy(shown: Shown, resource: Planned) -> None:
    name = _arn(shown, resource, "secret_arn")
    policy = {"ARN": name, "ResourcePolicy": resource.values.get("policy")}
    shown.put(resource, "secretsmanager:GetResourcePolicy", policy, SecretId=name)


def _bus(shown: Shown, resource: Planned) -> None:
    name = str(resource.values.get("name"))
    shown.add(resource, "events:ListEventBuses", "EventBuses", {"Name": name})
    shown.put(resource, "events:DescribeEventBus", {"Name": name}, Name=name)


def _bus_policy(shown: Shown, resource: Planned) -> None:
    name = _named(shown, resource, "event_bus_name") if resource.values.get("event_bus_name") else "default"
    if resource.type == "aws_cloudwatch_event_permission":
        principal = str(resource.values.get("principal"))
        who = "*" if principal == "*" else {"AWS": principal}
        condition = block(resource.values, "condition")
        statement: dict[str, Any] = {"Effect": "Allow", "Principal": who, "Action": "events:PutEvents", "Resource": "*"}
        if condition:
            statement["Condition"] = {condition.get("type"): {condition.get("key"): condition.get("value")}}
        policy: Any = {"Version": "2012-10-17", "Statement": [statement]}
    else:
        policy = resource.values.get("policy")
    place = (resource.account, resource.region)
    if name == "default" and not shown.found(place, "events:DescribeEventBus", Name=name):
        shown.add(resource, "events:ListEventBuses", "EventBuses", {"Name": name})
    shown.put(resource, "events:DescribeEventBus", {"Name": name, "Policy": policy}, Name=name)


def _document(shown: Shown, resource: Planned) -> None:
    name = str(resource.values.get("name"))
    asked = {"Filters": [{"Key": "Owner", "Values": ["Self"]}]}
    shown.add(resource, "ssm:ListDocuments", "DocumentIdentifiers", {"Name": name}, **asked)
    shares = resource.values.get("permissions") or {}
    accounts = [one.strip() for one in str(shares.get("account_ids") or "").split(",") if one.strip()]
    answer = {"AccountIds": accounts}
    shown.put(resource, "ssm:DescribeDocumentPermission", answer, Name=name, PermissionType="Share")


def _share(shown: Shown, resource: Planned) -> None:
    item = {"name": resource.values.get("name"), "status": "ACTIVE", "owningAccountId": resource.account}
    item["allowExternalPrincipals"] = truth(resource.values.get("allow_external_principals"))
    shown.add(resource, "ram:GetResourceShares", "resourceShares", item, resourceOwner="SELF")


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_sns_topic": _topic,
    "aws_sns_topic_policy": _topic_policy,
    "aws_sqs_queue": _queue,
    "aws_sqs_queue_policy": _queue_policy,
    "aws_ecr_repository": _repository,
    "aws_ecr_repository_policy": _repository_policy,
    "aws_lambda_function": _function,
    "aws_lambda_permission": _permission,
    "aws_secretsmanager_secret": _secret,
    "aws_secretsmanager_secret_policy": _secret_policy,
    "aws_cloudwatch_event_bus": _bus,
    "aws_cloudwatch_event_bus_policy": _bus_policy,
    "aws_cloudwatch_event_permission": _bus_policy,
    "aws_ssm_document": _document,
    "aws_ram_resource_share": _share,
}
