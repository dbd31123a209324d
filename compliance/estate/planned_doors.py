"""Planned topics, queues, secrets, repositories, functions, buses and log destinations, as their APIs will answer."""

from __future__ import annotations

from typing import Any, Final

from compliance.estate.model import Path
from compliance.estate.planned_answers import Answers, ById, Translate, block, named
from compliance.estate.planned_arns import arn_of
from compliance.estate.terraform import Planned


def _arn(resource: Planned, by_id: ById, attribute: str) -> str:
    value = str(resource.values.get(attribute, ""))
    target = by_id.get(value)
    return arn_of(target) if target is not None else value


def _own_policy(answers: Answers, resource: Planned, answer: dict[str, Any], member: str, path: Path) -> None:
    """The policy that stands in the resource itself, if there is one."""
    if resource.values.get("policy") or "policy" in resource.unknown:
        _policy(answers, resource, answer, member, path)


def _policy(
    answers: Answers, resource: Planned, answer: dict[str, Any], member: str, path: Path, attribute: str = "policy"
) -> None:
    if answers.needs(resource, attribute, path):
        answer[member] = resource.values[attribute]


def _topic(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "name", "data"):
        _own_policy(answers, resource, _topic_attributes(answers, resource, arn_of(resource)), "Policy", "data")


def _topic_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    attributes = _topic_attributes(answers, resource, _arn(resource, by_id, "arn"))
    _policy(answers, resource, attributes, "Policy", "data")


def _topic_attributes(answers: Answers, resource: Planned, arn: str) -> dict[str, Any]:
    answer = answers.about(resource, "sns:GetTopicAttributes", arn, TopicArn=arn)
    attributes: dict[str, Any] = answer.setdefault("Attributes", {"TopicArn": arn})
    return attributes


def _topic_subscription(answers: Answers, resource: Planned, by_id: ById) -> None:
    item = {
        "TopicArn": _arn(resource, by_id, "topic_arn"), "Endpoint": _arn(resource, by_id, "endpoint"),
        "Owner": resource.account,
    }  # fmt: skip
    answers.lists(resource, "sns:ListSubscriptions", "Subscriptions", item)


def _queue(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "name", "data"):
        _own_policy(answers, resource, _queue_attributes(answers, resource, arn_of(resource)), "Policy", "data")


def _queue_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    """A queue is named by its URL there: `https://sqs.<region>.amazonaws.com/<account>/<name>`."""
    arn = _arn(resource, by_id, "queue_url")
    if arn.startswith("https://"):
        account, name = arn.split("/")[-2:]
        arn = f"arn:aws:sqs:{resource.region}:{account}:{name}"
    _policy(answers, resource, _queue_attributes(answers, resource, arn), "Policy", "data")


def _queue_attributes(answers: Answers, resource: Planned, arn: str) -> dict[str, Any]:
    answer = answers.about(resource, "sqs:GetQueueAttributes", arn, QueueUrl=arn)
    attributes: dict[str, Any] = answer.setdefault("Attributes", {"QueueArn": arn})
    return attributes


def _secret(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "name", "data"):
        _own_policy(answers, resource, _secret_answer(answers, resource, arn_of(resource)), "ResourcePolicy", "data")


def _secret_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    answer = _secret_answer(answers, resource, _arn(resource, by_id, "secret_arn"))
    _policy(answers, resource, answer, "ResourcePolicy", "data")


def _secret_answer(answers: Answers, resource: Planned, arn: str) -> dict[str, Any]:
    answer = answers.about(resource, "secretsmanager:GetResourcePolicy", arn, SecretId=arn)
    answer["ARN"] = arn
    return answer


def _listed(answers: Answers, resource: Planned, api: str, member: str, key: str, name: str, **more: str) -> None:
    """One entry of a listing for each name; a policy may speak of what no stack makes."""
    held = answers.about(resource, api).setdefault(member, [])
    if not any(item[key] == name for item in held):
        held.append({key: name, **more})


def _repository(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "name", "image"):
        _listed_repository(answers, resource, str(resource.values["name"]))


def _listed_repository(answers: Answers, resource: Planned, name: str) -> None:
    arn = f"arn:aws:ecr:{resource.region}:{resource.account}:repository/{name}"
    _listed(answers, resource, "ecr:DescribeRepositories", "repositories", "repositoryName", name, repositoryArn=arn)


def _repository_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    name = named(resource, by_id, "repository")
    _listed_repository(answers, resource, name)
    answer = answers.about(resource, "ecr:GetRepositoryPolicy", name, repositoryName=name)
    _policy(answers, resource, answer, "policyText", "image")


def _function(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "function_name", "role"):
        _listed_function(answers, resource, str(resource.values["function_name"]))


def _listed_function(answers: Answers, resource: Planned, name: str) -> None:
    arn = f"arn:aws:lambda:{resource.region}:{resource.account}:function:{name}"
    _listed(answers, resource, "lambda:ListFunctions", "Functions", "FunctionName", name, FunctionArn=arn)


