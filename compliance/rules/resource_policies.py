"""Topics, queues, repositories, functions, secrets and event buses: whom their policies let in."""

from __future__ import annotations

from typing import Any

from compliance.rules.endpoints import sharing_rule
from compliance.rules.guests import guests
from compliance.rules.model import Outcome, Resource, Rule, Severity, judge_problems
from compliance.rules.populations import the_account
from compliance.rules.view import View


def _policies_of(api: str, member: str, what: str, *listing: Any) -> Any:
    """A check over every resource of a listing: its policy lets in nobody from outside."""
    list_api, list_member, key, parameter = listing

    def check(view: View, _resource: Resource) -> Outcome:
        problems = []
        entries = view.items(list_api, list_member)
        for entry in entries:
            name = entry if isinstance(entry, str) else entry[key]
            params: dict[str, Any] = {parameter: name}
            if api == "sqs:GetQueueAttributes":
                params["AttributeNames"] = ["All"]
            answer = view.one(api, **params)
            policy = _member(answer, member)
            found = guests(policy, {view.account, *view.scope.platform_accounts}) if policy else []
            problems += [f"{name} allows {', '.join(found)}"] if found else []
        return judge_problems(problems, f"{len(entries)} {what}, none lets in another account")

    return check


def _member(answer: dict[str, Any] | None, path: str) -> Any:
    value: Any = answer or {}
    for depth, part in enumerate(path.split(".")):
        # Attributes are never empty: with them would go the policy that they hold.
        if not isinstance(value, dict) or (depth and not value) or (answer is not None and not answer):
            msg = f"{path} lies in {value!r}, not in an object that holds anything"
            raise TypeError(msg)
        value = value.get(part)
    return value


def _policy_rule(name: str, title: str, what: str, api: str, member: str, *listing: str) -> Rule:
    return sharing_rule(
        name,
        title,
        Severity.CRITICAL,
        (listing[0], api),
        the_account,
        _policies_of(api, member, what, *listing),
        threat="Another tenant sends to it, reads from it or runs it through the resource's own policy.",
    )


RULES: tuple[Rule, ...] = (
    _policy_rule(
        "topics",
        "No SNS topic lets in another account",
        "topics",
        "sns:GetTopicAttributes",
        "Attributes.Policy",
        "sns:ListTopics",
        "Topics",
        "TopicArn",
        "TopicArn",
    ),
    _policy_rule(
        "queues",
        "No SQS queue lets in another account",
        "queues",
        "sqs:GetQueueAttributes",
        "Attributes.Policy",
        "sqs:ListQueues",
        "QueueUrls",
        "",
        "QueueUrl",
    ),
    _policy_rule(
        "repositories",
        "No ECR repository lets in another account",
        "repositories",
        "ecr:GetRepositoryPolicy",
        "policyText",
        "ecr:DescribeRepositories",
        "repositories",
        "repositoryName",
        "repositoryName",
    ),
    _policy_rule(
        "functions",
        "No Lambda function lets in another account",
        "functions",
        "lambda:GetPolicy",
        "Policy",
        "lambda:ListFunctions",
        "Functions",
        "FunctionName",
        "FunctionName",
    ),
    _policy_rule(
        "secrets",
        "No secret lets in another account",
        "secrets",
        "secretsmanager:GetResourcePolicy",
        "ResourcePolicy",
        "secretsmanager:ListSecrets",
        "SecretList",
        "ARN",
        "SecretId",
    ),
    _policy_rule(
        "event-buses",
        "No event bus lets in another account",
        "event buses",
        "events:DescribeEventBus",
        "Policy",
        "events:ListEventBuses",
        "EventBuses",
        "Name",
        "Name",
    ),
)
