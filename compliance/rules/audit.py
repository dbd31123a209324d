"""The record: an organisation trail with data events and digests, kept under Object Lock in another account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems
from compliance.rules.populations import aliases, log_groups, the_account
from compliance.rules.probe import Question, certainly_denied, other_tenants, someone
from compliance.rules.storage import default_key, policy_of
from compliance.rules.view import View

_TRAILS = "cloudtrail:DescribeTrails"
_LATE = timedelta(hours=24)


def trails(view: View) -> Iterator[Resource]:
    """The organisation's trails, seen from the management account; `data` is the description."""
    for trail in view.items(_TRAILS, "trailList", view.management):
        if trail.get("IsOrganizationTrail"):
            yield Resource(trail["TrailARN"], trail)


def _audit_bucket(view: View) -> Iterator[Resource]:
    names = {bucket["Name"] for bucket in view.items("s3:ListBuckets", "Buckets", view.scope.audit_account)}
    name = view.scope.audit_bucket
    yield Resource(f"arn:aws:s3:::{name}", name if name in names else None)


def _there_is_one(view: View, _resource: Resource) -> Outcome:
    found = [trail.id for trail in trails(view)]
    return decide(bool(found), f"{len(found)} organisation trail", "there is no organisation trail")


def _everywhere(_view: View, resource: Resource) -> Outcome:
    trail = resource.data
    problems = [] if trail.get("IsMultiRegionTrail") else ["only one region"]
    problems += [] if trail.get("IncludeGlobalServiceEvents") else ["no events of global services (IAM, STS)"]
    return judge_problems(problems, "all regions and global services")


def _logging(view: View, resource: Resource) -> Outcome:
    status = view.one("cloudtrail:GetTrailStatus", view.management, Name=resource.id) or {}
    problems = [] if status["IsLogging"] else ["the trail is stopped"]
    if status.get("LatestDeliveryError"):
        problems.append(f"delivery fails: {status['LatestDeliveryError']}")
    return judge_problems(problems, "the trail is on and delivers")


def _no_gap(view: View, resource: Resource) -> Outcome:
    facts = view.graph.facts(view.management, "cloudtrail:GetTrailStatus", Name=resource.id)
    status = view.one("cloudtrail:GetTrailStatus", view.management, Name=resource.id) or {}
    last = status.get("LatestDeliveryTime")
    if last is None:
        return failed("nothing was ever delivered")
    gap = datetime.fromisoformat(facts[0].ended.replace("Z", "+00:00")) - datetime.fromisoformat(
        last.replace("Z", "+00:00")
    )
    return decide(gap < _LATE, f"last delivery on {last}", f"nothing was delivered since {last}")


def _digests(_view: View, resource: Resource) -> Outcome:
    on = resource.data.get("LogFileValidationEnabled")
    return decide(bool(on), "digest files chain the log files", "log files carry no digest chain")


def _trail_key(view: View, resource: Resource) -> Outcome:
    key = resource.data.get("KmsKeyId", "")
    own = view.scope.audit_account in key
    return decide(own, f"encrypted under {key}", f"encrypted under {key or 'no key'}, not under the audit account's")


def _trail_target(view: View, resource: Resource) -> Outcome:
    bucket = resource.data.get("S3BucketName")
    return decide(
        bucket == view.scope.audit_bucket, f"goes to {bucket}", f"goes to {bucket}, not to {view.scope.audit_bucket}"
    )


def _data_events(view: View, resource: Resource) -> Outcome:
    answer = view.one("cloudtrail:GetEventSelectors", view.management, TrailName=resource.id) or {}
    seen = {
        kind
        for selector in answer.get("EventSelectors", [])
        for entry in selector.get("DataResources", [])
        for kind in [entry["Type"]]
        if any(value.rstrip("/") in {"arn:aws:s3", "arn:aws:lambda"} for value in entry.get("Values", []))
    }
    for advanced in answer.get("AdvancedEventSelectors", []):
        fields = {entry["Field"]: entry for entry in advanced["FieldSelectors"]}
        whole = not set(fields) - {"eventCategory", "resources.type"}
        if fields.get("eventCategory", {}).get("Equals") == ["Data"] and whole:
            seen |= set(fields.get("resources.type", {}).get("Equals", []))
    return decide(
        "AWS::S3::Object" in seen,
        "reads and writes of every object are recorded",
        "object reads and writes are not recorded for every bucket",
    )


