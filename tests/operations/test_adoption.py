"""Which resources of a killed deploy are taken over, and under which id."""

from __future__ import annotations

from typing import Any

import pytest

from operations.adoption import adoptable

ACCOUNT = {"provider_config": {"aws": {"expressions": {"allowed_account_ids": {"constant_value": ["111111111111"]}}}}}
BOUNDARY = "aws_iam_policy.boundary: creating IAM Policy: EntityAlreadyExists: A policy called b already exists."


def plan(kind: str, after: dict[str, Any], configuration: dict[str, Any] = ACCOUNT) -> dict[str, Any]:
    change = {"type": kind, "address": f"{kind}.boundary", "change": {"actions": ["create"], "after": after}}
    return {"resource_changes": [change], "configuration": configuration}


@pytest.mark.parametrize(
    ("kind", "after", "expected"),
    [
        ("aws_iam_policy", {"name": "b", "path": "/"}, "arn:aws:iam::111111111111:policy/b"),
        ("aws_iam_policy", {"name": "b", "path": None}, "arn:aws:iam::111111111111:policy/b"),
        ("aws_iam_policy", {"name": "b", "path": "/x/"}, "arn:aws:iam::111111111111:policy/x/b"),
        ("aws_budgets_budget", {"name": "b"}, "111111111111:b"),
        ("aws_iam_role", {"name": "b"}, "b"),
        ("aws_s3_bucket", {"bucket": "b"}, "b"),
    ],
)
def test_the_import_id_follows_from_the_plan(kind: str, after: dict[str, Any], expected: str) -> None:
    error = BOUNDARY.replace("aws_iam_policy", kind)
    assert list(adoptable(plan(kind, after), [error])) == [(f"{kind}.boundary", expected)]


def test_what_failed_otherwise_or_elsewhere_is_left_alone() -> None:
    held = plan("aws_iam_policy", {"name": "b"})
    assert list(adoptable(held, [BOUNDARY.replace("already exists", "is malformed").replace("Exists", "")])) == []
    assert list(adoptable(held, [BOUNDARY.replace(".boundary", ".other")])) == []


def test_without_the_account_no_id_is_made_up() -> None:
    assert list(adoptable(plan("aws_iam_policy", {"name": "b"}, {}), [BOUNDARY])) == []
