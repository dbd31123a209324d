"""VPC endpoints: whom their policies let through, and to what."""

from __future__ import annotations

from typing import Any

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed
from compliance.rules.populations import endpoints, statements
from compliance.rules.probe import STRANGER, Question, possibly_allowed, someone
from compliance.rules.view import View

_PROBES = {
    "s3": ("s3:GetObject", "s3:PutObject"),
    "kms": ("kms:Decrypt", "kms:Encrypt"),
    "sts": ("sts:AssumeRole",),
    "logs": ("logs:PutLogEvents",),
    "monitoring": ("cloudwatch:PutMetricData",),
    "secretsmanager": ("secretsmanager:GetSecretValue",),
    "ecr.api": ("ecr:GetAuthorizationToken",),
    "ecr.dkr": ("ecr:BatchGetImage",),
    "ssm": ("ssm:GetParameter",),
}

_TLS = {"aws:SecureTransport": "true"}


def _actions(endpoint: dict[str, Any]) -> tuple[str, ...]:
    service = endpoint["ServiceName"].split(".", 3)[-1]
    return _PROBES.get(service, (f"{service.split('.')[0].split('-')[0]}:Get",))


def _policy(resource: Resource) -> str | None:
    return resource.data.get("PolicyDocument") or None


def _open_to(resource: Resource, caller: str, owner: str) -> list[str]:
    policy = _policy(resource)
    return [
        action
        for action in _actions(resource.data)
        if policy is None or possibly_allowed([policy], "endpoint", Question(action, "*", owner, someone(caller), _TLS))
    ]


def _own_principals(view: View, resource: Resource) -> Outcome:
    open_ = _open_to(resource, STRANGER, view.account)
    return decide(
        not open_, "only the tenant's principals pass", f"credentials of another account pass: {', '.join(open_)}"
    )


def _own_resources(view: View, resource: Resource) -> Outcome:
    open_ = _open_to(resource, view.account, STRANGER)
    return decide(
        not open_,
        "only the tenant's resources are reached",
        f"resources of another account are reached: {', '.join(open_)}",
    )


def _not_default(_view: View, resource: Resource) -> Outcome:
    policy = _policy(resource)
    if policy is None:
        return failed("the endpoint has no policy, which means everything is allowed")
    wide = [
        entry
        for entry in statements(policy)
        if entry.get("Effect") == "Allow" and entry.get("Action") in ("*", ["*"]) and not entry.get("Condition")
    ]
    return decide(
        not wide, "the policy is not the default one", "the policy allows everything to everyone (the default)"
    )


def _own_vpc_service(_view: View, resource: Resource) -> Outcome:
    kind = resource.data.get("VpcEndpointType", "Gateway")
    aws = resource.data["ServiceName"].startswith("com.amazonaws.")
    return decide(
        aws, f"a {kind} endpoint of an AWS service", f"leads to {resource.data['ServiceName']}, which is not AWS's own"
    )


def _private_dns(_view: View, resource: Resource) -> Outcome:
    interface = resource.data.get("VpcEndpointType") == "Interface"
    good = not interface or resource.data.get("PrivateDnsEnabled") is True
    return decide(
        good, "names of the service lead to the endpoint", "private DNS is off: clients look for the service outside"
    )


def sharing_rule(
    name: str, title: str, severity: Severity, needs: tuple[str, ...], population: Any, check: Any, **parts: Any
) -> Rule:
    """A rule about doors between accounts."""
    return Rule(
        id=f"sharing.{name}",
        title=title,
        severity=severity,
        about=About.TENANT,
        needs=needs,
        population=population,
        check=check,
        objectives=parts.pop("objectives", ("isolation.resource",)),
        remediation=parts.pop("remediation", "Take the permission back; find out in the trail who gave it."),
        blind=parts.pop("blind", "Whether the other side ever used it; the trail says that."),
        **parts,
    )


_ENDPOINT = ("ec2:DescribeVpcEndpoints",)

_LOCK = "Deploy the tenant's perimeter."

RULES: tuple[Rule, ...] = (
    sharing_rule(
        "endpoint-policy",
        "No endpoint has the default policy",
        Severity.HIGH,
        _ENDPOINT,
        endpoints,
        _not_default,
        threat="An S3 endpoint with the default policy reaches any bucket of anyone.",
        objectives=("isolation.network",),
        remediation=_LOCK,
        blind="What the policy's conditions mean; the next two rules ask that.",
    ),
    sharing_rule(
        "endpoint-own-principals",
        "Only the tenant's principals pass its endpoints",
        Severity.HIGH,
        _ENDPOINT,
        endpoints,
        _own_principals,
        threat="Credentials of another account, smuggled in, carry data out.",
        objectives=("isolation.network",),
        remediation=_LOCK,
        blind="Actions of the service that are not probed.",
    ),
    sharing_rule(
        "endpoint-own-resources",
        "Only the tenant's resources are reached through its endpoints",
        Severity.HIGH,
        _ENDPOINT,
        endpoints,
        _own_resources,
        threat="Training code writes data to a bucket of another account.",
        objectives=("isolation.network",),
        remediation=_LOCK,
        blind="Actions of the service that are not probed.",
    ),
    sharing_rule(
        "endpoint-aws-only",
        "Endpoints lead to AWS services only",
        Severity.CRITICAL,
        _ENDPOINT,
        endpoints,
        _own_vpc_service,
        threat="An endpoint to someone's PrivateLink service is a way out.",
        objectives=("isolation.network",),
        remediation=_LOCK,
    ),
    sharing_rule(
        "endpoint-private-dns",
        "Names of services lead to the endpoints",
        Severity.LOW,
        _ENDPOINT,
        endpoints,
        _private_dns,
        threat="Clients fail, and someone opens a way out to make them work.",
        objectives=("isolation.network",),
        remediation=_LOCK,
    ),
)
