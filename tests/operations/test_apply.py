"""Applying a plan: once more after a hiccup, adoption of what a killed deploy left, and an end to trying."""

from __future__ import annotations

from pathlib import Path

import pytest

from operations import deploy
from operations.errors import CommandError
from operations.terraform import TerraformError, changes_in, messages

PLAN = {
    "resource_changes": [
        {
            "type": "aws_iam_role",
            "address": "aws_iam_role.trainer",
            "change": {"actions": ["create"], "after": {"name": "bh-acme-trainer"}},
        }
    ]
}
TAKEN = "aws_iam_role.trainer: creating IAM Role: EntityAlreadyExists: Role with name bh-acme-trainer already exists"


class Scripted:
    """Terraform that fails as it is told, and remembers what was asked of it."""

    stack = "acme-vault"

    def __init__(self, *failures: str) -> None:
        self.failures = list(failures)
        self.asked: list[str] = []

    def apply(self, plan: Path) -> None:
        del plan
        self.asked.append("apply")
        if self.failures:
            raise TerraformError(self.stack, "apply", [self.failures.pop(0)], Path("log"))

    def plan(self, file: Path) -> None:
        del file
        self.asked.append("plan")

    def show(self, plan: Path) -> dict[str, object]:
        del plan
        return PLAN

    def adopt(self, address: str, resource_id: str) -> None:
        self.asked.append(f"adopt {address} {resource_id}")


def applied(*failures: str) -> list[str]:
    tool = Scripted(*failures)
    deploy.apply(tool, Path("plan"), lambda _stack, _what: None)  # type: ignore[arg-type]
    return tool.asked


def test_what_works_is_applied_once() -> None:
    assert applied() == ["apply"]


def test_a_hiccup_is_planned_and_applied_once_more() -> None:
    assert applied("connection reset") == ["apply", "plan", "apply"]


def test_the_same_failure_twice_is_the_configurations_and_is_raised() -> None:
    with pytest.raises(TerraformError, match="no such thing"):
        applied("no such thing", "no such thing")


def test_what_a_killed_deploy_left_is_taken_over() -> None:
    assert applied(TAKEN) == ["apply", "adopt aws_iam_role.trainer bh-acme-trainer", "plan", "apply"]


def test_adoption_comes_to_an_end() -> None:
    with pytest.raises(TerraformError):
        applied(*[TAKEN] * 20)


def test_terraforms_errors_are_read_from_its_output() -> None:
    line = '{"diagnostic": {"severity": "error", "summary": "broke", "detail": "here", "address": "a.b"}}'
    assert messages(f"noise\n{line}\n") == ["a.b: broke: here"]


def test_a_plan_that_says_nothing_of_changes_is_indeterminate() -> None:
    with pytest.raises(CommandError, match="nothing is known"):
        changes_in("noise\n")
