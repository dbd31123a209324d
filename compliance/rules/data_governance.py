"""Data governance: retention, classes, labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compliance.results import Verdict
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems
from compliance.rules.populations import AUTO_SCALING, buckets, keys, launch_templates, subnets, tags, tenant_buckets
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


def governance_rule(
    name: str,
    title: str,
    severity: Severity,
    needs: tuple[str, ...],
    population: Any,
    check: Any,
    threat: str,
    **parts: Any,
) -> Rule:
    """A rule of a room of its own: data, budget, monitoring, coverage."""
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

_NOBODY = "What nobody can attribute is nobody's to protect."

RULES: tuple[Rule, ...] = (
    governance_rule(
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
    governance_rule(
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
    governance_rule(
        "data.buckets-labelled",
        "Every bucket carries every label",
        Severity.MEDIUM,
        ("s3:ListBuckets", "s3:GetBucketTagging"),
        buckets,
        _bucket_labels,
        _NOBODY,
        objectives=_LABEL,
    ),
    governance_rule(
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
    governance_rule(
        "data.keys-labelled",
        "Every key names its tenant and purpose",
        Severity.LOW,
        ("kms:ListKeys", "kms:DescribeKey", "kms:ListResourceTags"),
        keys,
        _key_labels,
        _NOBODY,
        objectives=_LABEL,
    ),
    governance_rule(
        "data.subnets-labelled",
        "Every subnet names its tenant",
        Severity.LOW,
        ("ec2:DescribeSubnets",),
        subnets,
        _subnet_labels,
        _NOBODY,
        objectives=_LABEL,
    ),
    governance_rule(
        "data.machines-labelled",
        "Machines and disks get the tenant's label",
        Severity.LOW,
        ("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions", AUTO_SCALING),
        launch_templates,
        _template_labels,
        _NOBODY,
        objectives=_LABEL,
    ),
)
