"""Log groups of a tenant: there, kept long enough, encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide
from compliance.rules.populations import log_groups
from compliance.rules.trail import audit_rule
from compliance.rules.view import View


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


RULES: tuple[Rule, ...] = (
    audit_rule(
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
    audit_rule(
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
    audit_rule(
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
