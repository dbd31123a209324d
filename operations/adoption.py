"""Resources that a killed deploy left behind: made in the cloud, but not yet written to Terraform's state.

Terraform writes its state after each resource, so at most the resources in flight are lost. Making them again fails
because their names are taken; importing them by name takes them over. Only types whose import id follows from the
plan stand here; resources without a name of their own (a VPC, a key) are simply made again and the orphan is reported
by the scan as not managed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

ID_FROM: dict[str, str] = {
    "aws_cloudwatch_log_group": "{name}",
    "aws_iam_instance_profile": "{name}",
    "aws_iam_policy": "arn:aws:iam::{account}:policy{path}{name}",
    "aws_iam_role": "{name}",
    "aws_kms_alias": "{name}",
    "aws_s3_bucket": "{bucket}",
    "aws_autoscaling_group": "{name}",
    "aws_budgets_budget": "{account}:{name}",
    "aws_cloudwatch_metric_alarm": "{alarm_name}",
    "aws_cloudwatch_dashboard": "{dashboard_name}",
}
"""Resource type to its import id, made of planned attributes and the provider's account."""

TAKEN = re.compile(
    r"AlreadyExist|EntityAlreadyExists|BucketAlreadyOwnedByYou|already exists|AlreadyOwnedByYou|Duplicate",
    re.IGNORECASE,
)


def is_taken(message: str) -> bool:
    """Whether an error says that the name is in use already."""
    return bool(TAKEN.search(message))


def adoptable(plan: Mapping[str, Any], errors: list[str]) -> Iterator[tuple[str, str]]:
    """`(address, import id)` of the planned resources that `errors` say exist already."""
    taken = [error for error in errors if is_taken(error)]
    account = _account(plan)
    for change in plan.get("resource_changes", []):
        pattern = ID_FROM.get(change["type"])
        if pattern is None or "create" not in change["change"]["actions"]:
            continue
        address = change["address"]
        if any(error.startswith(f"{address}:") for error in taken) and ("{account}" not in pattern or account):
            yield address, pattern.format_map({"path": "/", **_given(change["change"]["after"]), "account": account})


def _given(planned: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in planned.items() if value is not None}


def _account(plan: Mapping[str, Any]) -> str:
    """The account that the stack's provider is limited to; empty where the plan does not say."""
    provider = plan.get("configuration", {}).get("provider_config", {}).get("aws", {})
    allowed = provider.get("expressions", {}).get("allowed_account_ids", {}).get("constant_value") or [""]
    return str(allowed[0])
