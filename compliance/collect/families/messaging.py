"""Services whose resources carry policies of their own: EventBridge, SNS, SQS, ECR, Lambda, Secrets Manager, SSM."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where, absent

_NONE = absent("ResourceNotFoundException", "RepositoryPolicyNotFoundException", "RegistryPolicyNotFoundException")


def _start(_place: Place) -> Iterator[Request]:
    yield Request("events:ListEventBuses", expects=("EventBuses",), then=_buses)
    yield Request("sns:ListTopics", expects=("Topics",), then=_topics)
    yield Request("sns:ListSubscriptions", expects=("Subscriptions",))
    yield Request("sqs:ListQueues", then=_queues)
    yield Request("ecr:DescribeRepositories", expects=("repositories",), then=_repositories)
    yield Request("ecr:GetRegistryPolicy", expects=("policyText",), absent=_NONE)
    yield Request("lambda:ListFunctions", expects=("Functions",), then=_functions)
    yield Request("secretsmanager:ListSecrets", expects=("SecretList",), then=_secrets)
    yield Request(
        "ssm:ListDocuments",
        {"Filters": [{"Key": "Owner", "Values": ["Self"]}]},
        expects=("DocumentIdentifiers",),
        then=_documents,
    )


def _buses(answer: Answer, _place: Place) -> Iterator[Request]:
    for bus in answer["EventBuses"]:
        yield Request("events:DescribeEventBus", {"Name": bus["Name"]}, expects=("Arn",))
        yield Request("events:ListRules", {"EventBusName": bus["Name"]}, expects=("Rules",), then=_event_rules)


def _event_rules(answer: Answer, _place: Place) -> Iterator[Request]:
    for rule in answer["Rules"]:
        params = {"Rule": rule["Name"], "EventBusName": rule.get("EventBusName", "default")}
        yield Request("events:ListTargetsByRule", params, expects=("Targets",))


def _topics(answer: Answer, _place: Place) -> Iterator[Request]:
    for topic in answer["Topics"]:
        yield Request("sns:GetTopicAttributes", {"TopicArn": topic["TopicArn"]}, expects=("Attributes",))


def _queues(answer: Answer, _place: Place) -> Iterator[Request]:
    for url in answer.get("QueueUrls", []):
        yield Request("sqs:GetQueueAttributes", {"QueueUrl": url, "AttributeNames": ["All"]}, expects=("Attributes",))


def _repositories(answer: Answer, _place: Place) -> Iterator[Request]:
    for repository in answer["repositories"]:
        params = {"repositoryName": repository["repositoryName"]}
        yield Request("ecr:GetRepositoryPolicy", params, expects=("policyText",), absent=_NONE)


def _functions(answer: Answer, _place: Place) -> Iterator[Request]:
    for function in answer["Functions"]:
        params = {"FunctionName": function["FunctionName"]}
        yield Request("lambda:GetPolicy", params, expects=("Policy",), absent=_NONE)


def _secrets(answer: Answer, _place: Place) -> Iterator[Request]:
    for secret in answer["SecretList"]:
        yield Request("secretsmanager:GetResourcePolicy", {"SecretId": secret["ARN"]}, expects=("ARN",), absent=_NONE)


def _documents(answer: Answer, _place: Place) -> Iterator[Request]:
    for document in answer["DocumentIdentifiers"]:
        yield Request(
            "ssm:DescribeDocumentPermission",
            {"Name": document["Name"], "PermissionType": "Share"},
            expects=("AccountIds",),
        )


MESSAGING = Family("messaging", Where.EACH_REGION, _start)
