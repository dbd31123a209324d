"""The conditions that the documents share, each named for what is true when it holds."""

from __future__ import annotations

from typing import Any

from tenancy.names import DEPLOYER_ROLE

DEPLOYER = f"arn:aws:iam::*:role/{DEPLOYER_ROLE}"
"""The role through which the platform deploys, in any account; roles under another path do not match."""

Condition = dict[str, dict[str, Any]]


def merged(*conditions: Condition) -> Condition:
    """All of `conditions` at once: blocks of the same operator join, and every key must hold (AND)."""
    result: Condition = {}
    for condition in conditions:
        for operator, keys in condition.items():
            block = result.setdefault(operator, {})
            clash = sorted(set(block) & set(keys))
            if clash:
                msg = f"two conditions set {operator} of {', '.join(clash)}: the second would replace the first"
                raise ValueError(msg)
            block.update(keys)
    return result


def not_a_service() -> Condition:
    """The caller is not an AWS service acting as itself. A missing key counts as not a service: fails closed."""
    return {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}


def not_through_a_service() -> Condition:
    """No AWS service forwards the request on the caller's behalf (forward access sessions)."""
    return {"BoolIfExists": {"aws:ViaAWSService": "false"}}


def foreign_principal(*accounts: str) -> Condition:
    """The caller belongs to none of `accounts` and is not an AWS service.

    `${aws:ResourceAccount}` may stand among the accounts: the comparison is then parametric, one document for all.
    """
    return merged({"StringNotEqualsIfExists": {"aws:PrincipalAccount": _one_or_many(accounts)}}, not_a_service())


def foreign_resource(*accounts: str) -> Condition:
    """The resource belongs to none of `accounts`. A missing key counts as foreign: fails closed."""
    return {"StringNotEqualsIfExists": {"aws:ResourceAccount": _one_or_many(accounts)}}


def not_through_own_endpoint(account: str) -> Condition:
    """The request did not come through a VPC endpoint that `account` owns, nor from an AWS service.

    `aws:VpceAccount` is missing when a request came through no endpoint at all; `IfExists` makes that count.
    """
    return merged({"StringNotEqualsIfExists": {"aws:VpceAccount": account}}, not_a_service(), not_through_a_service())


def without_tls() -> Condition:
    """The request is plain HTTP."""
    return {"Bool": {"aws:SecureTransport": "false"}}


def other_than(*principal_arns: str) -> Condition:
    """The caller is none of these roles or users (patterns allowed)."""
    return {"ArnNotLikeIfExists": {"aws:PrincipalArn": _one_or_many(principal_arns)}}


def _one_or_many(values: tuple[str, ...]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
