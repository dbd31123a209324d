"""People and long-lived credentials: users, groups, access keys, second factors, passwords, root."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems, passed
from compliance.rules.populations import principals, the_account, users
from compliance.rules.role_powers import DETAILS, identity_rule
from compliance.rules.view import View

UNUSED_DAYS = 90

KEY_DAYS = 90

CREDENTIAL_REPORT = "iam:GetCredentialReport"


def report(view: View) -> list[dict[str, str]]:
    """The rows of the credential report.

    Raises:
        ValueError: the text has no such columns: nobody may be concluded from it to be without a key.
    """
    content = (view.one(CREDENTIAL_REPORT) or {})["Content"]
    read = csv.DictReader(io.StringIO(content))
    lacking = {"user", "arn", "password_enabled", "access_key_1_active"} - set(read.fieldnames or ())
    if lacking:
        msg = f"the credential report has no columns {', '.join(sorted(lacking))}"
        raise ValueError(msg)
    return list(read)


def _report_rows(view: View) -> Iterator[Resource]:
    for row in report(view):
        if row["user"] != "<root_account>":
            yield Resource(row["arn"], row)


def _root(view: View) -> Iterator[Resource]:
    for row in report(view):
        if row["user"] == "<root_account>":
            yield Resource(row["arn"], row)


def _no_users(_view: View, resource: Resource) -> Outcome:
    return failed(f"{resource.data['UserName']} is an IAM user: people and machines come through roles")


def _no_keys(view: View, resource: Resource) -> Outcome:
    row = resource.data
    active = [number for number in ("1", "2") if row[f"access_key_{number}_active"] == "true"]
    old = [
        f"key {number} is from {row[f'access_key_{number}_last_rotated']}"
        for number in active
        if days_since(view, row[f"access_key_{number}_last_rotated"]) > KEY_DAYS
    ]
    return decide(not old, "no access key is old", "; ".join(old))


def _has_password(row: dict[str, str]) -> bool:
    return row["password_enabled"] in {"true", "TRUE"}


def _mfa(_view: View, resource: Resource) -> Outcome:
    row = resource.data
    needed = _has_password(row)
    return decide(
        not needed or row["mfa_active"] == "true",
        "no password without a second factor",
        "a password without a second factor",
    )


def _root_unused(view: View, resource: Resource) -> Outcome:
    row = resource.data
    keys = [number for number in ("1", "2") if row[f"access_key_{number}_active"] == "true"]
    problems = [f"root has {len(keys)} access keys"] if keys else []
    used = row.get("password_last_used", "N/A")
    if used[:1].isdigit() and days_since(view, used) < UNUSED_DAYS:
        problems.append(f"root logged in on {used[:10]}")
    return judge_problems(problems, "root has no access key and was not used lately")


def days_since(view: View, moment: str) -> float:
    """Days from an ISO moment to the time of collection; infinite if there is no moment."""
    if not moment[:1].isdigit():
        return float("inf")
    return (collected(view) - datetime.fromisoformat(moment.replace("Z", "+00:00"))) / timedelta(days=1)


def collected(view: View) -> datetime:
    """When the facts about principals were collected: the end of the last call."""
    ends = [fact.ended for api in (DETAILS, CREDENTIAL_REPORT) for fact in view.graph.facts(view.account, api)]
    return datetime.fromisoformat(max(ends).replace("Z", "+00:00"))


def _no_groups_with_power(view: View, _resource: Resource) -> Outcome:
    groups = [group["GroupName"] for group in principals(view, "GroupDetailList")]
    return decide(not groups, "no groups", f"groups: {', '.join(sorted(groups))}")


def _password_policy(view: View, _resource: Resource) -> Outcome:
    answer = view.one("iam:GetAccountPasswordPolicy")
    people = [row for row in report(view) if row["user"] != "<root_account>" and _has_password(row)]
    if not people:
        return passed("nobody has a password")
    length = (answer or {}).get("PasswordPolicy", {}).get("MinimumPasswordLength", 0)
    return decide(
        length >= 14, "passwords are long", f"{len(people)} people have passwords of {length or 'any'} characters"
    )


STALE = ("access.review",)

RULES: tuple[Rule, ...] = (
    identity_rule(
        "no-users",
        "There are no IAM users",
        Severity.HIGH,
        (DETAILS,),
        users,
        _no_users,
        "A long-lived access key leaks.",
        about=About.BOTH,
    ),
    identity_rule(
        "no-groups",
        "There are no IAM groups",
        Severity.LOW,
        (DETAILS,),
        the_account,
        _no_groups_with_power,
        "Rights that nobody reviews.",
    ),
    identity_rule(
        "access-keys-fresh",
        "No access key is older than 90 days",
        Severity.MEDIUM,
        (CREDENTIAL_REPORT,),
        _report_rows,
        _no_keys,
        "A key that leaked long ago still works.",
        about=About.BOTH,
        objectives=STALE,
    ),
    identity_rule(
        "second-factor",
        "No password works without a second factor",
        Severity.HIGH,
        (CREDENTIAL_REPORT,),
        _report_rows,
        _mfa,
        "A guessed password is enough.",
        about=About.BOTH,
    ),
    identity_rule(
        "passwords-long",
        "Passwords, where there are any, are long",
        Severity.LOW,
        ("iam:GetAccountPasswordPolicy", CREDENTIAL_REPORT),
        the_account,
        _password_policy,
        "A guessed password is enough.",
        about=About.BOTH,
    ),
    identity_rule(
        "root-unused",
        "Root has no access key and is not used",
        Severity.HIGH,
        (CREDENTIAL_REPORT,),
        _root,
        _root_unused,
        "Nothing limits root but the SCPs.",
        about=About.BOTH,
    ),
)
