"""Whom a tenant can become by acting first.

A step leads from a principal to a role: by assuming it, by rewriting whom it trusts, by passing it to compute that the
tenant starts, or by running code where its credentials already are. Cycles end because a role is taken once.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from compliance.estate.model import Resource
from compliance.reason.iam import Principal, build_request, parse_context
from compliance.reason.iam.statements import look_up
from compliance.reason.reach.attacker import Attacker, as_identity, step
from compliance.reason.reach.world import ACT, RETRUST, World

_COMPUTE: Final = {
    "ec2.amazonaws.com": ("ec2:RunInstances", "instance/*"),
    "lambda.amazonaws.com": ("lambda:CreateFunction", "function:*"),
    "ecs-tasks.amazonaws.com": ("ecs:RunTask", "task-definition/*"),
    "sagemaker.amazonaws.com": ("sagemaker:CreateTrainingJob", "training-job/*"),
    "glue.amazonaws.com": ("glue:CreateJob", "job/*"),
    "codebuild.amazonaws.com": ("codebuild:CreateProject", "project/*"),
    "cloudformation.amazonaws.com": ("cloudformation:CreateStack", "stack/*"),
    "states.amazonaws.com": ("states:CreateStateMachine", "stateMachine:*"),
}
"""Services that run what they are given with the role that they are passed, and the call that starts it."""

_BOUND: Final = 400


def reach_of(world: World, tenant: str, leaky: frozenset[str]) -> list[Attacker]:
    """The principals a tenant can act as, each with the steps that lead to it.

    Args:
        world: the estate.
        tenant: the attacker.
        leaky: ARNs of roles that strangers are not certainly kept from; no other role of another account is tried.
    """
    controlled = list(world.start(tenant))
    taken = {identity.arn for identity in world.identities_of.get(tenant, ())}
    queue = deque(controlled)
    while queue:
        attacker = queue.popleft()
        for role in _candidates(world, attacker, leaky):
            if role.arn in taken or role.owner == tenant:
                continue
            found = _take(world, attacker, role)
            identity = world.identities.get(role.arn)
            if found is None or identity is None:
                continue
            taken.add(role.arn)
            became = as_identity(identity, world.account(identity.account), found)
            controlled.append(became)
            queue.append(became)
    return controlled


def _candidates(world: World, attacker: Attacker, leaky: frozenset[str]) -> list[Resource]:
    """Roles worth trying: those of its own account, and those of others that a stranger may be able to take.

    Strangers stand for every account but the platform's; whoever has got into one of these tries every role.
    """
    if attacker.account in world.platform_accounts:
        return world.roles
    own = [r for r in world.by_account.get(attacker.account, ()) if r.kind == "role"]
    if not leaky:
        return own
    return own + [r for r in world.roles if r.arn in leaky and r.account != attacker.account]


def _take(world: World, attacker: Attacker, role: Resource) -> tuple[dict[str, object], ...] | None:
    for action in (ACT, RETRUST):
        result = world.attempt(attacker, action, role, _BOUND)
        if result.verdict == "possible":
            return (*attacker.steps, step(result))
    if attacker.account != role.account:
        return None
    return _pass_to_compute(world, attacker, role)


def _pass_to_compute(world: World, attacker: Attacker, role: Resource) -> tuple[dict[str, object], ...] | None:
    """Passing a role and starting compute with it, where the role trusts that compute."""
    for service, (start, name) in _COMPUTE.items():
        if not _trusts(role, service):
            continue
        passed = world.attempt(attacker, "iam:PassRole", role, _BOUND)
        if passed.verdict != "possible":
            continue
        thing = Resource(
            f"arn:aws:{start.split(':')[0]}:us-east-1:{role.account}:{name}", role.account, "", "instance", "role"
        )
        started = world.attempt(attacker, start, thing, _BOUND)
        if started.verdict == "possible":
            return (*attacker.steps, step(passed), step(started))
    return None


def _trusts(role: Resource, service: str) -> bool:
    if role.policy is None:
        return False
    request = build_request(ACT, role.arn, role.account, Principal("service", service), parse_context({}, "context"))
    return look_up([role.policy], request).allow != 0
