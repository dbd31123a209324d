"""Builders for the questions of the tests: one account `A`, another `B`, a bucket, a key and a role of `A`."""

from __future__ import annotations

from typing import Any

from compliance.reason.iam import authorise, parse_question

A, B = "111111111111", "222222222222"
OBJECT = "arn:aws:s3:::bucket/data.csv"
KEY = f"arn:aws:kms:us-east-1:{A}:key/1234"
ROLE = f"arn:aws:iam::{A}:role/trainer"
SESSION = f"arn:aws:sts::{A}:assumed-role/trainer/job-1"
USER = f"arn:aws:iam::{A}:user/alice"
FOREIGN_USER = f"arn:aws:iam::{B}:user/bob"
FOREIGN_ROLE = f"arn:aws:iam::{B}:role/trainer"
FOREIGN_SESSION = f"arn:aws:sts::{B}:assumed-role/trainer/job-1"
ROOT = f"arn:aws:iam::{A}:root"
FOREIGN_ROOT = f"arn:aws:iam::{B}:root"


def st(effect: str = "Allow", action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """A statement; `resource=None` leaves the element out, `NotAction`/`NotResource` take the place of theirs."""
    body: dict[str, Any] = {"Effect": effect}
    if "NotAction" not in more:
        body["Action"] = action
    if resource is not None and "NotResource" not in more:
        body["Resource"] = resource
    return body | more


def doc(*statements: dict[str, Any], version: str | None = "2012-10-17") -> dict[str, Any]:
    """A policy document."""
    return ({"Version": version} if version else {}) | {"Statement": list(statements)}


ALL = doc(st())
S3_ALL = doc(st(action="s3:*"))
NOTHING = doc(st(action="none:none"))


def ask(
    who: Any = USER,
    action: str = "s3:GetObject",
    on: str = OBJECT,
    *,
    owner: str = A,
    context: dict[str, Any] | None = None,
    **documents: Any,
) -> dict[str, Any]:
    """A question; documents by their JSON names, a principal as ARN or as the object of the interface."""
    principal = {"arn": who, "account": who.split(":")[4]} if isinstance(who, str) else who
    request = {
        "action": action,
        "resource": {"arn": on, "account": owner},
        "principal": principal,
        "context": context or {},
    }
    return {"request": request} | documents


def allowed(*args: Any, **kwargs: Any) -> bool:
    """Whether the question is answered with allowed."""
    return authorise(*parse_question(ask(*args, **kwargs))).allowed


def holds(condition: dict[str, Any], context: dict[str, Any], version: str | None = "2012-10-17") -> bool:
    """Whether a condition lets an otherwise allowing statement allow; checks that its Deny twin agrees."""
    allows = allowed(context=context, identityPolicies=[doc(st(Condition=condition), version=version)])
    denies = not allowed(context=context, identityPolicies=[ALL, doc(st("Deny", Condition=condition), version=version)])
    assert allows == denies
    return allows


def levels(*policies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Organisation policies, one list per level."""
    return [{"level": f"level-{index}", "policies": list(docs)} for index, docs in enumerate(policies)]