def _management_events(view: View, resource: Resource) -> Outcome:
    answer = view.one("cloudtrail:GetEventSelectors", view.management, TrailName=resource.id) or {}
    simple = any(
        entry.get("IncludeManagementEvents")
        and entry.get("ReadWriteType", "All") == "All"
        and not entry.get("ExcludeManagementEventSources")
        for entry in answer.get("EventSelectors", [])
    )
    advanced = any(
        len(entry["FieldSelectors"]) == 1 and entry["FieldSelectors"][0].get("Equals") == ["Management"]
        for entry in answer.get("AdvancedEventSelectors", [])
    )
    return decide(
        simple or advanced, "every management event is recorded, KMS's too", "some management events are left out"
    )


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
    early = [
        f"rule {rule.get('ID', '?')} deletes after {rule['Expiration'].get('Days', '?')} days"
        for rule in (answer or {}).get("Rules", [])
        if rule.get("Status") == "Enabled"
        and rule.get("Expiration", {}).get("Days", 10**6) < view.scope.audit_retention_days
    ]
    return judge_problems(early, "no lifecycle rule deletes records early")


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
    good = wanted is not None and (key.endswith(wanted) or key == view.scope.audit_key_alias)
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


def _tenant_groups(view: View) -> Iterator[Resource]:
    known = {group["logGroupName"]: group for group in view.items("logs:DescribeLogGroups", "logGroups")}
    for kind, name in view.tenant.log_groups.items():
        yield Resource(f"arn:aws:logs:{view.tenant.region}:{view.account}:log-group:{name}", (kind, known.get(name)))


def _group_exists(_view: View, resource: Resource) -> Outcome:
    kind, group = resource.data
    return decide(group is not None, f"the log group for {kind} exists", f"the log group for {kind} does not exist")


def _group_retention(view: View, resource: Resource) -> Outcome:
    days = resource.data.get("retentionInDays")
    wanted = view.tenant.log_retention_days
    return decide(
        days is None or days >= wanted,
        f"kept for {days or 'ever'} days" if days else "kept for ever",
        f"kept for {days} days, the tenant's file says {wanted}",
    )


def _group_key(_view: View, resource: Resource) -> Outcome:
    key = resource.data.get("kmsKeyId")
    return decide(bool(key), f"encrypted under {key}", "encrypted under no key of ours")


def _policy_there(view: View, resource: Resource) -> Outcome:
    return decide(policy_of(view, _bucket(resource)) is not None, "has a policy", "has no policy")


def _rule(
    name: str,
    title: str,
    severity: Severity,
    needs: tuple[str, ...],
    population: Any,
    check: Any,
    threat: str,
    **parts: Any,
) -> Rule:
    return Rule(
        id=f"audit.{name}",
        title=title,
        severity=severity,
        about=parts.pop("about", About.PLATFORM),
        threat=threat,
        blind=parts.pop("blind", "What the records say; monitoring reads them."),
        remediation=parts.pop("remediation", "Deploy the audit stack; find out in the trail who changed it."),
        objectives=parts.pop("objectives", ("audit.logging",)),
        needs=needs,
        population=population,
        check=check,
        empty=parts.pop("empty", Rule.empty),
    )


_GONE = "Whoever attacks removes the traces."
_BUCKET = ("s3:ListBuckets",)
_NO_TRAIL = failed("there is no organisation trail")
_IMMUTABLE = ("audit.immutable",)

