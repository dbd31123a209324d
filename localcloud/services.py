"""Which moto backend and which botocore model answer a signing name.

The signing name is part of the verified signature, so a caller cannot have one service authorise and another answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from localcloud.errors import ApiError
from localcloud.message import Message

# Signing names whose botocore model has another name.
_MODELS = {
    "aoss": "opensearchserverless",
    "airflow": "mwaa",
    "application-autoscaling": "application-autoscaling",
    "aps": "amp",
    "elasticfilesystem": "efs",
    "elasticmapreduce": "emr",
    "email": "ses",
    "eventbridge": "events",
    "monitoring": "cloudwatch",
    "route53resolver": "route53resolver",
    "states": "stepfunctions",
    "sso": "sso-admin",
    "tagging": "resourcegroupstaggingapi",
    "ram": "ram",
    "servicecatalog": "servicecatalog",
    "vpc-lattice": "vpc-lattice",
}
# botocore models whose moto package has another name (otherwise: the name without dashes).
_BACKENDS = {
    "lambda": "awslambda",
    "elb": "elb",
    "sso-admin": "ssoadmin",
    "resource-groups": "resourcegroups",
}
# IAM action prefixes that are not the signing name.
_PREFIXES = {
    "monitoring": "cloudwatch",
    "tagging": "tag",
    "email": "ses",
    "eventbridge": "events",
}


@dataclass(frozen=True)
class Service:
    """A service as the gateway knows it.

    Attributes:
        signing_name: the name in the credential scope.
        model: botocore's name of the service model.
        backend: moto's package.
        prefix: the prefix of IAM actions.
        protocol: botocore's protocol: `json`, `query`, `ec2`, `rest-json`, `rest-xml`.
    """

    signing_name: str
    model: str
    backend: str
    prefix: str
    protocol: str


def service_of(signing_name: str, message: Message) -> Service:
    """The service that a request signed for `signing_name` addresses.

    Raises:
        ApiError: this local cloud has no such service.
    """
    name = signing_name.lower()
    model = _MODELS.get(name, name)
    if name == "s3" and message.raw_path.startswith("/v20180820/"):
        model = "s3control"
    elif name == "elasticloadbalancing":
        model = "elbv2" if b"Version=2015-12-01" in message.body or "2015-12-01" in message.raw_query else "elb"
    elif name == "ses" and message.raw_path.startswith("/v2/"):
        model = "sesv2"
    elif name == "dynamodb" and message.header("x-amz-target").startswith("DynamoDBStreams"):
        model = "dynamodbstreams"
    elif name == "apigateway" and message.raw_path.startswith("/v2/"):
        model = "apigatewayv2"
    backend = _BACKENDS.get(model, model.replace("-", ""))
    if backend not in _moto_backends() or backend in {"moto_api", "instance_metadata"}:
        raise ApiError("UnknownService", f"The local cloud has no service {signing_name!r}", 501)
    return Service(name, model, backend, _PREFIXES.get(name, name), _protocol(model))


@lru_cache
def _moto_backends() -> frozenset[str]:
    from moto import backends  # noqa: PLC0415 - moto takes a second to import; the command must not pay for it

    return frozenset(backends.list_of_moto_modules())


@lru_cache
def _protocol(model: str) -> str:
    from botocore.exceptions import UnknownServiceError  # noqa: PLC0415
    from moto.core.utils import get_service_model  # noqa: PLC0415

    try:
        return str(get_service_model(model).protocol)
    except UnknownServiceError as error:
        raise ApiError("UnknownService", f"botocore has no model of {model!r}", 501) from error
