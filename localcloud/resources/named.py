"""Amazon SQS and AWS Secrets Manager: a URL or a partial name stands for the ARN.

Source: Service Authorization Reference, "… for Amazon SQS", "… for AWS Secrets Manager".
"""

from __future__ import annotations

from urllib.parse import urlsplit

from localcloud.access import Access
from localcloud.identity import Caller
from localcloud.operation import Operation
from localcloud.resources.tables import ACTIONS
from localcloud.resources.template import account_in, request_tags


def sqs(operation: Operation, caller: Caller, region: str) -> tuple[Access, ...]:
    """The accesses of an SQS operation."""
    action = ACTIONS.get(f"sqs:{operation.name}", f"sqs:{operation.name}")
    context = request_tags(operation)
    account, name = caller.account, operation.text("QueueName")
    parts = urlsplit(operation.text("QueueUrl")).path.strip("/").split("/")
    if len(parts) >= 2:
        account, name = parts[-2], parts[-1]
    if operation.text("QueueOwnerAWSAccountId"):
        account = operation.text("QueueOwnerAWSAccountId")
    if not name:
        return (Access(action, "*", caller.account, context),)
    return (Access(action, f"arn:aws:sqs:{region}:{account}:{name}", account, context),)


def secretsmanager(operation: Operation, caller: Caller, region: str) -> tuple[Access, ...]:
    """The accesses of a Secrets Manager operation."""
    action = f"secretsmanager:{operation.name}"
    context = request_tags(operation)
    identifier = operation.text("SecretId") or operation.text("Name")
    if not identifier:
        return (Access(action, "*", caller.account, context),)
    arn = identifier if identifier.startswith("arn:") else _arn(identifier, caller, region)
    return (Access(action, arn, account_in(arn, caller.account), context),)


def _arn(name: str, caller: Caller, region: str) -> str:
    from moto.secretsmanager.models import secretsmanager_backends  # noqa: PLC0415

    for secret in secretsmanager_backends[caller.account][region].secrets.values():
        if secret.name == name:
            return str(secret.arn)
    return f"arn:aws:secretsmanager:{region}:{caller.account}:secret:{name}-??????"
