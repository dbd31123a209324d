"""Data governance, budget, quota, monitoring, and whether everything could be read at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compliance.facts.fact import Status
from compliance.results import Verdict
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems
from compliance.rules.populations import (
    buckets,
    keys,
    launch_templates,
    subnets,
    tags,
    tenant_buckets,
    the_account,
)
from compliance.rules.view import View

LABELS = ("tenant", "platform", "layer")


def _data_sets(view: View) -> Iterator[Resource]:
    for dataset in view.tenant.datasets:
        yield Resource(f"dataset {dataset.id}", dataset)


def _class_limit(view: View, resource: Resource) -> Outcome:
    limit = view.scope.class_retention.get(resource.data.sensitivity)
    if limit is None:
        return failed(f"the class {resource.data.sensitivity} is not one of the platform's")
    days = resource.data.retention_days
    return decide(
        days <= limit,
        f"{days} days, class {resource.data.sensitivity} allows {limit}",
        f"{days} days, class {resource.data.sensitivity} allows {limit}",
    )


def _expires(view: View, resource: Resource) -> Outcome:
    purpose, name, exists = resource.data
    if purpose != "data":
        return Outcome(Verdict.NOT_APPLICABLE, f"the retention of data sets does not speak of the bucket for {purpose}")
    if not exists:
        return failed("the bucket does not exist")
    longest = max(dataset.retention_days for dataset in view.tenant.datasets)
    answer = view.one("s3:GetBucketLifecycleConfiguration", Bucket=name)
    rules = [rule for rule in (answer or {}).get("Rules", []) if rule.get("Status") == "Enabled"]
    whole = [rule for rule in rules if _covers_all(rule) and 0 < rule.get("Expiration", {}).get("Days", 0) <= longest]
    timed = [
        (_prefix(rule), rule["Expiration"]["Days"]) for rule in rules if rule.get("Expiration", {}).get("Days", 0) > 0
    ]
    missing = [
        dataset.id
        for dataset in view.tenant.datasets
        if not any(_speaks_of(prefix, dataset.id) and days <= dataset.retention_days for prefix, days in timed)
        and not any(rule["Expiration"]["Days"] <= dataset.retention_days for rule in whole)
    ]
    noncurrent = [rule for rule in rules if rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays", 0) > 0]
    problems = [f"nothing deletes {', '.join(missing)} at the end of its retention"] if missing else []
    problems += [] if noncurrent else ["old versions are never deleted"]
    return judge_problems(problems, "every data set and its old versions are deleted at the end of their retention")


def _speaks_of(prefix: str, dataset: str) -> bool:
    return dataset in prefix.split("/")


def _prefix(rule: dict[str, Any]) -> str:
    held = rule.get("Filter", {})
    return str(held.get("Prefix") or held.get("And", {}).get("Prefix") or rule.get("Prefix") or "")


def _covers_all(rule: dict[str, Any]) -> bool:
    held = rule.get("Filter", {})
    return not _prefix(rule) and not held.get("Tag") and not held.get("And") and "ObjectSizeGreaterThan" not in held


def bucket_tags(view: View, name: str) -> dict[str, str]:
    """The tags of a bucket."""
    return tags((view.one("s3:GetBucketTagging", Bucket=name) or {}).get("TagSet"))


def _bucket_labels(view: View, resource: Resource) -> Outcome:
    found = bucket_tags(view, resource.data)
    missing = [label for label in (*LABELS, "purpose") if not found.get(label)]
    problems = [f"lacks the labels {', '.join(missing)}"] if missing else []
    if found.get("tenant") not in {None, view.name}:
        problems.append(f"is labelled as {found['tenant']}'s")
    return judge_problems(problems, "every label is there and names this tenant")


def _classified(view: View, resource: Resource) -> Outcome:
    purpose, name, exists = resource.data
    if purpose != "data":
        return Outcome(Verdict.NOT_APPLICABLE, "only buckets of data carry a class")
    if not exists:
        return failed("the bucket does not exist")
    found = bucket_tags(view, name).get("sensitivity", "")
    order = sorted(view.scope.class_retention, key=lambda one: -view.scope.class_retention[one])
    wanted = {dataset.sensitivity for dataset in view.tenant.datasets}
    highest = max(wanted, key=order.index)
    return decide(
        found == highest,
        f"labelled {found}",
        f"labelled {found or 'with no class'}; its data sets are {', '.join(sorted(wanted))}",
    )


def _key_labels(view: View, resource: Resource) -> Outcome:
    found = tags(view.items("kms:ListResourceTags", "Tags", KeyId=resource.data["KeyId"]))
    problems = [] if found.get("tenant") == view.name else [f"is labelled as {found.get('tenant') or 'nobody'}'s"]
    problems += [] if found.get("purpose") else ["names no purpose"]
    return judge_problems(problems, "names this tenant and its purpose")


def _subnet_labels(view: View, resource: Resource) -> Outcome:
    owner = tags(resource.data.get("Tags")).get("tenant")
    return decide(owner == view.name, "names this tenant", f"is labelled as {owner or 'nobody'}'s")


def _template_labels(view: View, resource: Resource) -> Outcome:
    named = [tags(entry.get("Tags")).get("tenant") for entry in resource.data.get("TagSpecifications", [])]
    return decide(
        view.name in named, "machines and disks get the tenant's label", "machines and disks get no tenant label"
    )


def _budget(view: View, _resource: Resource) -> Outcome:
    budgets = view.items("budgets:DescribeBudgets", "Budgets", AccountId=view.account)
    monthly = [
        b
        for b in budgets
        if b.get("TimeUnit") == "MONTHLY" and b.get("BudgetType", "COST") == "COST" and "BudgetLimit" in b
    ]
    fitting = [b for b in monthly if float(b["BudgetLimit"]["Amount"]) <= view.tenant.budget_usd]
    if not monthly:
        return failed("there is no monthly cost budget")
    amounts = ", ".join(b["BudgetLimit"]["Amount"] for b in monthly)
    return decide(
        bool(fitting),
        f"monthly budget of {amounts} USD",
        f"budget of {amounts} USD, the tenant's file says {view.tenant.budget_usd}",
    )


def _budget_alerts(view: View, _resource: Resource) -> Outcome:
    told: set[float] = set()
    for budget in view.items("budgets:DescribeBudgets", "Budgets", AccountId=view.account):
        for alert in view.items(
            "budgets:DescribeNotificationsForBudget",
            "Notifications",
            AccountId=view.account,
            BudgetName=budget["BudgetName"],
        ):
            told.add(float(alert["Threshold"]))
    missing = [str(percent) for percent in view.tenant.budget_alerts if float(percent) not in told]
    return decide(not missing, "someone is told at every threshold", f"nobody is told at {', '.join(missing)} %")


def _quota(view: View, _resource: Resource) -> Outcome:
    quotas = view.items("service-quotas:ListServiceQuotas", "Quotas", ServiceCode="ec2")
    names = [quota["QuotaName"] for quota in quotas if quota.get("QuotaName", "").startswith("Running On-Demand P")]
    return decide(
        bool(names),
        f"the quota for accelerators is known ({', '.join(names)})",
        "the quota for accelerators is not listed",
    )


def _alarms(view: View, _resource: Resource) -> Outcome:
    alarms = view.items("cloudwatch:DescribeAlarms", "MetricAlarms")
    working = [alarm for alarm in alarms if alarm.get("ActionsEnabled", True)]
    return decide(bool(working), f"{len(working)} alarms", "there is no alarm")


def _refused_flows(view: View, _resource: Resource) -> Outcome:
    group = view.tenant.log_groups["flow"]
    filters = view.items("logs:DescribeMetricFilters", "metricFilters", logGroupName=group)
    metrics = {
        t["metricName"]
        for entry in filters
        if "REJECT" in entry.get("filterPattern", "")
        for t in entry["metricTransformations"]
    }
    alarmed = {alarm.get("MetricName") for alarm in view.items("cloudwatch:DescribeAlarms", "MetricAlarms")}
    return decide(bool(metrics & alarmed), "refused flows raise an alarm", "refused flows raise no alarm")


def _detector(view: View, _resource: Resource) -> Outcome:
    found = view.items("guardduty:ListDetectors", "DetectorIds")
    on = [one for one in found if (view.one("guardduty:GetDetector", DetectorId=one) or {}).get("Status") == "ENABLED"]
    return decide(bool(on), "GuardDuty is on", "GuardDuty is off")


def _analyzer(view: View, _resource: Resource) -> Outcome:
    found = [
        entry["name"]
        for entry in view.items("accessanalyzer:ListAnalyzers", "analyzers")
        if entry.get("status") == "ACTIVE"
    ]
    return decide(bool(found), f"Access Analyzer is on ({', '.join(found)})", "Access Analyzer is off")


def _complete(view: View, _resource: Resource) -> Outcome:
    """Everything asked was answered. What the endpoint does not implement is listed in the coverage, not here."""
    accounts = view.scope.accounts_of(view.name)
    unread = sorted(
        {
            f"{fact.api} ({fact.status})"
            for fact in view.graph
            if fact.account in accounts
            and not fact.status.read
            and fact.status is not Status.UNIMPLEMENTED
            and fact.api != "sts:AssumeRole"
        }
    )
    silent = [account for account in accounts if not view.graph.facts(account, "sts:GetCallerIdentity")]
    problems = [f"account {account} could not be entered" for account in silent] + unread
    if not problems:
        return Outcome(Verdict.PASS, "every call was answered, or is not implemented at this endpoint")
    return Outcome(Verdict.INDETERMINATE, f"could not be read: {', '.join(problems)}")


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
        id=name,
        title=title,
        severity=severity,
        about=parts.pop("about", About.TENANT),
        threat=threat,
        blind=parts.pop("blind", "What is inside the resource."),
        remediation=parts.pop("remediation", "Deploy the tenant's stacks again."),
        objectives=parts.pop("objectives"),
        needs=needs,
        population=population,
        check=check,
    )


_LABEL = ("data.labels",)
_WATCH = ("monitoring.detection",)
_NOBODY = "What nobody can attribute is nobody's to protect."

RULES: tuple[Rule, ...] = (
    _rule(
        "data.retention-within-class",
        "No data set is kept longer than its class allows",
        Severity.MEDIUM,
        (),
        _data_sets,
        _class_limit,
        "Personal data is kept without need.",
        objectives=("data.retention",),
        remediation="Lower retention_days in the tenant's file.",
    ),
    _rule(
        "data.retention-enforced",
        "Data is deleted at the end of its retention",
        Severity.HIGH,
        ("s3:ListBuckets", "s3:GetBucketLifecycleConfiguration"),
        tenant_buckets,
        _expires,
        "Personal data is kept without need.",
        objectives=("data.retention",),
        blind="Copies elsewhere.",
    ),
    _rule(
        "data.buckets-labelled",
        "Every bucket carries every label",
        Severity.MEDIUM,
        ("s3:ListBuckets", "s3:GetBucketTagging"),
        buckets,
        _bucket_labels,
        _NOBODY,
        objectives=_LABEL,
    ),
    _rule(
        "data.classified",
        "Buckets of data carry the class of their data",
        Severity.MEDIUM,
        ("s3:ListBuckets", "s3:GetBucketTagging"),
        tenant_buckets,
        _classified,
        "Sensitive data is handled like other data.",
        objectives=("data.classification",),
        blind="Whether the class is right.",
    ),
    _rule(
        "data.keys-labelled",
        "Every key names its tenant and purpose",
        Severity.LOW,
        ("kms:ListKeys", "kms:DescribeKey", "kms:ListResourceTags"),
        keys,
        _key_labels,
        _NOBODY,
        objectives=_LABEL,
    ),
    _rule(
        "data.subnets-labelled",
        "Every subnet names its tenant",
        Severity.LOW,
        ("ec2:DescribeSubnets",),
        subnets,
        _subnet_labels,
        _NOBODY,
        objectives=_LABEL,
    ),
    _rule(
        "data.machines-labelled",
        "Machines and disks get the tenant's label",
        Severity.LOW,
        ("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions"),
        launch_templates,
        _template_labels,
        _NOBODY,
        objectives=_LABEL,
    ),
    _rule(
        "budget.limit",
        "There is a monthly budget within the tenant's file",
        Severity.MEDIUM,
        ("budgets:DescribeBudgets",),
        the_account,
        _budget,
        "A stolen role mines coins at the tenant's cost.",
        objectives=("resources.quota",),
    ),
    _rule(
        "budget.alerts",
        "Someone is told at every threshold of the budget",
        Severity.LOW,
        ("budgets:DescribeBudgets", "budgets:DescribeNotificationsForBudget"),
        the_account,
        _budget_alerts,
        "Nobody notices in time.",
        objectives=("resources.quota",),
    ),
    _rule(
        "budget.quota-known",
        "The quota for accelerators is known",
        Severity.LOW,
        ("service-quotas:ListServiceQuotas",),
        the_account,
        _quota,
        "One tenant takes the capacity of others.",
        objectives=("resources.quota",),
        blind="Whether the quota is the wanted one.",
    ),
    _rule(
        "monitoring.alarms",
        "There are alarms",
        Severity.MEDIUM,
        ("cloudwatch:DescribeAlarms",),
        the_account,
        _alarms,
        "Nobody notices.",
        objectives=_WATCH,
        blind="Who is told.",
    ),
    _rule(
        "monitoring.refused-flows",
        "Refused flows raise an alarm",
        Severity.MEDIUM,
        ("logs:DescribeMetricFilters", "cloudwatch:DescribeAlarms"),
        the_account,
        _refused_flows,
        "Probing for a way out goes unnoticed.",
        objectives=_WATCH,
        blind="Who is told.",
    ),
    _rule(
        "monitoring.guardduty",
        "GuardDuty is on",
        Severity.MEDIUM,
        ("guardduty:ListDetectors", "guardduty:GetDetector"),
        the_account,
        _detector,
        "Known attacks go unnoticed.",
        about=About.BOTH,
        objectives=_WATCH,
    ),
    _rule(
        "monitoring.access-analyzer",
        "Access Analyzer is on",
        Severity.LOW,
        ("accessanalyzer:ListAnalyzers",),
        the_account,
        _analyzer,
        "External access goes unnoticed between two scans.",
        about=About.BOTH,
        objectives=_WATCH,
    ),
    _rule(
        "coverage.complete",
        "Everything that was asked was answered",
        Severity.HIGH,
        ("sts:GetCallerIdentity",),
        the_account,
        _complete,
        "What could not be read is taken for clean.",
        about=About.BOTH,
        objectives=("inventory.complete",),
        blind="What no collector asks for, and what the endpoint does not implement; the coverage lists both.",
    ),
)
