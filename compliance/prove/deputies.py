"""Confused deputies: an AWS service that a resource lets in, acting on behalf of another account.

The service says for whom it acts in `aws:SourceAccount`, `aws:SourceArn` or, for CloudWatch Logs and KMS, in the
encryption context; none of them can name the resource's own account when another account is behind the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compliance.estate.model import Resource
from compliance.prove.goals import goals_of
from compliance.prove.result import Finding
from compliance.reason.iam import ABSENT, Documents, Principal, Unknown, open_request, possible
from compliance.reason.iam.context import Value
from compliance.reason.iam.policy import Statement
from compliance.reason.reach.attacker import keys_of_the_way, step
from compliance.reason.reach.world import World

_BOUND = 400
_SAYS_SERVICE: Final = ("aws:principalisawsservice", "aws:principalservicename", "aws:principalservicenameslist")
_ANY_SERVICE: Final = "logging.s3.amazonaws.com"


def _let_in(statement: Statement) -> Iterator[str]:
    """The services that a statement allows by name, or by asking of everybody that it is a service."""
    if not statement.allow:
        return
    everybody = statement.not_principal
    for element in statement.principals or ():
        if element.type == "Service" and not statement.not_principal:
            yield element.text
        everybody = everybody or element.text == "*"
    asked = {condition.key: condition for condition in statement.conditions if condition.key in _SAYS_SERVICE}
    if everybody and asked:
        named = [
            value.text.replace("*", "us-east-1")
            for condition in asked.values()
            for value in condition.values
            if condition.operator is None or not condition.operator.negated
        ]
        yield from [name for name in named if name.endswith(".amazonaws.com")]
        yield _ANY_SERVICE


def deputy_findings(world: World, resource: Resource) -> Iterator[tuple[Finding, str]]:
    """For each service that the resource's policy lets in: proved, or how another account can use it."""
    if resource.policy is None or resource.kind == "role":
        # A role is assumed by a service only when somebody of its own account passes it.
        return
    services = {name for statement in resource.policy.policy.statements for name in _let_in(statement)}
    own = (resource.account, *world.platform_accounts)
    foreign: dict[str, Value] = {
        **world.sources_outside(*own),
        "kms:CallerAccount": Unknown(True, "*", own),
        "kms:EncryptionContext:aws:logs:arn": Unknown(True, "*", tuple(f"arn:*:logs:*:{account}:*" for account in own)),
        "kms:EncryptionContext:aws:cloudtrail:arn": Unknown(
            True, "*", tuple(f"arn:*:cloudtrail:*:{account}:*" for account in own)
        ),
        "aws:PrincipalAccount": Unknown(True, "*", own),
        # A service is no principal of an account or organisation, and comes through no endpoint of the owner's.
        **dict.fromkeys(("aws:PrincipalArn", "aws:userid", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths"), ABSENT),
        **world.networks_of(resource.account),
    }
    account = world.account(resource.account)
    rcps = account.rcps if account is not None else ()
    for service in sorted(services):
        for action, on in goals_of(resource):
            known = {**foreign, **keys_of_the_way(resource, resource.account)}
            request = open_request(action, on, resource.account, Principal("service", service), known)
            result = possible(request, Documents(resource=resource.policy, rcps=rcps, s3=resource.s3), _BOUND)
            subject = f"{action} by {service} for another account"
            if result.verdict == "impossible":
                yield Finding("proved", resource.arn, (result.decision.decided_by.text,)), subject
            elif result.verdict == "possible":
                reasons = (f"{subject}: {result.decision.decided_by.text}, whoever the service acts for",)
                yield Finding("violated", resource.arn, reasons, {"steps": [step(result)]}), subject
            else:
                yield Finding("undecided", resource.arn, (f"{subject}: {result.why}",)), subject
