"""The audit bucket: in an account of its own, under Object Lock, closed to every tenant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compliance.rules.bucket_policies import policy_of
from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, failed, judge_problems
from compliance.rules.populations import aliases, statements, the_account
from compliance.rules.probe import Question, certainly_denied, other_tenants, someone
from compliance.rules.storage import account_of_key, default_key
from compliance.rules.trail import IMMUTABLE, TRACES_REMOVED, audit_rule
from compliance.rules.view import View


def _audit_bucket(view: View) -> Iterator[Resource]:
    names = {bucket["Name"] for bucket in view.items("s3:ListBuckets", "Buckets", view.scope.audit_account)}
    name = view.scope.audit_bucket
    yield Resource(f"arn:aws:s3:::{name}", name if name in names else None)


def _bucket(resource: Resource) -> str:
    if resource.data is None:
        msg = "the audit bucket does not exist"
        raise ValueError(msg)
    return str(resource.data)


def _audit_exists(_view: View, resource: Resource) -> Outcome:
    return decide(resource.data is not None, "the audit bucket exists", "the audit bucket does not exist")


def _locked(view: View, resource: Resource) -> Outcome:
    answer = view.one("s3:GetObjectLockConfiguration", view.scope.audit_account, Bucket=_bucket(resource))
    lock = (answer or {}).get("ObjectLockConfiguration", {})
    retention = lock.get("Rule", {}).get("DefaultRetention", {})
    days = retention.get("Days") or 365 * retention.get("Years", 0)
    problems = [] if lock.get("ObjectLockEnabled") == "Enabled" else ["Object Lock is off"]
    problems += (
        []
        if retention.get("Mode") == "COMPLIANCE"
        else [f"mode is {retention.get('Mode') or 'not set'}, not COMPLIANCE"]
    )
    floor = max(view.scope.retention_floor_days, view.scope.audit_retention_days)
    problems += [] if days >= floor else [f"keeps {days} days, {floor} are asked for"]
    return judge_problems(problems, f"nobody can delete a record for {days} days")


def _no_expiry(view: View, resource: Resource) -> Outcome:
    answer = view.one("s3:GetBucketLifecycleConfiguration", view.scope.audit_account, Bucket=_bucket(resource))
    kept = view.scope.audit_retention_days
    early = [
        f"rule {rule.get('ID', '?')} {when}"
        for rule in (answer or {}).get("Rules", [])
        if rule.get("Status") == "Enabled"
        for when in _deletes(rule, kept)
    ]
    return judge_problems(early, "no lifecycle rule deletes records early")


def _deletes(rule: dict[str, Any], kept: int) -> Iterator[str]:
    """In words, what a lifecycle rule deletes before the end of the retention of `kept` days."""
    expiration = rule.get("Expiration", {})
    if "Date" in expiration:
        yield f"deletes everything on {expiration['Date']}"
    if "Days" in expiration and expiration["Days"] < kept:
        yield f"deletes after {expiration['Days']} days"
    noncurrent = rule.get("NoncurrentVersionExpiration", {})
    if "NoncurrentDays" in noncurrent and noncurrent["NoncurrentDays"] < kept:
        yield f"deletes what was overwritten or deleted after {noncurrent['NoncurrentDays']} days"


def _audit_closed(view: View, resource: Resource) -> Outcome:
    policy = view.one("s3:GetBucketPolicy", view.scope.audit_account, Bucket=_bucket(resource))
    if policy is None:
        return failed("the audit bucket has no policy")
    fixed = {"aws:SecureTransport": "true", "aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"}
    open_ = [
        f"{action} by tenant {name}"
        for names, account in other_tenants(view, [policy["Policy"]])
        for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
        if not certainly_denied(
            [policy["Policy"]],
            "bucket",
            Question(action, f"{resource.id}/x", view.scope.audit_account, someone(account), fixed),
        )
        for name in names
    ]
    return judge_problems(open_, "no tenant reads, writes or deletes records")


def _audit_key(view: View, resource: Resource) -> Outcome:
    name = _bucket(resource)
    key = default_key(view, name) or ""
    wanted = aliases(view).get(view.scope.audit_key_alias)
    own = account_of_key(key) in {"", view.scope.audit_account}
    good = wanted is not None and own and (key.endswith(wanted) or key == view.scope.audit_key_alias)
    return decide(
        good,
        "encrypted under the audit account's key",
        f"encrypted under {key or 'no key'}, not under {view.scope.audit_key_alias}",
    )


def _apart(view: View, _resource: Resource) -> Outcome:
    tenants = {tenant.account for tenant in view.scope.tenants}
    members = {account["Id"] for account in view.items("organizations:ListAccounts", "Accounts", view.management)}
    audit = view.scope.audit_account
    problems = ["the audit account is also a tenant's"] if audit in tenants else []
    problems += ["the audit account is also the management account"] if audit == view.management else []
    problems += [] if audit in members else ["the audit account is not a member of the organisation"]
    return judge_problems(problems, "records are kept in an account of their own")


def _policy_there(view: View, resource: Resource) -> Outcome:
    policy = policy_of(view, _bucket(resource))
    return decide(policy is not None and bool(statements(policy)), "has a policy", "has no policy")


_BUCKET = ("s3:ListBuckets",)

RULES: tuple[Rule, ...] = (
    audit_rule(
        "account-apart",
        "Records are kept in an account of their own",
        Severity.HIGH,
        ("organizations:ListAccounts",),
        the_account,
        _apart,
        TRACES_REMOVED,
        objectives=("access.separation-of-duties", "audit.immutable"),
    ),
    audit_rule(
        "bucket-exists",
        "The audit bucket exists",
        Severity.CRITICAL,
        _BUCKET,
        _audit_bucket,
        _audit_exists,
        TRACES_REMOVED,
    ),
    audit_rule(
        "object-lock",
        "Records cannot be deleted: Object Lock in COMPLIANCE mode, long enough",
        Severity.CRITICAL,
        (*_BUCKET, "s3:GetObjectLockConfiguration"),
        _audit_bucket,
        _locked,
        TRACES_REMOVED,
        objectives=IMMUTABLE,
        blind="Retention of objects written before the default was set.",
    ),
    audit_rule(
        "no-early-expiry",
        "No lifecycle rule deletes records early",
        Severity.MEDIUM,
        (*_BUCKET, "s3:GetBucketLifecycleConfiguration"),
        _audit_bucket,
        _no_expiry,
        TRACES_REMOVED,
        objectives=IMMUTABLE,
    ),
    audit_rule(
        "bucket-policy",
        "The audit bucket has a policy of its own",
        Severity.HIGH,
        (*_BUCKET, "s3:GetBucketPolicy"),
        _audit_bucket,
        _policy_there,
        TRACES_REMOVED,
        objectives=IMMUTABLE,
    ),
    audit_rule(
        "bucket-closed",
        "No tenant reads, writes or deletes records",
        Severity.CRITICAL,
        (*_BUCKET, "s3:GetBucketPolicy"),
        _audit_bucket,
        _audit_closed,
        "A tenant reads about others or removes its own traces.",
        objectives=("audit.immutable", "isolation.resource"),
    ),
    audit_rule(
        "bucket-key",
        "The audit bucket is encrypted under the audit account's key",
        Severity.MEDIUM,
        (*_BUCKET, "s3:GetBucketEncryption", "kms:ListAliases"),
        _audit_bucket,
        _audit_key,
        "Shredding a tenant's key destroys the evidence about it.",
        objectives=IMMUTABLE,
    ),
)
