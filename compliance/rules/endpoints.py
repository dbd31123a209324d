"""VPC endpoints and other doors between accounts: endpoint policies, endpoint services, RAM, sharing."""

from __future__ import annotations

from typing import Any

from compliance.rules.guests import guests
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems
from compliance.rules.populations import endpoints, images, log_groups, snapshots, statements, the_account
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


def _no_services(view: View, _resource: Resource) -> Outcome:
    services = view.items("ec2:DescribeVpcEndpointServiceConfigurations", "ServiceConfigurations")
    names = sorted(service["ServiceId"] for service in services)
    return decide(not names, "offers no endpoint service", f"offers endpoint services: {', '.join(names)}")


def _no_shares(view: View, _resource: Resource) -> Outcome:
    shares = view.items("ram:GetResourceShares", "resourceShares", resourceOwner="SELF")
    active = [share["name"] for share in shares if share.get("status") == "ACTIVE"]
    return decide(not active, "shares nothing through RAM", f"shares through RAM: {', '.join(active)}")


def _nothing_received(view: View, _resource: Resource) -> Outcome:
    shares = view.items("ram:GetResourceShares", "resourceShares", resourceOwner="OTHER-ACCOUNTS")
    platform = set(view.scope.platform_accounts)
    foreign = [
        f"{share['name']} of {share['owningAccountId']}" for share in shares if share["owningAccountId"] not in platform
    ]
    return decide(not foreign, "nothing is shared into the account", f"shared into the account: {', '.join(foreign)}")


def _snapshot_private(view: View, resource: Resource) -> Outcome:
    answer = view.one("ec2:DescribeSnapshotAttribute", SnapshotId=resource.id, Attribute="createVolumePermission") or {}
    return _shared(view, answer["CreateVolumePermissions"])


def _image_private(view: View, resource: Resource) -> Outcome:
    answer = view.one("ec2:DescribeImageAttribute", ImageId=resource.id, Attribute="launchPermission") or {}
    return _shared(view, answer["LaunchPermissions"])


def _shared(view: View, permissions: list[dict[str, Any]]) -> Outcome:
    names = view.fleet_accounts()
    who = [
        "everyone"
        if entry.get("Group") == "all"
        else names.get(entry.get("UserId", ""), entry.get("UserId") or str(entry))
        for entry in permissions
        if entry.get("UserId") != view.account
    ]
    return decide(not who, "shared with nobody", f"shared with {', '.join(who)}")


def _subscriptions(view: View, resource: Resource) -> Outcome:
    filters = view.items(
        "logs:DescribeSubscriptionFilters", "subscriptionFilters", logGroupName=resource.data["logGroupName"]
    )
    own = {view.account, view.scope.audit_account}
    foreign = [entry["destinationArn"] for entry in filters if entry["destinationArn"].split(":")[4] not in own]
    return decide(not foreign, "no subscription leads elsewhere", f"log events go to {', '.join(foreign)}")


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
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _log_policies(view: View, _resource: Resource) -> Outcome:
    problems = []
    for policy in view.items("logs:DescribeResourcePolicies", "resourcePolicies"):
        found = [who for who in guests(policy["policyDocument"], {view.account}) if not who.endswith(" for anyone")]
        problems += [f"{policy['policyName']} allows {', '.join(found)}"] if found else []
    return judge_problems(problems, "no policy of the log service lets in another account")


def _documents(view: View, _resource: Resource) -> Outcome:
    shared = []
    for entry in view.items("ssm:ListDocuments", "DocumentIdentifiers"):
        answer = view.one("ssm:DescribeDocumentPermission", Name=entry["Name"], PermissionType="Share") or {}
        who = [account for account in answer.get("AccountIds", []) if account != view.account]
        shared += [f"{entry['Name']} with {', '.join(who)}"] if who else []
    return judge_problems(shared, "no document is shared")


def _rule(
    name: str, title: str, severity: Severity, needs: tuple[str, ...], population: Any, check: Any, **parts: Any
) -> Rule:
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


def _policy_rule(name: str, title: str, what: str, api: str, member: str, *listing: str) -> Rule:
    return _rule(
        name,
        title,
        Severity.CRITICAL,
        (listing[0], api),
        the_account,
        _policies_of(api, member, what, *listing),
        threat="Another tenant sends to it, reads from it or runs it through the resource's own policy.",
    )


_ENDPOINT = ("ec2:DescribeVpcEndpoints",)
_LOCK = "Deploy the tenant's perimeter."

RULES: tuple[Rule, ...] = (
    _rule(
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
    _rule(
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
    _rule(
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
    _rule(
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
    _rule(
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
    _rule(
        "no-endpoint-services",
        "The account offers no endpoint service",
        Severity.CRITICAL,
        ("ec2:DescribeVpcEndpointServiceConfigurations",),
        the_account,
        _no_services,
        threat="Another account connects into the tenant's network.",
        objectives=("isolation.network",),
    ),
    _rule(
        "nothing-shared",
        "Nothing is shared through RAM",
        Severity.CRITICAL,
        ("ram:GetResourceShares",),
        the_account,
        _no_shares,
        threat="A shared subnet or transit gateway joins two tenants.",
    ),
    _rule(
        "nothing-received",
        "Nothing of another account is shared into this one",
        Severity.HIGH,
        ("ram:GetResourceShares",),
        the_account,
        _nothing_received,
        threat="A shared subnet places the tenant's machines in another's network.",
    ),
    _rule(
        "snapshots-private",
        "No snapshot is shared",
        Severity.CRITICAL,
        ("ec2:DescribeSnapshots", "ec2:DescribeSnapshotAttribute"),
        snapshots,
        _snapshot_private,
        threat="A shared snapshot is a copy of a disk in another account.",
    ),
    _rule(
        "images-private",
        "No image is shared",
        Severity.HIGH,
        ("ec2:DescribeImages", "ec2:DescribeImageAttribute"),
        images,
        _image_private,
        threat="A shared image carries what was on the disk.",
    ),
    _rule(
        "log-subscriptions",
        "No log group is subscribed from outside",
        Severity.HIGH,
        ("logs:DescribeLogGroups", "logs:DescribeSubscriptionFilters"),
        log_groups,
        _subscriptions,
        threat="Another account reads the tenant's logs as they are written.",
    ),
    _rule(
        "log-policies",
        "The log service lets in no other account",
        Severity.HIGH,
        ("logs:DescribeResourcePolicies",),
        the_account,
        _log_policies,
        threat="Another account writes false records or reads true ones.",
    ),
    _rule(
        "documents-private",
        "No SSM document is shared",
        Severity.MEDIUM,
        ("ssm:ListDocuments", "ssm:DescribeDocumentPermission"),
        the_account,
        _documents,
        threat="A runbook tells others how to get in.",
    ),
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