def _permission(answers: Answers, resource: Planned, by_id: ById) -> None:
    """One statement of a function's policy, as Lambda writes it."""
    if not answers.needs(resource, "principal", "role"):
        return
    values = resource.values
    principal = str(values["principal"])
    kind = "Service" if principal.endswith(".amazonaws.com") else "AWS"
    conditions: dict[str, dict[str, Any]] = {}
    for attribute, operator, key in (
        ("source_account", "StringEquals", "aws:SourceAccount"),
        ("source_arn", "ArnLike", "aws:SourceArn"),
        ("principal_org_id", "StringEquals", "aws:PrincipalOrgID"),
    ):
        if values.get(attribute) and attribute not in resource.unknown:
            conditions.setdefault(operator, {})[key] = _arn(resource, by_id, attribute)
    who: Any = "*" if principal == "*" else {kind: _arn(resource, by_id, "principal")}
    _let_in(answers, resource, by_id, str(values.get("action") or "lambda:*"), who, conditions)


def _function_url(answers: Answers, resource: Planned, by_id: ById) -> None:
    """Without authorisation the provider writes a statement that lets everybody in."""
    if resource.values.get("authorization_type") != "AWS_IAM":
        _let_in(answers, resource, by_id, "lambda:InvokeFunctionUrl", "*", {})


def _let_in(
    answers: Answers, resource: Planned, by_id: ById, action: str, who: Any, conditions: dict[str, dict[str, Any]]
) -> None:
    name = named(resource, by_id, "function_name", "function_name").rpartition(":")[2]
    _listed_function(answers, resource, name)
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": who, "Action": action, "Resource": "*"}
    if conditions:
        statement["Condition"] = conditions
    answer = answers.about(resource, "lambda:GetPolicy", name, FunctionName=name)
    answer.setdefault("Policy", {"Version": "2012-10-17", "Statement": []})["Statement"].append(statement)


def _bus(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "name", "log"):
        _bus_answer(answers, resource, str(resource.values["name"]))


def _bus_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    answer = _bus_answer(answers, resource, named(resource, by_id, "event_bus_name") or "default")
    _policy(answers, resource, answer, "Policy", "log")


def _bus_permission(answers: Answers, resource: Planned, by_id: ById) -> None:
    """One statement of a bus's policy."""
    if not answers.needs(resource, "principal", "log"):
        return
    answer = _bus_answer(answers, resource, named(resource, by_id, "event_bus_name") or "default")
    principal = str(resource.values["principal"])
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": principal},
        "Action": resource.values.get("action") or "events:PutEvents",
        "Resource": answer["Arn"],
    }
    condition = block(resource, "condition")
    if condition:
        statement["Condition"] = {condition["type"]: {condition["key"]: condition["value"]}}
    answer.setdefault("Policy", {"Version": "2012-10-17", "Statement": []})["Statement"].append(statement)


def _bus_answer(answers: Answers, resource: Planned, name: str) -> dict[str, Any]:
    answer = answers.about(resource, "events:DescribeEventBus", name, Name=name)
    answer["Arn"] = f"arn:aws:events:{resource.region}:{resource.account}:event-bus/{name.rpartition('/')[2]}"
    return answer


def _event_target(answers: Answers, resource: Planned, by_id: ById) -> None:
    if answers.needs(resource, "arn", "log"):
        rule = named(resource, by_id, "rule")
        item = {"Id": resource.address, "Arn": _arn(resource, by_id, "arn")}
        answers.lists(resource, "events:ListTargetsByRule", "Targets", item, rule, Rule=rule)


def _destination(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "name", "log"):
        _destination_answer(answers, resource, str(resource.values["name"]))


def _destination_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    item = _destination_answer(answers, resource, named(resource, by_id, "destination_name"))
    _policy(answers, resource, item, "accessPolicy", "log", "access_policy")


def _destination_answer(answers: Answers, resource: Planned, name: str) -> dict[str, Any]:
    held: list[dict[str, Any]] = answers.about(resource, "logs:DescribeDestinations").setdefault("destinations", [])
    found = next((item for item in held if item["destinationName"] == name), None)
    if found is None:
        arn = f"arn:aws:logs:{resource.region}:{resource.account}:destination:{name}"
        found = {"destinationName": name, "arn": arn}
        held.append(found)
    return found


def _document(answers: Answers, resource: Planned, _: ById) -> None:
    shares = resource.values.get("permissions") or {}
    accounts = [one.strip() for one in str(shares.get("account_ids") or "").split(",") if one.strip()]
    name = str(resource.values.get("name"))
    answers.about(resource, "ssm:DescribeDocumentPermission", name, Name=name)["AccountIds"] = accounts


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_sns_topic": _topic,
    "aws_sns_topic_policy": _topic_policy,
    "aws_sns_topic_subscription": _topic_subscription,
    "aws_sqs_queue": _queue,
    "aws_sqs_queue_policy": _queue_policy,
    "aws_secretsmanager_secret": _secret,
    "aws_secretsmanager_secret_policy": _secret_policy,
    "aws_ecr_repository": _repository,
    "aws_ecr_repository_policy": _repository_policy,
    "aws_lambda_function": _function,
    "aws_lambda_permission": _permission,
    "aws_lambda_function_url": _function_url,
    "aws_cloudwatch_event_bus": _bus,
    "aws_cloudwatch_event_bus_policy": _bus_policy,
    "aws_cloudwatch_event_permission": _bus_permission,
    "aws_cloudwatch_event_target": _event_target,
    "aws_cloudwatch_log_destination": _destination,
    "aws_cloudwatch_log_destination_policy": _destination_policy,
    "aws_ssm_document": _document,
}