RULES: tuple[Rule, ...] = (
    _rule(
        "account-apart",
        "Records are kept in an account of their own",
        Severity.HIGH,
        ("organizations:ListAccounts",),
        the_account,
        _apart,
        _GONE,
        objectives=("access.separation-of-duties", "audit.immutable"),
    ),
    _rule(
        "trail-exists",
        "There is an organisation trail",
        Severity.CRITICAL,
        (_TRAILS,),
        the_account,
        _there_is_one,
        _GONE,
    ),
    _rule(
        "trail-everywhere",
        "The trail covers all regions and global services",
        Severity.HIGH,
        (_TRAILS,),
        trails,
        _everywhere,
        "An attack in another region leaves no trace.",
        empty=_NO_TRAIL,
    ),
    _rule(
        "trail-on",
        "The trail is on and delivers",
        Severity.CRITICAL,
        (_TRAILS, "cloudtrail:GetTrailStatus"),
        trails,
        _logging,
        _GONE,
        empty=_NO_TRAIL,
    ),
    _rule(
        "trail-no-gap",
        "The trail delivered within the last day",
        Severity.HIGH,
        (_TRAILS, "cloudtrail:GetTrailStatus"),
        trails,
        _no_gap,
        _GONE,
        empty=_NO_TRAIL,
        blind="Gaps between deliveries; `bulkhead evidence trail` names those.",
    ),
    _rule(
        "trail-digests",
        "Log files are chained by digests",
        Severity.HIGH,
        (_TRAILS,),
        trails,
        _digests,
        "Records are changed afterwards.",
        objectives=_IMMUTABLE,
        empty=_NO_TRAIL,
        blind="Whether the chain was checked; `bulkhead evidence trail` does that.",
    ),
    _rule(
        "trail-key",
        "The trail is encrypted under the audit account's key",
        Severity.MEDIUM,
        (_TRAILS,),
        trails,
        _trail_key,
        "Shredding a tenant's key destroys the evidence about it.",
        objectives=_IMMUTABLE,
        empty=_NO_TRAIL,
    ),
    _rule(
        "trail-target",
        "The trail goes to the audit bucket",
        Severity.HIGH,
        (_TRAILS,),
        trails,
        _trail_target,
        _GONE,
        objectives=_IMMUTABLE,
        empty=_NO_TRAIL,
    ),
    _rule(
        "trail-data-events",
        "Reads and writes of every object are recorded",
        Severity.HIGH,
        (_TRAILS, "cloudtrail:GetEventSelectors"),
        trails,
        _data_events,
        "Nobody can say who read the data.",
        empty=_NO_TRAIL,
    ),
    _rule(
        "trail-management-events",
        "Every management event is recorded",
        Severity.HIGH,
        (_TRAILS, "cloudtrail:GetEventSelectors"),
        trails,
        _management_events,
        "Use of keys or changes of policies leave no trace.",
        empty=_NO_TRAIL,
    ),
    _rule("bucket-exists", "The audit bucket exists", Severity.CRITICAL, _BUCKET, _audit_bucket, _audit_exists, _GONE),
    _rule(
        "object-lock",
        "Records cannot be deleted: Object Lock in COMPLIANCE mode, long enough",
        Severity.CRITICAL,
        (*_BUCKET, "s3:GetObjectLockConfiguration"),
        _audit_bucket,
        _locked,
        _GONE,
        objectives=_IMMUTABLE,
        blind="Retention of objects written before the default was set.",
    ),
    _rule(
        "no-early-expiry",
        "No lifecycle rule deletes records early",
        Severity.MEDIUM,
        (*_BUCKET, "s3:GetBucketLifecycleConfiguration"),
        _audit_bucket,
        _no_expiry,
        _GONE,
        objectives=_IMMUTABLE,
    ),
    _rule(
        "bucket-policy",
        "The audit bucket has a policy of its own",
        Severity.HIGH,
        (*_BUCKET, "s3:GetBucketPolicy"),
        _audit_bucket,
        _policy_there,
        _GONE,
        objectives=_IMMUTABLE,
    ),
    _rule(
        "bucket-closed",
        "No tenant reads, writes or deletes records",
        Severity.CRITICAL,
        (*_BUCKET, "s3:GetBucketPolicy"),
        _audit_bucket,
        _audit_closed,
        "A tenant reads about others or removes its own traces.",
        objectives=("audit.immutable", "isolation.resource"),
    ),
    _rule(
        "bucket-key",
        "The audit bucket is encrypted under the audit account's key",
        Severity.MEDIUM,
        (*_BUCKET, "s3:GetBucketEncryption", "kms:ListAliases"),
        _audit_bucket,
        _audit_key,
        "Shredding a tenant's key destroys the evidence about it.",
        objectives=_IMMUTABLE,
    ),
    _rule(
        "log-groups-exist",
        "The log groups that the tenant's file implies exist",
        Severity.HIGH,
        ("logs:DescribeLogGroups",),
        _tenant_groups,
        _group_exists,
        "Key releases and flows are not recorded.",
        about=About.TENANT,
        remediation="Deploy the tenant's stacks.",
    ),
    _rule(
        "log-retention",
        "Logs are kept as long as the tenant's file says",
        Severity.MEDIUM,
        ("logs:DescribeLogGroups",),
        log_groups,
        _group_retention,
        "Evidence is gone before anyone asks for it.",
        about=About.TENANT,
        objectives=("audit.retention",),
    ),
    _rule(
        "log-encryption",
        "Log groups are encrypted under a key of ours",
        Severity.MEDIUM,
        ("logs:DescribeLogGroups",),
        log_groups,
        _group_key,
        "Logs say what was trained on what.",
        about=About.TENANT,
        objectives=("crypto.at-rest",),
    ),
)
